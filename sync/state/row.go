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
	externalID string
	accountID  int64
	account    string
	notes      string
	written    int64
	sum        int64
}

const rowColumns = "external_id, account_id, account, notes, written, sum"

// columns are where Scan puts rowColumns.
func (r *row) columns() []any {
	return []any{&r.externalID, &r.accountID, &r.account, &r.notes, &r.written, &r.sum}
}

func (r *row) values() []any {
	return []any{r.externalID, r.accountID, r.account, r.notes, r.written, r.sum}
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

// accountCopy is an account as the file holds it: without what the row says already, and without empty values.
type accountCopy struct {
	Values    map[user.Field]string `json:"values"`
	CreatedAt time.Time             `json:"created_at,omitzero"`
	UpdatedAt time.Time             `json:"updated_at,omitzero"`
}

func (r *row) entry() (entry, error) {
	e := entry{externalID: r.externalID, written: r.written}
	if err := r.check(); err != nil {
		return e, err
	}
	if err := decode(r.notes, &e.notes); err != nil {
		return e, fmt.Errorf("what was learned of %q: %w", r.externalID, err)
	}
	if r.accountID == 0 {
		return e, nil
	}
	var stored accountCopy
	if err := decode(r.account, &stored); err != nil {
		return e, fmt.Errorf("the mirror of %q: %w", r.externalID, err)
	}
	e.account = account.Account{ID: r.accountID, ExternalID: r.externalID, CreatedAt: stored.CreatedAt, UpdatedAt: stored.UpdatedAt}
	for field := range e.account.Values {
		e.account.Values[field] = user.Text(stored.Values[user.Field(field)])
	}
	return e, nil
}

func (e *entry) row() (row, error) {
	r := row{externalID: e.externalID, accountID: e.account.ID, written: e.written}
	var err error
	if e.account.ID != 0 {
		stored := accountCopy{CreatedAt: e.account.CreatedAt.UTC(), UpdatedAt: e.account.UpdatedAt.UTC()}
		stored.Values = make(map[user.Field]string, len(e.account.Values))
		for field, value := range e.account.Values {
			if value.Text != "" {
				stored.Values[user.Field(field)] = value.Text
			}
		}
		if r.account, err = encode(stored); err != nil {
			return r, err
		}
	}
	if !e.notes.empty() {
		if r.notes, err = encode(e.notes); err != nil {
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
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := uint32(0)
	for _, text := range texts {
		sum = crc32.Update(sum, table, []byte(text))
		sum = crc32.Update(sum, table, []byte{0xff}) // in no UTF-8 text
	}
	return int64(sum)
}
