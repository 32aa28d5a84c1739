package emulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Request is a request that the server has seen: one to the API, or to its storage. Secrets in it are replaced by
// "(hidden)".
type Request struct {
	Number int64       `json:"number"` // from 1, in the order in which they were answered
	At     time.Time   `json:"at"`
	Method string      `json:"method"`
	Path   string      `json:"path"`
	Query  string      `json:"query,omitempty"`
	Header http.Header `json:"header"`
	Body   string      `json:"body,omitempty"` // JSON as JSON, anything else by its kind only
	Kind   Kind        `json:"kind"`
	Fault  FaultKind   `json:"fault,omitempty"`
	Status int         `json:"status"` // 0: it got no answer
}

// requestLog holds the last requests; safe for concurrent use.
type requestLog struct {
	mu     sync.Mutex
	tokens bool // the logins of sign-ins are tokens of a Custom Identity Provider
	keep   int
	last   int64
	ring   []Request // the request with number n is at (n-1) % keep
}

// The number of requests that are kept, and how much of a body, and of each part of a head. What is longer isn't shown.
const (
	usualRequests = 500
	keptBody      = 16 << 10
	keptHead      = 16 << 10
)

func newRequestLog(keep int, tokens bool) *requestLog {
	if keep == 0 {
		keep = usualRequests
	}
	return &requestLog{keep: max(keep, 0), tokens: tokens}
}

// add keeps a request as it is; secrets are hidden when it is shown.
func (l *requestLog) add(r *http.Request, body []byte, kind Kind, fault FaultKind, status int) {
	if l.keep == 0 {
		return
	}
	seen := Request{
		At: time.Now(), Method: kept(r.Method), Path: kept(r.URL.Path), Query: kept(r.URL.RawQuery), Header: http.Header{},
		Kind: kind, Fault: fault, Status: status,
	}
	if sizeOf(r.Header) <= keptHead {
		seen.Header = r.Header
	}
	if len(body) <= keptBody {
		seen.Body = string(body)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	seen.Number = l.last
	if len(l.ring) < l.keep {
		l.ring = append(l.ring, seen)
		return
	}
	l.ring[int((l.last-1)%int64(l.keep))] = seen
}

// kept is a part of a request's first line, without the rest of that line in memory.
func kept(text string) string {
	if len(text) > keptHead {
		return "(too long)"
	}
	return strings.Clone(text)
}

func sizeOf(h http.Header) (bytes int) {
	for name, texts := range h {
		bytes += len(name)
		for _, text := range texts {
			bytes += len(text)
		}
	}
	return bytes
}

// Requests returns the last requests, the oldest first: as many as Options.KeepRequests says.
func (s *Server) Requests() []Request {
	l := s.requests
	l.mu.Lock()
	seen := slices.Clone(l.ring)
	l.mu.Unlock()
	slices.SortFunc(seen, func(a, b Request) int { return int(a.Number - b.Number) })
	for i := range seen {
		seen[i].hide(l.tokens && (seen[i].Kind == SessionCreate || seen[i].Kind == Login))
	}
	return append([]Request{}, seen...)
}

const hidden = "(hidden)"

// secretName reports whether a parameter or a header is a secret, be it inside another as in user[password].
func secretName(name string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(strings.ToLower(name), isBracket), func(part string) bool {
		switch part {
		case "password", "old_password", "auth_key", "signature", "token", "secret", "access_token", "policy", "x-amz-signature",
			"cb-token", "cb-authkey", "cb-administration-api-key", "authorization", "proxy-authorization", "cookie":
			return true
		}
		return false
	})
}

func isBracket(r rune) bool { return r == '[' || r == ']' }

// hide replaces the request's secrets; the login is one of them where it is a token.
func (r *Request) hide(login bool) {
	r.Header = r.Header.Clone()
	for name := range r.Header {
		if secretName(name) {
			r.Header[name] = []string{hidden}
		}
	}
	r.Query = hiddenQuery(r.Query)
	if r.Body == "" {
		return
	}
	var body any
	d := json.NewDecoder(strings.NewReader(r.Body))
	d.UseNumber()
	if err := d.Decode(&body); err != nil {
		r.Body = "(not JSON)"
		return
	}
	var shown bytes.Buffer
	e := json.NewEncoder(&shown)
	e.SetEscapeHTML(false)
	_ = e.Encode(hide(body, login)) // what was decoded can be encoded
	r.Body = strings.TrimSpace(shown.String())
}

// hiddenQuery is a query as it was, but for its secrets.
func hiddenQuery(raw string) string {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return "(not a query)"
	}
	for name := range query {
		if secretName(name) {
			query.Set(name, hidden)
			raw = query.Encode()
		}
	}
	return raw
}

func hide(v any, login bool) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if secretName(name) || login && name == "login" {
				v[name] = hidden
			} else {
				v[name] = hide(inner, login)
			}
		}
	case []any:
		for i := range v {
			v[i] = hide(v[i], login)
		}
	}
	return v
}
