package emulator

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Server is an open emulator; safe for concurrent use. Make one with Open and Close it after use.
type Server struct {
	options Options
	routes  []route
	tally   *tally
	tokens  *tokens
	users   *directory
	data    *datafile // nil in memory
}

// Open makes a server, reads its data file if it has one, and makes the users it should start with. It fails when the
// file is in use by another process, or damaged anywhere but in a last line that a crash cut off.
func Open(o Options) (*Server, error) {
	s := &Server{
		options: o.withDefaults(), routes: routes(), tally: newTally(), tokens: newTokens(), users: newDirectory(),
	}
	if o.Data != "" {
		data, err := openData(o.Data, s.users)
		if err != nil {
			return nil, fmt.Errorf("emulator: %w", err)
		}
		s.data = data
	}
	if err := s.users.seed(o.Users, time.Now().Unix()); err != nil {
		return nil, fmt.Errorf("emulator: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

// Close makes every accepted write durable and gives the data file and its lock up. Requests that come later and write
// or need the file are answered 500. A second Close does nothing.
func (s *Server) Close() error {
	if s.data == nil {
		return nil
	}
	return errors.Join(s.users.journal.close(), s.data.lock.Unlock())
}

// Counters returns a copy of what the server has counted. Like any answer it shows only durable writes, as long as the
// data file can be written.
func (s *Server) Counters() Counters {
	written, sequence := s.users.writes()
	_ = s.users.settle(sequence) // a broken file makes itself known with the next API call
	return s.tally.counters(written)
}

// ServeHTTP implements http.Handler: the API, and off its paths GET / and GET /__emulator/counters, which aren't counted.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" || strings.HasPrefix(r.URL.Path, "/__emulator/") {
		s.serveOwn(w, r)
		return
	}
	found, id := find(s.routes, r.Method, r.URL.Path)
	if !s.tally.arrive(found.kind, s.options.RequestsPerSecond) {
		s.refuse(w, found.kind, tooMany(s.options.RequestsPerSecond))
		return
	}
	c := &call{w: w, r: r, id: id}
	s.identify(c)
	if err := found.admit(s, c); err != nil {
		s.refuse(w, found.kind, err)
		return
	}
	a, err := found.handle(s, c)
	shows := a.shows
	if err != nil {
		shows = s.users.lastSequence() // a refusal may rest on any write before it
	}
	if unsettled := s.users.settle(shows); unsettled != nil {
		err = broken(unsettled)
	}
	if err != nil {
		s.refuse(w, found.kind, err)
		return
	}
	writeJSON(w, a.status, a.body)
}

// identify finds the session of the request's token, if that is valid, and prolongs it. A deleted user's sessions are
// no longer valid.
func (s *Server) identify(c *call) {
	token := c.r.Header.Get("CB-Token")
	if token == "" {
		return
	}
	now := time.Now()
	session, ok := s.tokens.prolong(token, now)
	if !ok {
		return
	}
	if session.user != 0 && !s.users.touch(session.user, now.Unix()) {
		s.tokens.end(token)
		return
	}
	c.session = session
	announceExpiry(c.w, now)
}

func announceExpiry(w http.ResponseWriter, now time.Time) {
	w.Header().Set("CB-Token-ExpirationDate", now.Add(tokenLife).UTC().Format(expiryLayout))
}

func (s *Server) refuse(w http.ResponseWriter, kind Kind, err error) {
	var f *failure
	if !errors.As(err, &f) {
		errors.As(broken(err), &f)
	}
	if f.status < http.StatusInternalServerError {
		s.tally.refuse(kind)
	}
	if f.header[0] != "" {
		w.Header().Set(f.header[0], f.header[1])
	}
	writeJSON(w, f.status, f.body)
}

// serveOwn answers what isn't the API.
func (s *Server) serveOwn(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet:
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
	case r.URL.Path == "/__emulator/counters":
		writeJSON(w, http.StatusOK, s.Counters())
	case r.URL.Path == "/":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, greeting) // the client may be gone
	default:
		http.NotFound(w, r)
	}
}

const greeting = `This is cubesync's emulator: a local server that answers as the ConnectyCube REST API does.
It is for development and tests, and holds no real users.
GET /__emulator/counters shows what it was asked.
`
