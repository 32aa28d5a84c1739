package user

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Equal reports whether two values of the field mean the same: what differs only by a rewriting that the service or
// a source is known to do isn't a difference. Every field ignores outer white space and Unicode composition; beyond
// that, e-mail ignores case, website a leading http://, phone everything but its digits if it has any and the script
// they are in, custom_data the spelling of JSON, and tags their order.
func (f Field) Equal(a, b string) bool {
	return a == b || f.Canonical(a) == f.Canonical(b)
}

// Canonical returns the one spelling that all equal values of the field share. It is for comparison and for look-up
// in maps, never for writing.
func (f Field) Canonical(text string) string {
	if f == CustomData {
		return canonicalJSON(text)
	}
	text = Clean(text)
	switch f {
	case Email:
		return Folded(text)
	case Website:
		return withoutScheme(text)
	case Phone:
		return digits(text)
	case Tags:
		return JoinTags(SplitTags(text))
	default:
		return text
	}
}

// Folded is a text without upper and lower case, as Unicode folds it, and composed.
func Folded(text string) string {
	if Plain(text) { // of ASCII letters, folding makes the lower ones
		return strings.ToLower(text)
	}
	return norm.NFC.String(cases.Fold().String(strings.Map(smallCherokee, text)))
}

// smallCherokee makes the capitals of Cherokee small. Unicode folds its letters to capitals, unlike all others, and
// x/text 0.43 then folds capitals to small ones.
func smallCherokee(r rune) rune {
	if unicode.Is(unicode.Cherokee, r) {
		return unicode.ToLower(r)
	}
	return r
}

// digits returns the decimal digits of a text in ASCII, and a text without any as it is: it is no number, and not the
// same as none.
func digits(text string) string {
	if found := strings.Map(asciiDigit, text); found != "" {
		return found
	}
	return text
}

// asciiDigit returns the ASCII digit of the same value, -1 for what isn't a decimal digit. Unicode lays the ten digits
// of a script side by side, beginning with the zero.
func asciiDigit(r rune) rune {
	if r <= unicode.MaxASCII {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}
	for _, scripts := range unicode.Nd.R16 {
		if lo := rune(scripts.Lo); r >= lo && r <= rune(scripts.Hi) {
			return '0' + (r-lo)%10
		}
	}
	for _, scripts := range unicode.Nd.R32 {
		if lo := rune(scripts.Lo); r >= lo && r <= rune(scripts.Hi) {
			return '0' + (r-lo)%10
		}
	}
	return -1
}

func withoutScheme(text string) string {
	const scheme = "http://"
	for strings.HasPrefix(text, scheme) {
		text = strings.TrimSpace(text[len(scheme):])
	}
	return text
}

// canonicalJSON composes Unicode within the decoded strings, not in the JSON text, where an accent that follows an
// escape would melt into its letter. An empty object is an empty field.
func canonicalJSON(text string) string {
	value, err := decodeJSON(text)
	if err != nil {
		return Clean(text)
	}
	if object, ok := value.(map[string]any); ok && len(object) == 0 {
		return ""
	}
	return encodeJSON(composed(value))
}

func composed(value any) any {
	switch value := value.(type) {
	case string:
		return norm.NFC.String(value)
	case []any:
		for i := range value {
			value[i] = composed(value[i])
		}
	case map[string]any:
		object := make(map[string]any, len(value))
		for _, key := range slices.Sorted(maps.Keys(value)) {
			object[norm.NFC.String(key)] = composed(value[key])
		}
		return object
	}
	return value
}

// decodeJSON reads exactly one JSON value and keeps numbers as they are spelled. The white space around it is Unicode's, as
// around every value.
func decodeJSON(text string) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(strings.TrimSpace(text)))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, &json.SyntaxError{Offset: decoder.InputOffset()}
	}
	return value, nil
}

// encodeJSON writes a decoded value with sorted keys and without escaping for HTML.
func encodeJSON(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic("encoding a decoded JSON value: " + err.Error()) // maps, slices, strings, numbers: always encodable
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// JSONObject reads custom_data: an empty text is an empty object, and anything but a JSON object is refused.
func JSONObject(text string) (map[string]any, bool) {
	if strings.TrimSpace(text) == "" {
		return map[string]any{}, true
	}
	value, err := decodeJSON(text)
	if err != nil {
		return nil, false
	}
	object, ok := value.(map[string]any)
	return object, ok
}

// MergeJSON lays the keys of desired over base and takes out the keys of mine that desired has no longer; everything
// else in base stays. All three are the texts of JSON objects; ok is false where one of them isn't.
func MergeJSON(base, mine, desired string) (merged string, ok bool) {
	object, okBase := JSONObject(base)
	previous, okMine := JSONObject(mine)
	wanted, okDesired := JSONObject(desired)
	if !okBase || !okMine || !okDesired {
		return "", false
	}
	for key := range previous {
		delete(object, key)
	}
	for key, value := range wanted {
		object[key] = value
	}
	if len(object) == 0 {
		return "", true
	}
	return encodeJSON(object), true
}

// tagSeparator is a comma because the service's older calls write tags as one comma-separated string.
const tagSeparator = ","

// JoinTags writes tags as one text: sorted, each once, without outer white space, separated by commas.
func JoinTags(tags []string) string {
	clean := make([]string, 0, len(tags))
	for _, tag := range tags {
		if tag = Clean(tag); tag != "" {
			clean = append(clean, tag)
		}
	}
	slices.Sort(clean)
	return strings.Join(slices.Compact(clean), tagSeparator)
}

// SplitTags reads what JoinTags wrote.
func SplitTags(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, tagSeparator)
}

// RebaseJSON carries the difference between two JSON objects over to a third; ok is false where one isn't an object.
func RebaseJSON(before, after, current string) (rebased string, ok bool) {
	old, okOld := JSONObject(before)
	wanted, okWanted := JSONObject(after)
	object, okCurrent := JSONObject(current)
	if !okOld || !okWanted || !okCurrent {
		return "", false
	}
	for key := range old {
		if _, kept := wanted[key]; !kept {
			delete(object, key)
		}
	}
	for key, value := range wanted {
		if previous, had := old[key]; !had || encodeJSON(previous) != encodeJSON(value) {
			object[key] = value
		}
	}
	if len(object) == 0 {
		return "", true
	}
	return encodeJSON(object), true
}
