package user

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// LooseKey is what an external ID has in common with other spellings of it: two that differ are two people's, but where one comes as
// the other goes, most likely somebody's was only written otherwise. Case doesn't count, nor do white space, characters that look
// the same or that nobody sees, the ways in which UUIDs are written, and what is lost or won where a number becomes text: zeros at
// its beginning, a decimal point without decimals.
func LooseKey(externalID string) string {
	if !Plain(externalID) {
		externalID = strings.Map(func(r rune) rune {
			if Invisible(r) {
				return -1
			}
			return r
		}, norm.NFKC.String(externalID))
	}
	key := strings.Join(strings.Fields(Folded(externalID)), " ")
	const uuidDigits = 32
	if uuid := strings.ReplaceAll(strings.Trim(key, "{}"), "-", ""); len(uuid) == uuidDigits && strings.Trim(uuid, "0123456789abcdef") == "" {
		return uuid
	}
	whole, decimals, _ := strings.Cut(key, ".")
	if whole == "" || strings.Trim(whole, "0123456789") != "" || strings.Trim(decimals, "0") != "" {
		return key
	}
	return strings.TrimLeft(whole, "0")
}

// Invisible reports whether nobody sees the character: a byte order mark in the middle of joined files, a zero-width space that
// came with a copy from a web page.
func Invisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}
