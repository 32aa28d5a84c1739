package user

import (
	"testing"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

func TestFieldEqual(t *testing.T) {
	for _, test := range []struct {
		name  string
		field Field
		a, b  string
		want  bool
	}{
		{"login-as-it-is", Login, "ann", "ann", true},
		{"login-case-differs", Login, "Ann", "ann", false},
		{"outer-space", FullName, " Ann Lee\t", "Ann Lee", true},
		{"inner-space-differs", FullName, "Ann  Lee", "Ann Lee", false},
		{"composition", FullName, "Zoe\u0308", "Zo\u00eb", true},
		{"accent-differs", FullName, "Zoe", "Zo\u00eb", false},
		{"email-case", Email, "Ann@Example.COM", "ann@example.com", true},
		{"email-sharp-s", Email, "STRASSE@example.com", "stra\u00dfe@example.com", true},
		{"email-folds-to-a-decomposed-letter", Email, "\u01f0@example.com", "J\u030c@example.com", true},
		{"email-differs", Email, "ann@example.com", "anne@example.com", false},
		{"website-scheme", Website, "example.com", "http://example.com", true},
		{"website-other-scheme-differs", Website, "https://example.com", "http://example.com", false},
		{"website-path-differs", Website, "example.com/a", "example.com/b", false},
		{"phone-digits", Phone, "+49 (30) 123-45", "493012345", true},
		{"phone-differs", Phone, "+49 30 12345", "+49 30 12346", false},
		{"phone-fullwidth-digits", Phone, "\uff0b\uff14\uff19 \uff13\uff10", "+49 30", true},
		{"phone-arabic-and-persian-digits", Phone, "\u0660\u0661\u0662", "\u06f0\u06f1\u06f2", true},
		{"phone-digits-beyond-16-bits", Phone, "\U0001d7d9\U0001d7e3", "11", true}, // double-struck, sans-serif
		{"phone-other-digits-differ", Phone, "\uff10\uff13\uff11", "\uff10\uff13\uff12", false},
		{"phone-without-digits-isnt-empty", Phone, "n/a", "", false},
		{"phone-without-digits-as-text", Phone, " n/a ", "n/a", true},
		{"phone-without-digits-differs", Phone, "n/a", "ask", false},
		{"phone-without-digits-isnt-a-number", Phone, "n/a", "0", false},
		{"json-order-and-space", CustomData, `{"b": 1, "a": [1, 2]}`, `{"a":[1,2],"b":1}`, true},
		{"json-escapes", CustomData, `{"a":"\u00e9<"}`, "{\"a\":\"\u00e9\\u003c\"}", true},
		{"json-composition-in-an-escape", CustomData, `{"a":"e\u0301"}`, "{\"a\":\"\u00e9\"}", true},
		{"json-accent-after-an-escape", CustomData, "{\"a\":\"\\n\u0301\", \"b\":1}", `{"b":1,"a":"\n\u0301"}`, true},
		{"json-composition-in-a-key", CustomData, `{"e\u0301":1}`, "{\"\u00e9\":1}", true},
		{"json-long-number-differs", CustomData, `{"a":9007199254740993}`, `{"a":9007199254740992}`, false},
		{"json-array-order-differs", CustomData, `{"a":[1,2]}`, `{"a":[2,1]}`, false},
		{"json-empty-object-is-empty", CustomData, `{ }`, "", true},
		{"json-empty-array-is-something", CustomData, `[]`, "", false},
		{"json-empty-object-in-space-that-json-does-not-know", CustomData, "\v{}\u00a0", "", true},
		{"json-order-in-space-that-json-does-not-know", CustomData, "{\"b\":1,\"a\":2}\u00a0", `{"a":2,"b":1}`, true},
		{"not-json-as-text", CustomData, " hello ", "hello", true},
		{"two-json-values-are-text", CustomData, `{"a":1} {}`, `{"a":1}`, false},
		{"tags-order", Tags, "b,a", "a,b", true},
		{"tags-twice", Tags, "a,b,a", "a,b", true},
		{"tags-space", Tags, "a, b", "a,b", true},
		{"tags-case-differs", Tags, "A", "a", false},
		{"empty-and-space", Website, "", "  ", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.field.Equal(test.a, test.b); got != test.want {
				t.Errorf("%s: Equal(%q, %q) = %v, want %v", test.field, test.a, test.b, got, test.want)
			}
			if got := test.field.Equal(test.b, test.a); got != test.want {
				t.Errorf("%s: Equal(%q, %q) = %v, want %v", test.field, test.b, test.a, got, test.want)
			}
		})
	}
}

// TestDecimalDigits proves what asciiDigit rests on, for whatever Unicode the Go in use knows.
func TestDecimalDigits(t *testing.T) {
	ranges := 0
	check := func(lo, hi, stride uint32) {
		ranges++
		if stride != 1 || (hi-lo+1)%10 != 0 {
			t.Errorf("the digits %U to %U aren't whole scripts side by side", lo, hi)
		}
	}
	for _, r := range unicode.Nd.R16 {
		check(uint32(r.Lo), uint32(r.Hi), uint32(r.Stride))
	}
	for _, r := range unicode.Nd.R32 {
		check(r.Lo, r.Hi, r.Stride)
	}
	if ranges < 30 {
		t.Errorf("only %d ranges of digits", ranges)
	}
}

func FuzzCanonicalIsIdempotent(f *testing.F) {
	for _, text := range []string{
		"", " Ann ", "http://http://example.com", "http:// example.com", "\u01f0@EXAMPLE.com", "+1 (2) 3", "a, b,,a ",
		`{"e\u0301":1,"é":{"b":[1.0,"\n\u0301"]}}`, "{\"a\":\"\\n\u0301\"}", `{}`, `[]`, `"x"`, `{"a":1} {}`, "n/a", "\u0660 \uff13", "\xff", "{\"\xff\":1}", "\u0345\u0301", "\uab8a0", "\v{}", "{\"b\":1,\"a\":2}\u00a0",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, field := range Fields() {
			once := field.Canonical(text)
			if twice := field.Canonical(once); twice != once {
				t.Errorf("%s: the canonical form of %q is %q, and of that %q", field, text, once, twice)
			}
			if !field.Equal(text, once) {
				t.Errorf("%s: %q doesn't equal its canonical form %q", field, text, once)
			}
		}
	})
}

// Whatever letter an e-mail has: folded once is folded for good, and its other cases are the same. Marks after it may
// compose with it.
func TestFoldingIsForGood(t *testing.T) {
	letters := 0
	for r := range rune(unicode.MaxRune + 1) {
		if unicode.SimpleFold(r) == r && Folded(string(r)) == string(r) {
			continue // has no case, neither of one character nor of several
		}
		letters++
		for _, mark := range []string{"", "\u0301", "\u0307", "\u0308", "\u0327", "\u0345"} {
			text := string(r) + mark
			once := Folded(text)
			if twice := Folded(once); twice != once {
				t.Errorf("%+q is folded to %+q, and that to %+q", text, once, twice)
			}
			for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
				if got := Folded(string(other) + mark); got != once {
					t.Errorf("%+q is folded to %+q, but %+q to %+q", text, once, string(other)+mark, got)
				}
			}
		}
	}
	if letters < 4_000 {
		t.Errorf("only %d letters tried", letters)
	}
}

// The shorter way of plain texts is the same as the long one.
func TestFolded(t *testing.T) {
	var all []byte
	for b := byte(' '); b <= '~'; b++ {
		all = append(all, b)
	}
	if got, want := Folded(string(all)), norm.NFC.String(cases.Fold().String(string(all))); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
