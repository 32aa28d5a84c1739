package simulation

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"cubesync/sink/emulator"
)

// network carries calls to the emulator, or doesn't. Its time goes on from process to process, whatever their clocks say. It
// is the same for all lines.
type network struct {
	*world
	server *emulator.Server
	wire   http.RoundTripper

	tracing  sync.Mutex // of trace and broken, whoever holds mu
	mu       sync.Mutex
	truth    *truth
	calm     bool // nothing goes wrong
	alone    bool // one worker is at work
	attempts map[string]int
	late     []lateCall
	inFlight int
	written  time.Duration // when something was written last
	counts   map[trouble]int
	writing  map[string]bool // kinds and external IDs of the writes that were sent
	trace    bytes.Buffer
	broken   []string // rules

	passed time.Duration // when the present process started
	woke   time.Time     // the same, by its clock
	theirs time.Duration // how far the service's clock is ahead of the network's
	ours   time.Duration // the same, of the present process
}

// lateCall is a call that is carried out when its time has come.
type lateCall struct {
	*call
	due time.Duration
}

const (
	// timeout is the client's.
	timeout = 30 * time.Second
	// longestLate is how long after it was given up a call may still be carried out.
	longestLate = 10 * time.Minute
)

// newNetwork is called by a process whose clock shows longAgo.
func newNetwork(w *world) (*network, error) {
	server, err := emulator.Open(w.server)
	if err != nil {
		return nil, err
	}
	n := &network{
		world: w, server: server, wire: server.Transport(), truth: newTruth(), attempts: map[string]int{}, counts: map[trouble]int{},
		writing: map[string]bool{}, passed: longAgo,
	}
	return n, nil
}

// longAgo is how long the network was there before the first process: our clock may be set back by less.
const longAgo = 10_000 * time.Hour

// wake begins the time of a process that starts so long after the one before it, and whose clock is so far ahead of the
// network's. What is due meanwhile is carried out in its time.
func (n *network) wake(gap, ahead time.Duration) {
	time.Sleep(n.passed + ahead)
	n.woke, n.ours = time.Now(), ahead // it goes as fast as the network's
	n.server.SetClock(n.theirs - n.ours)
	for until := n.now() + gap; n.now() < until; {
		next := until
		for _, call := range n.late {
			next = min(next, max(call.due, n.now()))
		}
		time.Sleep(next - n.now())
		n.flush(n.now())
	}
}

// rest ends it.
func (n *network) rest() { n.passed = n.now() }

// now is the time of the network.
func (n *network) now() time.Duration { return n.passed + time.Since(n.woke) }

func (n *network) note(format string, about ...any) {
	n.tracing.Lock()
	defer n.tracing.Unlock()
	fmt.Fprintf(&n.trace, "%v ", (n.now() - longAgo).Round(time.Microsecond))
	fmt.Fprintf(&n.trace, format+"\n", about...)
}

// breaks notes a rule that was broken.
func (n *network) breaks(format string, about ...any) {
	what := fmt.Sprintf(format, about...)
	n.note("BROKEN: %s", what)
	n.tracing.Lock()
	defer n.tracing.Unlock()
	n.broken = append(n.broken, what)
}

// begin takes a call in and decides what is to go wrong with it.
func (n *network) begin(c *call) trouble {
	key := string(c.kind) + " " + c.who
	n.attempts[key]++
	c.attempt = n.attempts[key]
	if c.writes() {
		n.writing[key] = true
	}
	if n.calm {
		return none
	}
	wrong := n.fault(c)
	if wrong == none {
		return none
	}
	n.counts[wrong]++
	if wrong == allEnded && n.inFlight+1 >= 32 { // this one included
		n.counts[manyEnded]++
	}
	return wrong
}

// arrive lets a call be carried out, and what is due before it.
func (n *network) arrive(c *call, wrong trouble) *reply {
	n.flush(n.now())
	switch wrong {
	case ended:
		n.end(c.token())
	case allEnded:
		for _, token := range slices.Sorted(maps.Keys(n.truth.tokens)) {
			n.end(token)
		}
	case theirClock:
		n.theirs += n.jump(c)
		n.server.SetClock(n.theirs - n.ours)
	case shifted:
		c = n.shift(c)
	case none, neverSent, lostRequest, lostAnswer, late, slow, cutOff, throttled, throttledBy, throttledNow, failed, failedAfter, proxied,
		lagged, ourClock, crashed, newLogin, lostState, atOnce, manyEnded:
	}
	if (c.kind == list || c.kind == lookUp) && n.written != 0 && n.now()-n.written < n.world.server.ListLag && !n.calm {
		n.counts[lagged]++
	}
	return n.carryOut(c, false)
}

// shift lets a page of a list begin elsewhere, as if users had joined or left before it.
func (n *network) shift(c *call) *call {
	by := []int{-2, -1, 1, 2}[n.below(4, c.words("shift")...)]
	other, query := *c, c.url.Query()
	query.Set("offset", strconv.Itoa(max(0, c.page+by)))
	moved := *c.url
	moved.RawQuery = query.Encode()
	other.url = &moved
	return &other
}

// end ends a session.
func (n *network) end(token string) {
	c := &call{kind: endSession, method: http.MethodDelete, header: http.Header{"Cb-Token": {token}}}
	c.url = mustParse("http://emulator.invalid/session.json")
	n.carryOut(c, false)
	delete(n.truth.tokens, token)
}

// flush carries out what is due.
func (n *network) flush(until time.Duration) {
	slices.SortStableFunc(n.late, func(a, b lateCall) int { return int(a.due - b.due) })
	for len(n.late) > 0 && n.late[0].due <= until {
		due := n.late[0]
		n.late = n.late[1:]
		if due.kind == update {
			n.freshSession(due.call)
		}
		n.note("late  %v: %d", due.call, n.carryOut(due.call, true).status)
	}
}

// freshSession gives a late update the session that it had when it was sent, which its sender has ended since.
func (n *network) freshSession(c *call) {
	login, secret := serviceLogin, servicePassword
	if !n.shared {
		a := n.truth.live[c.id]
		if a == nil {
			return
		}
		login, secret = a.Login, password(a.ExternalID)
	}
	token := n.open()
	n.silent(http.MethodPost, "/login.json", token, map[string]any{"login": login, "password": secret})
	c.header.Set("CB-Token", token)
}

// carryOut lets the emulator answer.
func (n *network) carryOut(c *call, late bool) *reply {
	got := n.ask(c)
	before := len(n.truth.commits)
	n.truth.learn(c, got.status, got.body, late)
	if len(n.truth.commits) > before {
		n.written = n.now()
		n.unique(c)
	}
	return got
}

// ask lets the emulator answer, and nobody takes notice.
func (n *network) ask(c *call) *reply {
	request := (&http.Request{Method: c.method, URL: c.url, Host: c.url.Host, Header: c.header.Clone(), Body: io.NopCloser(bytes.NewReader(c.body)), ContentLength: int64(len(c.body))}).
		WithContext(context.Background())
	response, err := n.wire.RoundTrip(request)
	if err != nil {
		panic("the emulator didn't answer: " + err.Error())
	}
	defer func() { _ = response.Body.Close() }() // it is in memory
	body, err := io.ReadAll(response.Body)
	if err != nil {
		panic("the emulator's answer can't be read: " + err.Error())
	}
	return &reply{status: response.StatusCode, header: response.Header, body: body}
}

// late puts a call off.
func (n *network) putOff(c *call, by time.Duration) {
	n.late = append(n.late, lateCall{c, n.now() + by})
}

// reply is what a caller gets.
type reply struct {
	status int
	header http.Header
	body   []byte
	half   bool  // it breaks off in the middle
	err    error // instead of it all
}

func (r *reply) response(to *http.Request) (*http.Response, error) {
	if r.err != nil {
		return nil, r.err
	}
	body := io.Reader(bytes.NewReader(r.body))
	if r.half {
		body = io.MultiReader(bytes.NewReader(r.body[:len(r.body)/2]), strings.NewReader(""), broken{})
	}
	return &http.Response{
		Status: http.StatusText(r.status), StatusCode: r.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: r.header,
		Body: io.NopCloser(body), ContentLength: int64(len(r.body)), Request: to,
	}, nil
}

// broken is the end of a connection.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// answers makes a reply of a server in trouble.
func (n *network) answers(status int, body string) *reply {
	date := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(n.now() + n.theirs) // as the emulator would: bubbles start then
	return &reply{status: status, body: []byte(body), header: http.Header{"Date": {date.Format(http.TimeFormat)}, "Content-Type": {"application/json"}}}
}
