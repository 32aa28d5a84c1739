package mapping_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"cubesync/sync/mapping"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// Whatever an expression says: it compiles, or is refused in one line that says which one and where in it, and what compiles
// makes a user, a reject or a decision of any record, soon, and the same one every time.
func FuzzExpression(f *testing.F) {
	for _, text := range []string{
		`trim(given + " " + family)`, `join(map(filter(split(given, ";"), # != "x"), lower(#)), ",")`, `record["Odd name"] ?? given`,
		`regexReplace(given, "(a+)+$", "$1$1")`, `e164(given, "DE")`, `lookup("offices", given, family)`, `default(given, family) | upper() | slug()`,
		`let x = split(given, ","); concat(x, x, [given])`, `given == nil ? 1 : 2.5`, `if given in ["a"] { "x" } else { nil }`, `given matches "^[a-z]+$"`,
		`left(given, 3) + right(given, int(family))`, `any([given], # == family) && not (len(given) > 3)`, `sha256(text(7 ** 3))`, `1 / 0`, `9223372036854775807 + 1`,
		`first(["a"])[0]`, `given[1:2]`, `{"a": given}["a"]`, `[[]]`, `given?.x`, `$env`, `1..9999999`, ``, ` `, `given +`, `""A`, `"\x00\u{10FFFF}"`, `(((((((((given)))))))))`, `-given`, `", at character x" +`,
	} {
		f.Add(text, "Ann; b", "x")
		f.Add(text, "\xff", "\u0301")
	}
	f.Fuzz(func(t *testing.T, text, given, family string) {
		began := time.Now()
		columns, err := record.NewColumns([]string{"given", "family", "Odd name"})
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range []mapping.Spec{
			{ExternalID: expression(text), Tables: tables()},
			{ExternalID: column("given"), Fields: map[user.Field]mapping.Rule{user.FullName: expression(text)}, Tables: tables()},
			{ExternalID: column("given"), Tags: []mapping.TagRule{{Rule: expression(text)}}, Tables: tables()},
			{ExternalID: column("given"), Filter: text, Tables: tables()},
		} {
			m, err := mapping.New(spec)
			if err != nil {
				named := strings.Contains(err.Error(), "expression") || text == "" // which is none
				if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "runtime error") || !named || !placed(err.Error(), text) {
					t.Errorf("%q is refused in bad words: %q", text, err)
				}
				continue
			}
			for _, r := range []record.Record{
				record.OfTexts("row 1", columns, []string{given, family, "odd"}), record.New("row 1", columns, []record.Value{record.Null(), record.Text(family)}), record.New("row 1", columns, nil),
			} {
				u, err := m.User(r)
				again, errAgain := m.User(r)
				key, ok := m.Key(r)
				filtered, filterErr := m.Filtered(r)
				for _, err := range []error{err, filterErr} {
					if reject, is := errors.AsType[*record.RejectError](err); err != nil && (!is || reject.Position != "row 1" || reject.Problem == "") {
						t.Errorf("%v isn't a whole reject", err)
					}
				}
				if u != again || (err == nil) != (errAgain == nil) || err == nil && (!ok || key != u.ExternalID) || filtered && filterErr != nil {
					t.Errorf("%+v, %v; again %+v, %v; key %q, %v; filtered %v, %v", u, err, again, errAgain, key, ok, filtered, filterErr)
				}
				for _, value := range u.Values {
					if !utf8.ValidString(value.Text) {
						t.Errorf("%q isn't UTF-8", value.Text)
					}
				}
			}
		}
		if spent := time.Since(began); spent > 20*time.Second {
			t.Errorf("it took %s", spent)
		}
	})
}

// placed reports whether the place that an error names is one in the text, or just behind it.
func placed(message, text string) bool {
	const says = ", at character "
	i := strings.LastIndex(message, says) // the expression itself may say it, too
	if i < 0 {
		return true
	}
	at, _, _ := strings.Cut(message[i+len(says):], "; ") // a remedy may follow
	n, err := strconv.Atoi(at)
	return err == nil && 1 <= n && n <= utf8.RuneCountInString(text)+1
}
