package user

import (
	"strings"
	"testing"
	"unicode/utf8"

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
