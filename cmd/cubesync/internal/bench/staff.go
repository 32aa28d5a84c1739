package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"cubesync/sync/user"
)

// block is of how many users one changes and one leaves; for each block, one joins.
const block = 100

// The columns of a sample file.
const (
	employeeID = iota
	email
	givenName
	familyName
	phone
	website
	department
	tags
	customData
	columns
)

// differences are how many users differ between two files.
type differences struct{ Added, Changed, Gone int }

// staff is a company's users on two days, and the accounts that they had on the first: all of them, with equal values,
// as a finished run leaves them.
type staff struct {
	before, after io.Writer // CSV
	accounts      io.Writer // a data file of the emulator
	since         time.Time // when the first account was made; the others follow
}

// every is how much later the next account was made. Accounts of one moment would all be new to whoever asks what
// changed since.
const every = 10 * time.Second

// write reads users as CSV, first those of the first day, as many as said, then those who join. Of the others it changes
// and removes one in each block.
func (s *staff) write(from io.Reader, users int) (differences, error) {
	in := csv.NewReader(from)
	in.ReuseRecord = true
	header, err := in.Read()
	if err != nil {
		return differences{}, err
	}
	if len(header) != columns || header[employeeID] != "employee_id" || header[customData] != "custom_data" {
		return differences{}, fmt.Errorf("the columns of the sample are now %q", header)
	}
	before, after, accounts := csv.NewWriter(s.before), csv.NewWriter(s.after), bufio.NewWriter(s.accounts)
	_, _ = before.Write(header), after.Write(header) // the first error stays, and is asked for at the end
	fmt.Fprintf(accounts, `{"cubesync_emulator":1,"last_id":%d}`+"\n", users)
	made, fates := differences{}, newFates()
	for n := 0; ; n++ {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return made, err
		}
		if n >= users {
			made.Added++
			_ = after.Write(row)
			continue
		}
		_ = before.Write(row)
		line, err := json.Marshal(entry{"user", int64(n + 1), accountOf(row, s.since.Add(time.Duration(n)*every))})
		if err != nil {
			return made, err
		}
		_, _ = accounts.Write(append(line, '\n'))
		switch fates.next() {
		case leaves:
			made.Gone++
			continue
		case changes:
			made.Changed++
			fates.change(row)
		}
		_ = after.Write(row)
	}
	before.Flush()
	after.Flush()
	return made, errors.Join(before.Error(), after.Error(), accounts.Flush())
}

// fate is what becomes of a user from one day to the other.
type fate int

const (
	stays fate = iota
	changes
	leaves
)

// fates draws one who changes and one who leaves in each block, always the same ones.
type fates struct {
	random *rand.Rand
	of     [block]fate
	drawn  int
}

func newFates() *fates { return &fates{random: rand.New(rand.NewPCG(1, 0x706c616e))} }

func (f *fates) next() fate {
	i := f.drawn % block
	f.drawn++
	if i == 0 {
		f.of = [block]fate{}
		changed := f.random.IntN(block)
		f.of[changed] = changes
		f.of[(changed+1+f.random.IntN(block-1))%block] = leaves
	}
	return f.of[i]
}

// change gives the user another name, phone or place: a value that is neither written as before nor means the same.
func (f *fates) change(row []string) {
	other := func(column int, as user.Field, first, second string) {
		if as.Equal(row[column], first) {
			first = second
		}
		row[column] = first
	}
	switch f.random.IntN(3) {
	case 0:
		other(familyName, user.FullName, "Beispiel", "Muster")
	case 1:
		other(phone, user.Phone, "+1 202 555 0123", "+1 202 555 0145")
	case 2:
		other(customData, user.CustomData, `{"office":"Utrecht"}`, `{"office":"Delft"}`)
	}
}

// entry is a line of the emulator's data file, and known its user; a server of another version refuses the file.
type entry struct {
	Op   string `json:"op"`
	ID   int64  `json:"id"`
	User known  `json:"user"`
}

type known struct {
	Login      string   `json:"login"`
	Email      string   `json:"email"`
	FullName   string   `json:"full_name"`
	Phone      string   `json:"phone,omitempty"`
	Website    string   `json:"website,omitempty"`
	ExternalID string   `json:"external_id"`
	CustomData string   `json:"custom_data,omitempty"`
	Tags       []string `json:"tags"`
	Created    int64    `json:"created"`
	Updated    int64    `json:"updated"`
	Password   string   `json:"password"`
}

// accountOf is what a sign-up of the user would have made, with a password that nobody knows.
func accountOf(row []string, made time.Time) known {
	site := row[website]
	if site != "" && !strings.Contains(site, "://") {
		site = "http://" + site // as the service does
	}
	all := append(strings.Split(row[tags], ";"), ownerTag)
	return known{
		Login: user.ComputedLogin(row[employeeID]), Email: row[email],
		FullName: strings.TrimSpace(row[givenName] + " " + row[familyName]),
		Phone:    row[phone], Website: site, ExternalID: row[employeeID], CustomData: row[customData],
		Tags:    slices.DeleteFunc(all, func(tag string) bool { return tag == "" }),
		Created: made.Unix(), Updated: made.Unix(), Password: strings.Repeat("0", 80),
	}
}
