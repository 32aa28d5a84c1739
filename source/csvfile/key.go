package csvfile

import "strings"

// exactDigits is how many digits of a number a spreadsheet keeps; further ones become zeros.
const exactDigits = 15

// spreadsheetDamage says what a spreadsheet has done to a key that looks like a number, "" if nothing shows.
func spreadsheetDamage(key string) string {
	if key == "" || key[len(key)-1] < '0' || key[len(key)-1] > '9' {
		return "" // as nearly all are that look like no number
	}
	whole, rest := digits(key)
	switch {
	case whole == "":
	case scientific(rest):
		return "was written in scientific notation"
	case strings.HasPrefix(rest, ".") && strings.Trim(rest[1:], "0") == "":
		return "became a decimal number"
	case rest == "" && len(whole) > exactDigits && strings.Trim(whole[exactDigits:], "0") == "":
		return "has lost its last digits"
	}
	return ""
}

// digits cuts off the digits that a text begins with.
func digits(text string) (begin, rest string) {
	rest = strings.TrimLeft(text, "0123456789")
	return text[:len(text)-len(rest)], rest
}

// scientific reports whether a number goes on as spreadsheets write large and small ones: .23457E+11. Without the sign it
// may well be a key.
func scientific(rest string) bool {
	if strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, ",") {
		_, rest = digits(rest[1:])
	}
	if len(rest) < 3 || rest[0] != 'E' && rest[0] != 'e' || rest[1] != '+' && rest[1] != '-' {
		return false
	}
	exponent, more := digits(rest[2:])
	return exponent != "" && more == ""
}
