package plan

import (
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"time"
	"unicode/utf8"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// appendOperation writes an operation as fileOperation is read. Nearly all lines of a large plan are operations, and
// reflection took ten times as long for them.
func appendOperation(to []byte, op *Operation) ([]byte, error) {
	w := lineWriter{to: append(to, `{"operation":{`...)}
	w.text("kind", string(op.Kind))
	w.given("step", string(op.Step))
	w.text("external_id", op.ExternalID)
	w.givenNumber("account_id", op.AccountID)
	w.given("position", string(op.Position))
	w.text("reason", string(op.Reason))
	if len(op.Changes) > 0 {
		w.key("changes")
		w.list(len(op.Changes), func(i int) {
			c := &op.Changes[i]
			w.open()
			w.text("field", c.Field.String())
			w.text("before", c.Before)
			w.text("after", c.After)
			w.close()
		})
	}
	if op.ExternalIDBefore != nil {
		w.text("external_id_before", *op.ExternalIDBefore)
	}
	if op.Approved {
		w.key("approved")
		w.to = append(w.to, "true"...)
	}
	w.given("blocked", string(op.Blocked))
	w.given("detail", op.Detail)
	w.key("wave")
	w.to = strconv.AppendInt(w.to, int64(op.Wave), 10)
	if len(op.WaitsFor) > 0 {
		w.key("waits_for")
		w.list(len(op.WaitsFor), func(i int) { w.to = appendText(w.to, op.WaitsFor[i]) })
	}
	if len(op.Parked) > 0 {
		w.key("parked")
		w.list(len(op.Parked), func(i int) {
			w.open()
			w.text("field", op.Parked[i].Field.String())
			w.text("to", op.Parked[i].To)
			w.close()
		})
	}
	w.given("ring", op.Ring)
	w.account(op.Account)
	w.values("mine", op.Mine.All())
	w.text("digest", op.Digest)
	if op.Record != 0 {
		w.text("record", strconv.FormatUint(uint64(op.Record), 16))
	}
	return append(w.to, "}}"...), w.err
}

// lineWriter appends the members of an object.
type lineWriter struct {
	to  []byte
	err error
}

func (w *lineWriter) key(name string) {
	if last := w.to[len(w.to)-1]; last != '{' {
		w.to = append(w.to, ',')
	}
	w.to = append(append(append(w.to, '"'), name...), '"', ':')
}

func (w *lineWriter) open()  { w.to = append(w.to, '{') }
func (w *lineWriter) close() { w.to = append(w.to, '}') }

func (w *lineWriter) list(n int, item func(i int)) {
	w.to = append(w.to, '[')
	for i := range n {
		if i > 0 {
			w.to = append(w.to, ',')
		}
		item(i)
	}
	w.to = append(w.to, ']')
}

func (w *lineWriter) text(name, value string) {
	w.key(name)
	w.to = appendText(w.to, value)
}

// given writes what isn't empty.
func (w *lineWriter) given(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w *lineWriter) givenNumber(name string, value int64) {
	if value != 0 {
		w.key(name)
		w.to = strconv.AppendInt(w.to, value, 10)
	}
}

func (w *lineWriter) moment(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	text, err := utcTime(t).MarshalJSON()
	if err != nil {
		w.err = fmt.Errorf("%s: %w", name, err)
		return
	}
	w.key(name)
	w.to = append(w.to, text...)
}

// values writes values by field; nothing where there are none.
func (w *lineWriter) values(name string, values iter.Seq2[user.Field, string]) {
	open := false
	for field, text := range values {
		if !open {
			w.key(name)
			w.open()
			open = true
		}
		w.text(field.String(), text)
	}
	if open {
		w.close()
	}
}

// account writes the preconditions.
func (w *lineWriter) account(a *account.Account) {
	if a == nil || a.ID == 0 {
		return
	}
	w.key("account")
	w.open()
	w.given("external_id", a.ExternalID)
	w.values("values", nonEmpty(&a.Values))
	w.moment("created_at", a.CreatedAt)
	w.moment("updated_at", a.UpdatedAt)
	w.close()
}

// nonEmpty yields the values that aren't empty.
func nonEmpty(values *user.Values) iter.Seq2[user.Field, string] {
	return func(yield func(user.Field, string) bool) {
		for i := range values {
			if text := values[i].Text; text != "" && !yield(user.Field(i), text) {
				return
			}
		}
	}
}

// appendText writes a JSON string, as encoding/json does.
func appendText(to []byte, text string) []byte {
	const lineSeparator, paragraphSeparator = '\u2028', '\u2029'
	start := len(to)
	to = append(to, '"')
	plain := 0 // what isn't written yet begins here
	for i := 0; i < len(text); {
		b, size := text[i], 1
		escape := b < ' '
		if b >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(text[i:])
			escape = r == utf8.RuneError || r == lineSeparator || r == paragraphSeparator
		}
		if escape {
			escaped, err := encodeLine(text)
			if err != nil {
				panic("encoding a string: " + err.Error()) // strings are always encodable
			}
			return append(to[:start], escaped...)
		}
		if b == '"' || b == '\\' {
			to = append(append(to, text[plain:i]...), '\\')
			plain = i
		}
		i += size
	}
	return append(append(to, text[plain:]...), '"')
}

// appendLine writes any line of a file after the header.
func appendLine(to []byte, l Line) ([]byte, error) {
	if l.Operation != nil {
		return appendOperation(to, l.Operation)
	}
	text, err := encodeLine(spell(l))
	return append(to, text...), err
}

// fileCell is a string, or null for what the source has nothing for.
type fileCell record.Value

// MarshalJSON writes the cell.
func (c fileCell) MarshalJSON() ([]byte, error) {
	if value := record.Value(c); !value.IsNull() && !value.IsAbsent() {
		return encodeLine(value.Text())
	}
	return []byte("null"), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (c *fileCell) UnmarshalJSON(text []byte) error {
	*c = fileCell(record.Null())
	if string(text) == "null" {
		return nil
	}
	var value string
	if err := json.Unmarshal(text, &value); err != nil {
		return fmt.Errorf("a cell is a text or null: %w", err)
	}
	*c = fileCell(record.Text(value))
	return nil
}
