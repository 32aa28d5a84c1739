package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Identity is a Custom Identity Provider, as documented in the service's guide of that name: the company's own backend
// says who signs in. With one, every sign-in by login asks it, whatever the password: those who signed up with a password
// can't sign in by login any more (ConnectyCube/connectycube-reactnative-samples issue 88).
type Identity struct {
	// VerifyURL is asked with GET and one more parameter, token: the login of the sign-in. A 2xx answer means yes.
	VerifyURL string
	// Mapping says which parts of the JSON answer make the user: "#{user.id}" stands for {"user":{"id":…}}. uid is needed,
	// and a user's fields may be beside it, tags as tag_list. nil is the guide's {"uid":"#{user.id}"}.
	Mapping map[string]string
}

// Check says what no server can work with; Open refuses it too. nil is fine.
func (i *Identity) Check() error {
	if i == nil {
		return nil
	}
	address, err := url.Parse(i.VerifyURL)
	if err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https" {
		return errors.New("the identity provider's verify URL must be like https://example.com/user/verify")
	}
	for _, name := range slices.Sorted(maps.Keys(i.Mapping)) {
		if name != "uid" && name != "tag_list" && (&person{}).field(name) == nil {
			return fmt.Errorf("the identity provider's mapping has %q, which isn't uid, tag_list or a user's field", name)
		}
	}
	if i.Mapping != nil && i.Mapping["uid"] == "" {
		return errors.New("the identity provider's mapping needs uid")
	}
	if i.Mapping != nil && !varies(i.Mapping["uid"]) {
		return errors.New("the identity provider's mapping makes everybody one user: write a part of the answer as uid, such as #{user.id}")
	}
	return nil
}

// Backend is VerifyURL to be shown: without its password and its query, which may hold keys.
func (i *Identity) Backend() string {
	address, err := url.Parse(i.VerifyURL)
	if err != nil {
		return "" // Check refuses it
	}
	return (&url.URL{Scheme: address.Scheme, Host: address.Host, Path: address.Path}).String()
}

// signInByIdentity finds or makes the user that the backend knows by the token. A user is made once: what the backend says
// later doesn't change it.
func (s *Server) signInByIdentity(ctx context.Context, user map[string]value, now time.Time) (*person, error) {
	if user["password"].text == "" {
		wrong := problems{}
		wrong.add("password", "can't be blank") // anything else will do
		return nil, wrong.failure()
	}
	raw, err := s.verifier.ask(ctx, user["login"].text)
	if err != nil {
		return nil, err
	}
	var answer any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&answer); err != nil {
		return nil, badAuthentication("The response isn't JSON.")
	}
	fields := map[string]value{}
	for name, template := range s.verifier.mapping {
		fields[name] = value{text: filled(template, answer)}
	}
	uid := strings.TrimSpace(fields["uid"].text)
	if uid == "" {
		return nil, baseFailure(http.StatusUnprocessableEntity, "Custom Identity Provider uid is required")
	}
	p, wrong := &person{CustomID: uid}, problems{}
	s.options.assign(p, fields)
	if p.Login == "" {
		p.Login = "custom_" + uid
	}
	check(p, wrong)
	if err := wrong.failure(); err != nil {
		return nil, err
	}
	return s.findOrMake(p, "custom_id", now)
}

// varies reports whether a template has a place for a part of the answer.
func varies(template string) bool {
	_, rest, found := strings.Cut(template, "#{")
	path, _, closed := strings.Cut(rest, "}")
	return found && closed && path != ""
}

// filled puts the parts of an answer in the places of a template: #{a.b} is the answer's {"a":{"b":…}}, and nothing where
// there is no such part.
func filled(template string, answer any) string {
	var text strings.Builder
	for {
		before, rest, found := strings.Cut(template, "#{")
		path, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			text.WriteString(template)
			return text.String()
		}
		text.WriteString(before)
		text.WriteString(textOf(part(answer, path)))
		template = after
	}
}

func part(v any, path string) any {
	for _, name := range strings.Split(path, ".") {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

// textOf is a part as a user's field: a list as its texts with commas, an object as JSON.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case []any:
		texts := make([]string, len(v))
		for i, item := range v {
			texts[i] = textOf(item)
		}
		return strings.Join(texts, ",")
	}
	raw, _ := json.Marshal(v) // it was JSON
	return string(raw)
}
