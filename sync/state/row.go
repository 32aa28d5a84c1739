package state

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// row is an entry as the file holds it. The database finds what is damaged in its own structure, but not a letter
// that changed within a value; the sum does.
type row struct {
	number     int64 // 0: not in the file yet
	externalID string
	accountID  int64
	account    string
	notes      string
	written    int64
	sum        int64
}

const rowColumns = "row, external_id, account_id, account, notes, written, sum"

// columns are where Scan puts rowColumns.
func (r *row) columns() []any {
	return []any{&r.number, &r.externalID, &r.accountID, &r.account, &r.notes, &r.written, &r.sum}
}

func (r *row) checksum() int64 {
	var numbers [40]byte
	text := strconv.AppendInt(numbers[:0], r.accountID, 10)
	text = append(text, ' ')
	text = strconv.AppendInt(text, r.written, 10)
	return checksum(r.externalID, r.account, r.notes, string(text))
}

func (r *row) check() error {
	if r.sum != r.checksum() {
		return fmt.Errorf("what is known of %q: %w", r.externalID, errBroken)
	}
	return nil
}

// accountCopy is an account as the file holds it: without what the row says already, and without empty values. Whatever
// changes in it, or in the order of fields, changes in readQuickly too.
type accountCopy struct {
	ExternalID *string    `json:"external_id,omitempty"` // where it isn't the row's
	Values     valuesCopy `json:"values"`
	CreatedAt  time.Time  `json:"created_at,omitzero"`
	UpdatedAt  time.Time  `json:"updated_at,omitzero"`
}

type valuesCopy struct {
	CustomData string `json:"custom_data,omitempty"`
	Email      string `json:"email,omitempty"`
	FullName   string `json:"full_name,omitempty"`
	Login      string `json:"login,omitempty"`
	Phone      string `json:"phone,omitempty"`
	Tags       string `json:"tags,omitempty"`
	Website    string `json:"website,omitempty"`
}

// copied returns the values that are set.
func copied(values user.Values) (v valuesCopy) {
	for field, text := range v.fields() {
		*text = values[field].Text
	}
	return v
}

func (v *valuesCopy) fields() [len(user.Values{})]*string {
	return [...]*string{
		user.Login: &v.Login, user.Email: &v.Email, user.FullName: &v.FullName, user.Phone: &v.Phone,
		user.Website: &v.Website, user.CustomData: &v.CustomData, user.Tags: &v.Tags,
	}
}

func (r *row) entry() (entry, error) {
	e := entry{number: r.number, externalID: r.externalID, written: r.written}
	if err := r.check(); err != nil {
		return e, err
	}
	var stored accountCopy
	if !readQuickly(r.account, r.notes, &stored, &e.notes.Mine) {
		var err error
		if stored, e.notes, err = r.decode(); err != nil {
			return e, err
		}
	}
	if r.accountID == 0 {
		return e, nil
	}
	e.account = account.Account{ID: r.accountID, ExternalID: r.externalID, CreatedAt: stored.CreatedAt, UpdatedAt: stored.UpdatedAt}
	if stored.ExternalID != nil {
		e.account.ExternalID = *stored.ExternalID
	}
	for field, text := range stored.Values.fields() {
		e.account.Values[field] = user.Text(*text)
	}
	return e, nil
}

// decode reads what isn't read quickly.
func (r *row) decode() (stored accountCopy, n notes, err error) {
	if err := decode(r.notes, &n); err != nil {
		return stored, n, fmt.Errorf("what was learned of %q: %w", r.externalID, err)
	}
	if err := decode(r.account, &stored); err != nil {
		return stored, n, fmt.Errorf("the mirror of %q: %w", r.externalID, err)
	}
	return stored, n, nil
}

func (e *entry) row() (row, error) {
	r := row{number: e.number, externalID: e.externalID, accountID: e.account.ID, written: e.written}
	var err error
	if e.account.ID != 0 {
		stored := accountCopy{Values: copied(e.account.Values), CreatedAt: e.account.CreatedAt.UTC(), UpdatedAt: e.account.UpdatedAt.UTC()}
		if e.account.ExternalID != e.externalID {
			stored.ExternalID = &e.account.ExternalID
		}
		if r.account, err = stored.encode(); err != nil {
			return r, err
		}
	}
	if !e.notes.empty() {
		if r.notes, err = e.notes.encode(); err != nil {
			return r, err
		}
	}
	r.sum = r.checksum()
	return r, nil
}

// encode writes JSON; decode reads it, and "" as nothing.
func encode(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

func decode(text string, value any) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), value); err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	return nil
}

// checksum covers texts and their borders.
func checksum(texts ...string) int64 {
	border := []byte{0xff} // in no UTF-8 text
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := uint32(0)
	for _, text := range texts {
		sum = crc32.Update(sum, table, []byte(text))
		sum = crc32.Update(sum, table, border)
	}
	return int64(sum)
}
