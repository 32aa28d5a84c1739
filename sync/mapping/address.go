package mapping

import "net/mail"

// isAddress reports whether a text is an e-mail address and nothing else.
func isAddress(text string) bool {
	if isUsualAddress(text) {
		return true
	}
	address, err := mail.ParseAddress(text)
	return err == nil && address.Address == text
}

// isUsualAddress knows most addresses without parsing: words of ASCII letters, digits and a few signs, with single dots
// between them, on both sides of an @.
func isUsualAddress(text string) bool {
	sides := 1
	last := byte('.') // the beginning of each side is like the end of a word
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '+':
		case last == '.' || c != '.' && c != '@':
			return false
		case c == '@':
			sides++
			c = '.'
		}
		last = c
	}
	return sides == 2 && last != '.'
}
