package emulator

import (
	"crypto/rand"
	"encoding/hex"
	"maps"
	"sync"
	"time"
)

// tokenLife is how long a token lives after its last request. Documented.
const tokenLife = 2 * time.Hour

// expiryLayout is the layout of the CB-Token-ExpirationDate header, always in UTC.
const expiryLayout = "2006-01-02 15:04:05 MST"

// session is what a token stands for: an application session while user is 0, else a session of that user.
type session struct {
	id               int64
	token            string
	user             int64
	timestamp        int64
	nonce            string
	created, updated time.Time
	expires          time.Time
}

// tokens holds the sessions; safe for concurrent use. It hands out copies.
type tokens struct {
	mu     sync.Mutex
	live   map[string]*session
	used   map[string]time.Time // timestamp and nonce pairs, until when to remember them
	lastID int64
	sweep  int // how many entries may gather before the dead ones are thrown out
}

const leastSweep = 1024

func newTokens() *tokens {
	return &tokens{live: map[string]*session{}, used: map[string]time.Time{}, sweep: leastSweep}
}

// open makes a session for a user, or for the application when user is 0.
func (t *tokens) open(user, timestamp int64, nonce string, now time.Time) session {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget(now)
	t.lastID++
	s := &session{
		id: t.lastID, token: randomHex(20), user: user, timestamp: timestamp, nonce: nonce,
		created: now, updated: now, expires: now.Add(tokenLife),
	}
	t.live[s.token] = s
	return *s
}

// prolong finds a live session and gives it another two hours.
func (t *tokens) prolong(token string, now time.Time) (session, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.live[token]
	if s == nil || !now.Before(s.expires) {
		delete(t.live, token)
		return session{}, false
	}
	s.expires = now.Add(tokenLife)
	return *s, true
}

// assign makes a session the user's, or the application's again when user is 0.
func (t *tokens) assign(token string, user int64, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.live[token]; s != nil {
		s.user, s.updated = user, now
	}
}

func (t *tokens) end(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.live, token)
}

// endOthers ends all sessions of a user but one.
func (t *tokens) endOthers(user int64, but string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.live, func(token string, s *session) bool { return s.user == user && token != but })
}

// spend uses up a timestamp and nonce pair until the given time; false means that it was used before.
func (t *tokens) spend(pair string, until, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, again := t.used[pair]; again {
		return false
	}
	t.forget(now)
	t.used[pair] = until
	return true
}

// forget throws out what is over once enough has gathered, so that its cost is spread and memory follows what is alive.
func (t *tokens) forget(now time.Time) {
	if len(t.live)+len(t.used) < t.sweep {
		return
	}
	for token, s := range t.live {
		if !now.Before(s.expires) {
			delete(t.live, token)
		}
	}
	for pair, until := range t.used {
		if now.After(until) {
			delete(t.used, pair)
		}
	}
	t.sweep = max(leastSweep, 2*(len(t.live)+len(t.used)))
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails, by its documentation
	return hex.EncodeToString(b)
}
