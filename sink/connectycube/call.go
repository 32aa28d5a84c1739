package connectycube

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// sender carries out a call. An error means that there is no answer, or none that can be read; what the service
// refuses is an answer. Senders are safe for concurrent use; one call is sent by one goroutine at a time.
type sender interface {
	send(ctx context.Context, c *call) (*answer, error)
}

// kind sorts calls for counting.
type kind uint8

const (
	listCall kind = iota
	lookUpCall
	signUpCall
	updateCall
	deleteCall
	sessionCall
	loginCall
	logoutCall
	destroyCall
	resetCall
	fileCall
	uploadCall
	kindCount
)

var kindNames = [kindCount]string{
	"list", "look-up", "sign-up", "update", "delete", "session", "login", "logout", "destroy", "password reset", "file", "upload",
}

// The headers that carry credentials.
const (
	tokenHeader   = "CB-Token"
	authKeyHeader = "CB-AuthKey"
	adminHeader   = "CB-Administration-API-Key"
)

// pass is the credential that a call carries: one header. The zero pass is none.
type pass struct{ header, value string }

// call is one call of the API. It can be sent any number of times.
type call struct {
	name    string // what errors call it: "sign up"
	kind    kind
	method  string
	path    string        // from the endpoint on, escaped
	query   string        // encoded
	body    []byte        // JSON; nil: none
	fresh   func() []byte // makes the body anew at each sending: a signature is accepted once
	once    bool          // never repeated where it may have acted, whatever it is
	limit   int64         // of the answer, in bytes; 0: maxAnswer
	shared  bool          // made as the shared session: token sets pass at each sending
	pass    pass
	read    func(body []byte) error // reads a 200 or 201; an error makes the answer an unreadable one. nil: not read
	hint    string                  // what to check where the service refuses the credentials
	secrets []string                // what the body holds that no error may show

	oldPassword string    // that the account's user signed in with; "" where somebody else writes
	released    time.Time // when it was first let go by the limiter; zero: it never was
	late        bool      // one that was sent may still arrive, although another was answered since
}

// writes reports whether the call changes something that lasts, so that a lost answer leaves something to find out.
func (c *call) writes() bool {
	switch c.kind {
	case signUpCall, updateCall, deleteCall, resetCall, uploadCall:
		return true
	case fileCall:
		return c.method != http.MethodGet
	default:
		return false
	}
}

// lane is where the call waits for its permit.
func (c *call) lane() lane {
	if c.kind == listCall || c.kind == lookUpCall || c.kind == fileCall && c.method == http.MethodGet {
		return readLane
	}
	return writeLane
}

// harmless reports whether the call may be sent twice: it changes nobody.
func (c *call) harmless() bool {
	if c.once {
		return false
	}
	switch c.kind {
	case sessionCall, loginCall, logoutCall, destroyCall:
		return true
	default:
		return c.method == http.MethodGet
	}
}

// answer is what the service said.
type answer struct {
	status int
	header http.Header
	body   []byte
	took   time.Duration // from the request's start to the answer's end; no waiting for a permit in it
}

// done reports whether the service did what was asked. 202 isn't it: the documentation lets an accepted call be
// dropped.
func (a *answer) done() bool { return a.status == http.StatusOK || a.status == http.StatusCreated }

// requestID is the service's number of the request, "" where it gave none.
func (a *answer) requestID() string { return a.header.Get("X-Request-Id") }

// retryAfter returns how long the service asked to wait, and whether it did; it may say so in seconds or as a date.
func (a *answer) retryAfter() (time.Duration, bool) {
	value := strings.TrimSpace(a.header.Get("Retry-After"))
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 1e6)) * time.Second, true
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(0, date.Sub(a.date())), true
}

// date returns the service's clock when it answered, or ours where it doesn't tell.
func (a *answer) date() time.Time {
	if date, err := http.ParseTime(a.header.Get("Date")); err == nil {
		return date
	}
	return time.Now()
}

// mustMarshal encodes what can always be encoded: maps, slices, strings and numbers.
func mustMarshal(value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("encoding %T: %v", value, err))
	}
	return body
}

// turn lets one goroutine in at a time, in the order of arrival, and lets those who wait give up.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) enter(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turn) leave() { <-t }

// sleep waits, unless the context ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
