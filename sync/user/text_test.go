package user

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// FuzzText holds the short ways of ASCII against the long ones.
func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"", " ", "Ann", " Ann\t", "\u00a0Zoe\u0308 ", "ANN@Example.COM", "STRASSE ß", "tab\tin", "long enough to be looked at by words",
		"12345678\x7f", "12345678\x1f", "1234567\x80", "~ !", "\xff", "+49 (0)30/12", "٣٤", "no number", "İ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		clean := norm.NFC.String(strings.TrimSpace(text))
		if got := Clean(text); got != clean {
			t.Errorf("Clean(%q) is %q; want %q", text, got, clean)
		}
		if got, want := folded(clean), norm.NFC.String(cases.Fold().String(clean)); got != want {
			t.Errorf("%q folds to %q; want %q", clean, got, want)
		}
		if got, want := digits(clean), strings.Map(asciiDigit, clean); got != want && (want != "" || got != clean) {
			t.Errorf("the digits of %q are %q; want %q", clean, got, want)
		}
		plain := utf8.ValidString(text)
		for _, r := range text {
			plain = plain && ' ' <= r && r <= '~'
		}
		if Plain(text) != plain {
			t.Errorf("Plain(%q) is %v", text, !plain)
		}
	})
}

// FuzzFlatObject holds the short way of flat objects against decoder and encoder.
func FuzzFlatObject(f *testing.F) {
	for _, seed := range []string{
		"{}", " { } ", `{"a":1}`, ` {"b" : -1.50e+3 , "a":"Zürich <1>"}`, `{"a":true,"b":false,"c":null}`, `{"a":1,"a":2}`, `{"a":01}`,
		`{"a":-}`, `{"a":1.}`, `{"a":1e}`, `{"a":.5}`, `{"a":"x\ny"}`, `{"a":"\u0301"}`, "{\"a\":\"e\u0301\"}", "{\"a\":\"\u2028\"}", "{\"a\":\"\xff\"}",
		`{"a!":1,"a":2}`, `{"a":{}}`, `{"a":[]}`, `{"a":1}x`, `{"a":1,}`, `{"a" 1}`, `{"a":truex}`, `{"a":"x"`, `{"":""}`, "{\"a\":\"\x7f\"}", "{\"a\":\"\t\"}",
		`{"office":"東京","desk":12}`, "\u00a0{}", `{"a":nul}`, `{a:1}`, `{"a":1"b":2}`, "[]", `"a"`, "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := flatObject(text)
		if !ok {
			return
		}
		object, isObject := JSONObject(text)
		if want := encodeCanonical(object); !isObject || got != want {
			t.Errorf("%q becomes %q; want %q, an object: %v", text, got, want, isObject)
		}
	})
}

func TestFlatObject(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"{}", ""}, {"{\t}\n", ""}, {`{"b":null,"a":true}`, `{"a":true,"b":null}`},
		{` { "b" : -1.50e+3 , "a":"Zürich <1>"}`, `{"a":"Zürich <1>","b":-1.50e+3}`},
	} {
		if got, ok := flatObject(c.text); got != c.want || !ok {
			t.Errorf("%s becomes %q, %v; want %q without a decoder", c.text, got, ok, c.want)
		}
	}
}
