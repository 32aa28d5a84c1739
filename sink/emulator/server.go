package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Server is an open emulator; safe for concurrent use. Make one with Open and Close it after use.
type Server struct {
	options  Options
	clock    *clock
	routes   []route
	tally    *tally
	tokens   *tokens
	users    *directory
	blobs    *blobs
	storage  *storage
	outbox   outbox
	faults   *faults
	requests *requestLog
	verifier *verifier // nil without a Custom Identity Provider
	pages    http.Handler
	data     *datafile // nil in memory
}

// Open makes a server, reads its data file if it has one, and makes the users it should start with. It fails when the
// file is in use by another process, or damaged anywhere but in a last line that a crash cut off.
func Open(o Options) (*Server, error) {
	if err := o.Check(); err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	s := &Server{
		options: o.withDefaults(), clock: &clock{}, routes: o.routes(), tally: newTally(), tokens: newTokens(), blobs: newBlobs(),
		faults: newFaults(), requests: newRequestLog(o.KeepRequests, o.Identity != nil), verifier: newVerifier(o.Identity),
	}
	s.users = newDirectory(&s.options)
	if err := s.SetFaults(o.FaultSeed, o.Faults...); err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	s.storage = newStorage(s.blobs, s.clock)
	s.pages = s.own()
	if o.Data != "" {
		data, err := openData(o.Data, s.users)
		if err != nil {
			return nil, fmt.Errorf("emulator: %w", err)
		}
		s.data = data
		if err := s.blobs.openFolder(o.Data + ".blobs"); err != nil {
			return nil, fmt.Errorf("emulator: %w", errors.Join(err, s.Close()))
		}
	}
	if err := s.users.seed(o.Users, s.clock.now().Unix()); err != nil {
		return nil, fmt.Errorf("emulator: %w", errors.Join(err, s.Close()))
	}
	if o.ListLag > 0 {
		s.users.follow(o.ListLag, s.clock)
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

// ServeHTTP implements http.Handler: the API, and off its paths the server's own pages (own.go), which aren't counted. It
// answers only those who call this machine by number or as localhost.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !calledHere(r.Host) {
		writeJSON(w, http.StatusMisdirectedRequest, message{misdirected})
		return
	}
	s.serve(w, r)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if letBrowsers(w, r) {
		return
	}
	if foreignWrite(r) {
		writeJSON(w, http.StatusForbidden, message{foreign})
		return
	}
	if isOwn(r.URL.Path) {
		s.pages.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Date", s.clock.now().UTC().Format(http.TimeFormat))
	found, path := find(s.routes, r.Method, r.URL.Path)
	c := &call{w: w, r: r, id: path.id, uid: path.uid}
	var fault Fault
	var o outcome
	if s.tally.arrive(found.kind, s.options.RequestsPerSecond) {
		fault = s.faults.next(found.kind)
		o = s.react(c, found, fault)
	} else {
		o = s.refuse(c, found.kind, s.tooMany())
	}
	s.requests.add(r, c.raw, found.kind, fault.Do, o.status)
	o.send(w)
}

// identify finds the session of the request's token, if that is valid, and prolongs it.
func (s *Server) identify(c *call) {
	now := s.clock.now()
	session, ok := s.sessionOf(c.r.Header.Get("CB-Token"), now)
	if !ok {
		return
	}
	c.session = session
	announceExpiry(c.w, now)
}

// sessionOf returns a token's session, if that is valid, and prolongs it. A deleted user's sessions are no longer valid.
func (s *Server) sessionOf(token string, now time.Time) (session, bool) {
	found, ok := s.tokens.prolong(token, now)
	if ok && found.user != 0 && !s.users.touch(found.user, now.Unix(), false) {
		s.tokens.end(token)
		return session{}, false
	}
	return found, ok
}

func announceExpiry(w http.ResponseWriter, now time.Time) {
	w.Header().Set("CB-Token-ExpirationDate", now.Add(tokenLife).UTC().Format(expiryLayout))
}
