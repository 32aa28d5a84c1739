package connectycube

import (
	"bytes"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxWords is how many bytes of the service's words an error keeps.
const maxWords = 500

// complaint is what the body of a refusal says.
type complaint struct {
	field string // the field that is complained of, "" for none in particular
	words string
	taken bool // a value that must be unique is taken
}

// readComplaint understands every body that the service, or a proxy before it, was seen to refuse with:
//
//	{"errors":{"field":["message",…]}}   {"errors":{"base":["message"]}}   {"errors":["message"]}
//	{"errors":"message"}   {"message":"…"}   an HTML page   a cut-off or other text   nothing
func readComplaint(body []byte) complaint {
	var object struct {
		Errors  json.RawMessage `json:"errors"`
		Error   json.RawMessage `json:"error"`
		Message json.RawMessage `json:"message"`
	}
	if json.Unmarshal(body, &object) != nil {
		return complaint{words: plainText(body)}
	}
	for _, part := range []json.RawMessage{object.Errors, object.Error, object.Message} {
		var value any
		if json.Unmarshal(part, &value) == nil && value != nil {
			return complaintOf(value)
		}
	}
	return complaint{words: plainText(body)}
}

func complaintOf(value any) complaint {
	fields, ok := value.(map[string]any)
	if !ok {
		words := strings.Join(messages(value), "; ")
		return complaint{words: words, taken: saysTaken(words)}
	}
	var all complaint
	var parts []string
	for _, name := range sortedKeys(fields) {
		words := strings.Join(messages(fields[name]), ", ")
		taken := saysTaken(words)
		if name == "base" {
			parts = append(parts, words)
			all.taken = all.taken || taken
			continue
		}
		parts = append(parts, name+" "+words)
		if all.field == "" || (taken && !all.taken) {
			all.field = name
		}
		all.taken = all.taken || taken
	}
	all.words = strings.Join(parts, "; ")
	return all
}

// knownField returns the name if it is one that the service has for a field, and "" otherwise: what a server answers
// is shown only where it is cleaned, and decided upon only where it is known.
func knownField(name string) string {
	switch name {
	case "login", "email", "password", "old_password", "full_name", "phone", "website", "external_id", "external_user_id",
		"facebook_id", "twitter_id", "custom_data", "avatar", "blob_id", "timezone", tagField, "user_tags",
		"application_id", "auth_key", "timestamp", "nonce", "signature":
		return name
	}
	return ""
}

func sortedKeys(fields map[string]any) []string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// messages returns every text in a value, at any depth, in order.
func messages(value any) []string {
	switch value := value.(type) {
	case string:
		return []string{value}
	case []any:
		var all []string
		for _, item := range value {
			all = append(all, messages(item)...)
		}
		return all
	case map[string]any:
		var all []string
		for _, name := range sortedKeys(value) {
			all = append(all, messages(value[name])...)
		}
		return all
	}
	return nil
}

// saysTaken tells a value that is taken from one that is malformed. Nothing in the structure of a 422 does, so this
// is the one place that reads words. It only chooses between invalid and conflict, which are both refusals: a
// spelling that it doesn't know costs a better explanation, never a wrong write.
func saysTaken(words string) bool {
	words = strings.ToLower(words)
	return slices.ContainsFunc([]string{"taken", "already exist", "already in use", "already used", "must be unique", "not unique"},
		func(spelling string) bool { return strings.Contains(words, spelling) })
}

// plainText takes the words out of what isn't JSON.
func plainText(body []byte) string {
	body = body[:min(len(body), 64<<10)]
	if !bytes.Contains(body, []byte("<")) {
		return string(body)
	}
	withoutTags := func(unseen string) string {
		page := regexp.MustCompile(`(?is)<(`+unseen+`)\b.*?</(`+unseen+`)\s*>`).ReplaceAll(body, []byte(" "))
		return html.UnescapeString(string(regexp.MustCompile(`(?s)<[^>]*>`).ReplaceAll(page, []byte(" "))))
	}
	if words := withoutTags("script|style|title"); strings.TrimSpace(words) != "" {
		return words // the title says the same again
	}
	return withoutTags("script|style")
}

// clean makes words fit to be shown: without our secrets, in one line, and not too long.
func (c *Client) clean(call *call, words string) string {
	secrets := append(slices.Clone(c.secrets), call.secrets...)
	secrets = append(secrets, call.pass.value)
	words = scrub(words, secrets)
	words = scrub(oneLine(words), secrets) // again: a control character may have parted a secret
	words = strings.ReplaceAll(words, hidden, "[secret]")
	if len(words) <= maxWords {
		return words
	}
	cut := maxWords
	for !utf8.RuneStart(words[cut]) {
		cut--
	}
	return words[:cut] + "…"
}

func oneLine(words string) string {
	words = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, words)
	return strings.Join(strings.Fields(words), " ")
}

// hidden stands for a secret until all of them are found: one may be part of the words that are shown in its place. It
// is no character of any text.
const hidden = "\uFDD0"

// scrub takes the secrets out, in every spelling in which a server may echo them. Longer ones go first, as one secret
// may be the beginning of another.
func scrub(words string, secrets []string) string {
	var spellings []string
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		quoted := string(mustMarshal(secret))
		spellings = append(spellings, secret, quoted[1:len(quoted)-1],
			url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret))
	}
	slices.SortFunc(spellings, func(a, b string) int { return len(b) - len(a) })
	for _, spelling := range spellings {
		words = strings.ReplaceAll(words, spelling, hidden)
	}
	return words
}
