package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxBody is the size of the largest request body, in bytes.
const maxBody = 1 << 20

// value is a parameter as the service takes it: texts, numbers and booleans are one thing, null and "" are another; only
// tag lists are arrays, and only "user", "blob" and the credentials of providers hold parameters of their own.
type value struct {
	text   string
	list   []string
	fields map[string]value
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *value) UnmarshalJSON(raw []byte) error {
	if raw[0] != '{' {
		return v.leaf(raw)
	}
	var inner map[string]json.RawMessage
	if err := json.Unmarshal(raw, &inner); err != nil {
		return err
	}
	*v = value{fields: make(map[string]value, len(inner))}
	for name, raw := range inner {
		var nested value
		if err := nested.leaf(raw); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		v.fields[name] = nested
	}
	return nil
}

// leaf reads anything but an object. It doesn't call itself, so that a deeply nested body costs no more than another.
func (v *value) leaf(raw []byte) error {
	*v = value{}
	if raw[0] != '[' {
		return readScalar(raw, &v.text)
	}
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return err
	}
	v.list = make([]string, len(items))
	for i, item := range items {
		if err := readScalar(item, &v.list[i]); err != nil {
			return err
		}
	}
	return nil
}

func readScalar(raw []byte, text *string) error {
	switch raw[0] {
	case '{', '[':
		return errors.New("a text or a number is needed here")
	case 'n': // null
		*text = ""
		return nil
	case '"':
		return json.Unmarshal(raw, text)
	}
	*text = string(raw)
	return nil
}

// params reads the body's parameters: JSON, or a form when the request says so.
func (c *call) params() (map[string]value, error) {
	r := c.r
	raw, err := io.ReadAll(http.MaxBytesReader(c.w, r.Body, maxBody))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return nil, tooLarge()
	}
	if err != nil {
		return nil, malformed("The body can't be read: %v", err)
	}
	c.raw = raw
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/x-www-form-urlencoded" && !strings.HasPrefix(strings.TrimSpace(string(raw)), "{") {
		return formParams(string(raw))
	}
	var params map[string]value
	if err := json.Unmarshal(raw, &params); err != nil {
		return nil, malformed("The body isn't valid JSON: %v", err)
	}
	return params, nil
}

// formParams reads key=value, user[key]=value and user[key][]=value.
func formParams(raw string) (map[string]value, error) {
	form, err := url.ParseQuery(raw)
	if err != nil {
		return nil, malformed("The body isn't a valid form: %v", err)
	}
	params := map[string]value{}
	for key, texts := range form {
		if !utf8.ValidString(key + "," + strings.Join(texts, ",")) { // no data file can keep it
			return nil, malformed("The body isn't UTF-8")
		}
		name, rest, nested := strings.Cut(key, "[")
		if !nested {
			params[name] = value{text: texts[0]}
			continue
		}
		inner, isList := strings.CutSuffix(rest, "[]")
		inner = strings.TrimSuffix(inner, "]")
		if params[name].fields == nil {
			params[name] = value{fields: map[string]value{}}
		}
		if isList {
			params[name].fields[inner] = value{list: texts}
		} else {
			params[name].fields[inner] = value{text: texts[0]}
		}
	}
	return params, nil
}

// userParams are the parameters inside "user".
func (c *call) userParams() (map[string]value, error) {
	params, err := c.params()
	if err != nil {
		return nil, err
	}
	if params["user"].fields == nil {
		return nil, malformed(`The body must be {"user":{…}}`)
	}
	return params["user"].fields, nil
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	outcome{status: status, body: body}.send(w)
}
