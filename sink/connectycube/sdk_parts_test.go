package connectycube

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// part is one thing that a request says: a header, a pair of the query, a leaf of a JSON body, a field of a form.
type part struct{ key, value string }

// notCompared are the headers that say nothing about a call, and why.
func notCompared() map[string]string {
	every := "every HTTP library adds its own"
	return map[string]string{
		"User-Agent": "names the program", "Cb-Sdk": "names the SDK; informational, as documented",
		"Accept": every, "Accept-Encoding": every, "Accept-Language": every, "Connection": every, "Content-Length": every,
		"Host": every, "Sec-Fetch-Mode": every, "Transfer-Encoding": every,
	}
}

// partReader takes requests apart.
type partReader struct {
	named func(string) string
	form  url.Values // what the storage asked the form to hold
}

func (p partReader) parts(r *http.Request, body []byte) []part {
	var all []part
	ignored := notCompared()
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if _, skip := ignored[name]; !skip {
			all = append(all, part{spelled(name), p.header(name, strings.Join(r.Header[name], ", "))})
		}
	}
	all = append(all, p.query(r.URL.RawQuery)...)
	if len(body) == 0 {
		return all
	}
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "multipart/form-data" {
		return append(all, p.formParts(body, params["boundary"])...)
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return append(all, part{"body", fmt.Sprintf("%q", p.named(string(body)))})
	}
	return append(all, p.leaves("body", value)...)
}

// spelled returns a header's name as the documentation spells it.
func spelled(name string) string {
	for _, ours := range []string{tokenHeader, authKeyHeader, adminHeader, "CB-SDK"} {
		if strings.EqualFold(name, ours) {
			return ours
		}
	}
	return name
}

func (p partReader) header(name, value string) string {
	kind, params, err := mime.ParseMediaType(value)
	if name != "Content-Type" || err != nil {
		return p.named(value)
	}
	if params["boundary"] != "" {
		params["boundary"] = "random"
	}
	return mime.FormatMediaType(kind, params) // so that the space after a semicolon is no difference
}

// query returns the pairs, decoded and sorted.
func (p partReader) query(raw string) []part {
	pairs, err := url.ParseQuery(raw)
	if err != nil {
		return []part{{"query", "(unreadable) " + raw}}
	}
	var all []part
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		for _, value := range slices.Sorted(slices.Values(pairs[key])) {
			all = append(all, part{"?" + key, p.named(value)})
		}
	}
	return all
}

// leaves returns the texts, numbers, truths and nulls of a JSON value, and its empty objects and arrays.
func (p partReader) leaves(key string, value any) []part {
	var all []part
	switch value := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			all = append(all, p.leaves(key+"."+name, value[name])...)
		}
	case []any:
		for i, item := range value {
			all = append(all, p.leaves(fmt.Sprintf("%s[%d]", key, i), item)...)
		}
	}
	if all != nil {
		return all
	}
	return []part{{key, p.leaf(key, value)}}
}

// leaf writes a value as JSON, so that 1 and "1" are two things.
func (p partReader) leaf(key string, value any) string {
	switch key {
	case "body.timestamp", "body.nonce", "body.signature":
		return "<" + strings.TrimPrefix(key, "body.") + ">" // the emulator verified them
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err.Error()
	}
	return p.named(strings.TrimSpace(text.String()))
}

// formParts returns the fields, and the order that they come in, as the file must be the last.
func (p partReader) formParts(body []byte, boundary string) []part {
	var all []part
	var order []string
	for form := multipart.NewReader(bytes.NewReader(body), boundary); ; {
		field, err := form.NextRawPart()
		if errors.Is(err, io.EOF) {
			return append(all, part{"form, in order", strings.Join(order, " ")})
		}
		if err != nil {
			return append(all, part{"form", "(unreadable) " + err.Error()})
		}
		content, err := io.ReadAll(field)
		if err != nil {
			return append(all, part{"form", "(unreadable) " + err.Error()})
		}
		order = append(order, field.FormName())
		value := fmt.Sprintf("%q", p.named(string(content)))
		if asked := p.form[field.FormName()]; len(asked) == 1 && asked[0] == string(content) {
			value = "<as asked for>"
		}
		if field.FileName() != "" {
			value += " in " + field.FileName()
		}
		if kind := field.Header.Get("Content-Type"); kind != "" {
			value += ", " + kind
		}
		all = append(all, part{"form " + field.FormName(), value})
	}
}
