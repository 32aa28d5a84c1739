package sqlquery

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"cubesync/sync/user"
)

// textOf appends a value's text, or says why it has none. The value is as the server spells it.
type textOf func(to, value []byte) (text []byte, problem string)

// untextual says what keeps bytes from being text, "" for nothing.
func untextual[T string | []byte](text T) string {
	for at := user.PlainLength(text); at < len(text); {
		r, size := utf8.DecodeRuneInString(string(text[at:min(at+utf8.UTFMax, len(text))]))
		switch {
		case r == utf8.RuneError && size == 1:
			return fmt.Sprintf("byte %#02x at byte %d of the value isn't UTF-8: correct the value, or leave the column out of the query", text[at], at+1)
		case unicode.IsControl(r) && r != '\t' && r != '\r' && r != '\n':
			return fmt.Sprintf("control character %U at byte %d of the value: take it out of the value", r, at+1)
		}
		at += size
		at += user.PlainLength(text[at:])
	}
	return ""
}

func plainText(to, value []byte) ([]byte, string) { return append(to, value...), "" }

func hexText(to, value []byte) ([]byte, string) { return hex.AppendEncode(to, value), "" }

// decimalText takes the zeros at a decimal's end off.
func decimalText(to, value []byte) ([]byte, string) {
	if bytes.IndexByte(value, '.') < 0 {
		return append(to, value...), ""
	}
	value = bytes.TrimSuffix(bytes.TrimRight(value, "0"), []byte("."))
	switch {
	case len(value) == 0 || string(value) == "-" || string(value) == "-0":
		value = []byte("0")
	case value[0] == '.': // SQL Server leaves it out
		to = append(to, '0')
	case bytes.HasPrefix(value, []byte("-.")):
		to, value = append(to, "-0"...), value[1:]
	}
	return append(to, value...), ""
}

// floatText spells a floating-point number in the shortest way that is still the same.
func floatText(to, value []byte) ([]byte, string) {
	number, err := strconv.ParseFloat(string(value), 64)
	if err != nil {
		return append(to, value...), ""
	}
	return appendFloat(to, number), ""
}

// appendFloat is how ECMAScript, and so JSON, spells numbers.
func appendFloat(to []byte, number float64) []byte {
	switch abs := math.Abs(number); {
	case math.IsNaN(number):
		return append(to, "NaN"...)
	case math.IsInf(number, 1):
		return append(to, "Infinity"...)
	case math.IsInf(number, -1):
		return append(to, "-Infinity"...)
	case abs == 0:
		return append(to, '0')
	case abs < 1e-6 || abs >= 1e21:
		text := strconv.AppendFloat(nil, number, 'e', -1, 64)
		if n := len(text); text[n-2] == '0' { // e-07 is e-7
			text = append(text[:n-2], text[n-1])
		}
		return append(to, text...)
	default:
		return strconv.AppendFloat(to, number, 'f', -1, 64)
	}
}

// timestamp layouts: what comes from the server, and what becomes of it.
const (
	zoned    = "2006-01-02 15:04:05.999999999Z07"
	unzoned  = "2006-01-02 15:04:05.999999999"
	dateOnly = "2006-01-02"
	timeOnly = "15:04:05.999999999"
)

// timestampText makes RFC 3339 of a timestamp in UTC. One that isn't in our calendar stays as it is: infinity, a year
// before Christ.
func timestampText(to, value []byte) ([]byte, string) {
	for _, layout := range []string{zoned, unzoned} {
		if at, err := time.Parse(layout, string(value)); err == nil {
			return appendTime(to, at), ""
		}
	}
	return append(to, value...), ""
}

func appendTime(to []byte, at time.Time) []byte { return at.UTC().AppendFormat(to, time.RFC3339Nano) }

// jsonText writes JSON without white space, and its keys sorted. Numbers stay as they are spelled.
func jsonText(to, value []byte) ([]byte, string) {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return to, "it isn't JSON: " + err.Error()
	}
	return appendJSON(to, tree), ""
}

// appendJSON writes values that JSON was read into.
func appendJSON(to []byte, tree any) []byte {
	out := bytes.NewBuffer(to)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(tree) // what came from JSON can be written as JSON, and a Buffer takes everything
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

func boolText(value bool) string { return strconv.FormatBool(value) }
