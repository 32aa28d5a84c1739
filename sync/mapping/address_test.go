package mapping

import (
	"net/mail"
	"testing"
)

// FuzzAddress holds the short way against the parser.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{
		"ann@example.com", "Ann.Lee+x_y-z@Example.co.uk", "a@b", "@b", "a@", "a@@b", "a@b@c", ".a@b", "a.@b", "a..b@c", "a@.b", "a@b.", "a@b..c",
		"a b@c", "a@b c", "<a@b>", "a@b,c@d", "a@[127.0.0.1]", "\"a\"@b", "ü@b", "a@b (c)", " a@b", "a@b ", "a", "", "@", ".", "a@b>", "g:a@b;",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		address, err := mail.ParseAddress(text)
		want := err == nil && address.Address == text
		if got := isAddress(text); got != want {
			t.Errorf("isAddress(%q) is %v, and the parser says %v, %v", text, got, address, err)
		}
	})
}

func TestIsUsualAddress(t *testing.T) {
	if !isUsualAddress("Ann.Lee+x_y-z@Example.co.uk") {
		t.Error("a usual address takes the long way")
	}
}
