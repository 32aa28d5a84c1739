package emulator

import (
	"maps"
	"sync"
	"time"
)

// Kind names what a request asks for.
type Kind string

// The kinds of request that are counted.
const (
	SessionCreate  Kind = "session_create"
	SessionShow    Kind = "session_show"
	SessionDestroy Kind = "session_destroy"
	Login          Kind = "login"
	Logout         Kind = "logout"
	List           Kind = "list"
	SignUp         Kind = "sign_up"
	Update         Kind = "update"
	Delete         Kind = "delete"
	AdminDelete    Kind = "admin_delete"
	Read           Kind = "read" // the deprecated look-ups and the list of v1
	PasswordReset  Kind = "password_reset"
	BlobCreate     Kind = "blob_create"
	BlobComplete   Kind = "blob_complete"
	BlobRead       Kind = "blob_read" // metadata and content
	BlobDelete     Kind = "blob_delete"
	Other          Kind = "other"   // no such route or method
	Storage        Kind = "storage" // not the API: only the request log has it
)

func kinds() []Kind {
	return []Kind{
		SessionCreate, SessionShow, SessionDestroy, Login, Logout, List, SignUp, Update, Delete, AdminDelete, Read,
		PasswordReset, BlobCreate, BlobComplete, BlobRead, BlobDelete, Other,
	}
}

// Counters are what a server has seen. All but Written and UserWrites begin at zero when it starts; those two are read
// back from the data file, so they can be compared across processes.
type Counters struct {
	Requests    int64          `json:"requests"`     // API requests, counted at arrival
	ByKind      map[Kind]int64 `json:"by_kind"`      // the same by kind
	Refused     map[Kind]int64 `json:"refused"`      // those answered 4xx, 429 among them
	WorstSecond Second         `json:"worst_second"` // the busiest sliding second
	Written     Writes         `json:"written"`      // successful user writes, durable
	UserWrites  int64          `json:"user_writes"`  // sign-ups, updates, deletes and admin deletes of Written
}

// Second is a second that begins with a request.
type Second struct {
	Requests int       `json:"requests"`
	Began    time.Time `json:"began"`
}

// Writes are successful user writes by kind.
type Writes struct {
	SignUp      int64 `json:"sign_up"`
	Update      int64 `json:"update"`
	Delete      int64 `json:"delete"`
	AdminDelete int64 `json:"admin_delete"`
	OnTheFly    int64 `json:"on_the_fly"` // users that a sign-in made, guests too; nobody asked for them, so not in UserWrites
}

func (w Writes) asked() int64 { return w.SignUp + w.Update + w.Delete + w.AdminDelete }

// tally counts requests; safe for concurrent use.
type tally struct {
	mu       sync.Mutex
	requests int64
	byKind   map[Kind]int64
	refused  map[Kind]int64
	worst    Second
	arrived  window // every request
	admitted window // those the limit let through
}

func newTally() *tally {
	return &tally{byKind: map[Kind]int64{}, refused: map[Kind]int64{}}
}

// arrive counts a request and reports whether the limit (0: none) has room for it.
func (t *tally) arrive(kind Kind, limit int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now() // under the lock, so that the windows see times in order
	t.requests++
	t.byKind[kind]++
	if n := t.arrived.add(now); n > t.worst.Requests {
		t.worst = Second{Requests: n, Began: t.arrived.oldest()}
	}
	if limit <= 0 {
		return true
	}
	if t.admitted.count(now) >= limit {
		return false
	}
	t.admitted.add(now)
	return true
}

func (t *tally) refuse(kind Kind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused[kind]++
}

func (t *tally) counters(written Writes) Counters {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Counters{
		Requests: t.requests, ByKind: maps.Clone(t.byKind), Refused: maps.Clone(t.refused), WorstSecond: t.worst,
		Written: written, UserWrites: written.asked(),
	}
}

// window holds the times of the last second. Of all seconds that begin with a request, the busiest is seen whole when
// its last request arrives, so the largest result of add is the worst sliding second.
type window struct {
	times []time.Time // in order; those before head are over
	head  int
}

func (w *window) add(now time.Time) int {
	w.expire(now)
	w.times = append(w.times, now)
	return len(w.times) - w.head
}

func (w *window) count(now time.Time) int {
	w.expire(now)
	return len(w.times) - w.head
}

func (w *window) oldest() time.Time { return w.times[w.head] }

func (w *window) expire(now time.Time) {
	for w.head < len(w.times) && now.Sub(w.times[w.head]) >= time.Second {
		w.head++
	}
	if w.head > 64 && w.head*2 > len(w.times) { // move the rest to the front now and then, so that the slice doesn't grow
		w.times = w.times[:copy(w.times, w.times[w.head:])]
		w.head = 0
	}
}
