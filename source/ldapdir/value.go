package ldapdir

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"cubesync/sync/user"
)

// Multi says what becomes of an attribute with several values, which have no order in a directory: they are sorted.
type Multi struct {
	Way       Way
	Separator string // of Join
}

// Way is one of four.
type Way string

// The ways. The zero value is Refuse.
const (
	Refuse Way = ""      // the record is rejected
	First  Way = "first" // the first of them
	Join   Way = "join"  // all, with a separator
	List   Way = "list"  // all, as a JSON array of texts, even if it is one
)

// written returns how values of an attribute are written as text; nil for those that are texts already.
func written(name string) func([]byte) (text, problem string) {
	switch {
	case strings.EqualFold(name, "objectGUID"):
		return guid
	case strings.EqualFold(name, "objectSid"):
		return sid
	case isPhoto(name):
		return func(value []byte) (string, string) { return base64.StdEncoding.EncodeToString(value), "" }
	}
	return nil
}

// isPhoto reports whether an attribute holds a picture.
func isPhoto(name string) bool {
	return strings.EqualFold(name, "jpegPhoto") || strings.EqualFold(name, "thumbnailPhoto")
}

// guid writes a GUID as Microsoft's tools print it: its first three numbers are stored with the low byte first.
func guid(value []byte) (text, problem string) {
	if len(value) != 16 {
		return "", fmt.Sprintf("it has %d bytes and a GUID has 16", len(value))
	}
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(value), binary.LittleEndian.Uint16(value[4:]),
		binary.LittleEndian.Uint16(value[6:]), value[8:10], value[10:]), ""
}

// sid writes a security identifier such as S-1-5-21-1004336348-1177238915-682003330-512.
func sid(value []byte) (text, problem string) {
	if len(value) < 8 || value[0] != 1 || len(value) != 8+4*int(value[1]) {
		return "", fmt.Sprintf("its %d bytes aren't a security identifier", len(value))
	}
	authority := binary.BigEndian.Uint64(append([]byte{0, 0}, value[2:8]...))
	out := strconv.AppendUint([]byte("S-1-"), authority, 10)
	for sub := value[8:]; len(sub) > 0; sub = sub[4:] {
		out = strconv.AppendUint(append(out, '-'), uint64(binary.LittleEndian.Uint32(sub)), 10)
	}
	return string(out), ""
}

// join makes one text of an attribute's values.
func (a *attribute) join(given *ldap.EntryAttribute) (text, problem string) {
	if len(given.ByteValues) == 1 && a.how.Way != List {
		text, problem = a.one(given, 0)
		if problem == "" && a.how.Way == Join {
			problem = a.separable(text)
		}
		return text, problem
	}
	texts := make([]string, len(given.ByteValues))
	for i := range texts {
		if texts[i], problem = a.one(given, i); problem != "" {
			return "", problem
		}
	}
	slices.Sort(texts)
	switch a.how.Way {
	case First:
		return texts[0], ""
	case Join:
		for _, text := range texts {
			if problem := a.separable(text); problem != "" {
				return "", problem
			}
		}
		return strings.Join(texts, a.how.Separator), ""
	case List:
		return jsonList(texts), ""
	}
	return "", fmt.Sprintf("it has %d values: say under source.ldap.values what is to be taken, or remove all but one", len(texts))
}

// separable reports a value that would be two after it was joined with others.
func (a *attribute) separable(text string) (problem string) {
	if strings.Contains(text, a.how.Separator) {
		return fmt.Sprintf("a value has %q in it, which separates values: choose another separator, or list", a.how.Separator)
	}
	return ""
}

// one is the text of one value.
func (a *attribute) one(given *ldap.EntryAttribute, i int) (text, problem string) {
	if a.text != nil {
		return a.text(given.ByteValues[i])
	}
	return given.Values[i], fault(given.Values[i])
}

// jsonList writes texts as JSON, without the signs that only matter in HTML changed.
func jsonList(texts []string) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(texts); err != nil {
		panic("a list of texts as JSON: " + err.Error()) // texts always can
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// fault says what is wrong with a text, "" if nothing is.
func fault(text string) string {
	for i := 0; ; {
		i += user.PlainLength(text[i:])
		if i == len(text) {
			return ""
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return fmt.Sprintf("byte %#02x at byte %d of the value isn't UTF-8: correct the entry", text[i], i+1)
		case unicode.IsControl(r) && r != '\t' && r != '\r' && r != '\n':
			return fmt.Sprintf("control character %U at byte %d of the value: remove it from the entry", r, i+1)
		}
		i += size
	}
}
