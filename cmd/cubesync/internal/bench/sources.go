package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"cubesync/source/sourcetest/servers"
	"cubesync/sync/plan"
)

const sourceRounds = 11

// kind is a kind of source, and what is demanded of it.
type kind struct {
	name  string // as the command reading calls it
	users int
	least float64 // of the users a second that a bare loop over its library reaches
	most  int64   // bytes of memory; 0: any
	// hold has somebody hold so many users, until end.
	hold func(b *bench, ctx context.Context, users int) (h held, end func(), err error)
}

func kinds() []kind {
	return []kind{
		{"csv", 5_000_000, 0.9, 32e6, (*bench).inFile},
		{"ldap", 100_000, 0.9, 40e6, (*bench).inDirectory},
		{"postgres", 1_000_000, 0.8, 0, (*bench).inPostgreSQL},
		{"sqlite", 1_000_000, 0.8, 0, (*bench).inSQLite},
	}
}

// held is where users are.
type held struct {
	place string
	// beside are the name and arguments of a program that reads the same to show how fast that can be; nil for none.
	beside []string
}

// sources reads users from each kind of source, in turn as a pipeline does and by a bare loop over the library that the source
// stands on, and shows users a second and memory. Each read is a process of its own.
func (b *bench) sources(ctx context.Context, out io.Writer) error {
	if err := b.buildReading(ctx); err != nil {
		return err
	}
	var failures []error
	for _, k := range kinds() {
		if err := b.source(ctx, k, out); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", k.name, err))
		}
	}
	return errors.Join(failures...)
}

func (b *bench) source(ctx context.Context, k kind, out io.Writer) error {
	h, end, err := k.hold(b, ctx, k.users)
	if err != nil {
		return err
	}
	defer end()
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "%s users from %s\n", plan.Number(k.users), k.name)
	fmt.Fprintln(table, "round\tsource/s\tMB\tbare loop/s\tshare\t")
	var turns []turn
	for range sourceRounds {
		t, err := b.turn(ctx, k, h)
		if err != nil {
			return err
		}
		turns = append(turns, t)
		fmt.Fprintf(table, "%d\t%.0f\t%.0f\t%.0f\t%.2f\t\n", len(turns), perSecond(k.users, t.source), megabytes(t.peak), perSecond(k.users, t.bare), t.share())
	}
	failed := table.Flush()
	beside, err := b.besides(ctx, k, h)
	fmt.Fprintln(out, beside)
	return errors.Join(failed, err, k.judge(turns))
}

func perSecond(users int, took time.Duration) float64 { return float64(users) / took.Seconds() }

// turn is a read by us, and one by a bare loop.
type turn struct {
	source, bare time.Duration
	peak         int64 // of memory, by us
}

// share is how much of the loop's users a second we reach.
func (t turn) share() float64 { return t.bare.Seconds() / t.source.Seconds() }

func (b *bench) turn(ctx context.Context, k kind, h held) (t turn, err error) {
	if t.source, t.peak, err = b.read(ctx, k, "source", h); err != nil {
		return t, err
	}
	t.bare, _, err = b.read(ctx, k, "bare", h)
	return t, err
}

// judge compares the median share, and the largest memory, with what is demanded.
func (k kind) judge(turns []turn) error {
	var shares []float64
	var peak int64
	for _, t := range turns {
		shares, peak = append(shares, t.share()), max(peak, t.peak)
	}
	slices.Sort(shares)
	var failures []error
	if median := shares[len(shares)/2]; median < k.least {
		failures = append(failures, fmt.Errorf("the source reached %.2f of the bare loop's users a second, want %.2f", median, k.least))
	}
	if k.most > 0 && peak > k.most {
		failures = append(failures, fmt.Errorf("a read took %.0f MB, and may take %.0f", megabytes(peak), megabytes(k.most)))
	}
	return errors.Join(failures...)
}

// read has a process read everybody in one of two ways. Its memory may be our own, as cost.check says, which is no less.
func (b *bench) read(ctx context.Context, k kind, way string, h held) (took time.Duration, peak int64, err error) {
	command := exec.CommandContext(ctx, b.reading(), k.name, way, h.place)
	var said bytes.Buffer
	command.Stdout = &said
	cost, err := b.costOf(command)
	if err != nil {
		return 0, 0, err
	}
	var read struct {
		Users int
		Took  time.Duration
	}
	err = json.Unmarshal(said.Bytes(), &read)
	if err == nil && (read.Users != k.users || read.Took <= 0) {
		err = fmt.Errorf("reading by %s: %d of %d users in %s", way, read.Users, k.users, read.Took)
	}
	return read.Took, cost.peak, err
}

// besides has another program read everybody, once, and says how fast it was.
func (b *bench) besides(ctx context.Context, k kind, h held) (string, error) {
	if len(h.beside) == 0 {
		return "", nil
	}
	name := h.beside[0]
	if _, err := exec.LookPath(name); err != nil {
		return name + " isn't installed, and isn't compared with\n", nil
	}
	cost, err := b.costOf(exec.CommandContext(ctx, name, h.beside[1:]...))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s takes %.2f s: %.0f/s\n", name, cost.wall.Seconds(), perSecond(k.users, cost.wall)), nil
}

func (b *bench) reading() string { return filepath.Join(b.folder, "reading") }

// buildReading makes the command that reads, as the program is built.
func (b *bench) buildReading(ctx context.Context) error {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.reading(), "cubesync/cmd/cubesync/internal/bench/reading")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	return b.execute(command)
}

func (b *bench) inFile(ctx context.Context, users int) (held, func(), error) {
	path := filepath.Join(b.folder, "users.csv")
	return held{place: path}, func() { _ = os.Remove(path) }, b.generate(ctx, users, path)
}

func (b *bench) inDirectory(_ context.Context, users int) (held, func(), error) {
	folder, err := os.MkdirTemp(b.folder, "slapd-")
	if err != nil {
		return held{}, nil, err
	}
	slapd, err := servers.StartSlapdIn(folder, servers.SlapdOptions{
		Lines: []string{"sizelimit unlimited"},
		Load: func(w io.Writer) error {
			for n := range users {
				if _, err := fmt.Fprintf(w, person, n); err != nil {
					return err
				}
			}
			return nil
		},
	})
	if err != nil {
		return held{}, nil, err
	}
	return held{slapd.URL, []string{
		"ldapsearch", "-x", "-LLL", "-H", slapd.URL, "-b", servers.Suffix, "-E", "pr=1000/noprompt",
		"(objectClass=inetOrgPerson)", "uid", "cn", "mail", "telephoneNumber", "departmentNumber",
	}}, slapd.Stop, nil
}

// person is an entry, as LDIF.
const person = `dn: uid=E%07[1]d,` + servers.Suffix + `
objectClass: inetOrgPerson
uid: E%07[1]d
cn: Some Body %[1]d
sn: Body %[1]d
givenName: Some
mail: some.body.%[1]d@example.com
telephoneNumber: +49 30 1234567
departmentNumber: Research
description: what nobody asks for

`

func (b *bench) inPostgreSQL(ctx context.Context, users int) (held, func(), error) {
	server, err := servers.StartPostgreSQL()
	if err != nil {
		return held{}, nil, err
	}
	address := fmt.Sprintf("host=%s port=%d user=%s dbname=postgres", filepath.Dir(server.Socket), server.Port, servers.Superuser)
	err = b.execute(exec.CommandContext(ctx, "psql", "-X", address, "-c", fmt.Sprintf(`CREATE TABLE staff AS SELECT 'E' || lpad(n::text, 7, '0') AS employee_id,
		'Some Body ' || n AS full_name, 'some.body.' || n || '@example.com' AS email, '+49 30 1234567' AS phone, 'Research' AS department
		FROM generate_series(1, %d) AS n`, users), "-c", "VACUUM ANALYZE staff")) // which would go on beside a read
	if err != nil {
		server.Stop()
		return held{}, nil, err
	}
	return held{address, []string{
		"psql", "-X", address, "-c", `\copy (SELECT employee_id, full_name, email, phone, department FROM staff) TO STDOUT`,
	}}, server.Stop, nil
}

func (b *bench) inSQLite(ctx context.Context, users int) (held, func(), error) {
	path := filepath.Join(b.folder, "people.db")
	err := b.execute(exec.CommandContext(ctx, b.reading(), "sqlite", "make", path, strconv.Itoa(users)))
	return held{place: path}, func() { _ = os.Remove(path) }, err
}
