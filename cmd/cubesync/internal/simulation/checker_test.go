package simulation

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// What must hold of each call and each write, whatever happens. What must hold of a run is in report_test.go, and of the end in
// end_test.go.

// watch is what is checked of one process's calls.
type watch struct {
	*network
	process  string
	released []time.Duration   // of the last second
	closed   time.Duration     // when the gate was closed last; 0: never
	opens    time.Duration     // when it opens
	doubts   map[string]bool   // external IDs whose sign-up is in doubt and wasn't looked up since
	signUps  map[string]sentAs // by external ID
	checked  map[int64]bool    // runs whose settling was checked
}

// sentAs is the login that somebody was signed up with.
type sentAs struct {
	login         string
	until, before time.Duration // a sign-up with it may be carried out; the same, but for the last one
}

// leastPause is how long the gate is closed at least where the service doesn't say: see worker.draw.
const leastPause = 500 * time.Millisecond

// goes checks a call that is released.
func (w *watch) goes(c *call) {
	now := w.now()
	w.released = slices.DeleteFunc(append(w.released, now), func(at time.Duration) bool { return now-at >= time.Second })
	if most := int(math.Ceil(w.limit)); most > 0 && len(w.released) > most {
		w.breaks("%s: %d calls in a second, the limit is %d", w.process, len(w.released), most)
	}
	if now > w.closed && now < w.opens {
		w.breaks("%s: %v was sent %v before the gate opens", w.process, c, w.opens-now)
	}
	switch c.kind {
	case lookUp:
		for who := range w.doubts {
			if c.about(who) {
				delete(w.doubts, who)
			}
		}
	case signUp:
		w.signsUp(c)
	case update, remove:
		w.writesOurs(c)
	case openSession, showSession, endSession, login, logout, list:
	}
}

// signsUp checks that nobody is signed up again before they were looked up, or under another login.
func (w *watch) signsUp(c *call) {
	if w.doubts[c.who] {
		w.breaks("%s: %v, in doubt, is repeated before it was looked up", w.process, c)
	}
	login, _ := c.sent["login"].(string)
	if login == "" {
		w.breaks("%s: %v has no login", w.process, c)
	}
	sent, until := w.signUps[c.who], time.Duration(0)
	if sent.login == login {
		until = sent.until
	} else if now := w.now(); now < sent.until {
		w.breaks("%s: %v is sent with the login %s, and may still be carried out with %s for %v", w.process, c, login, sent.login, sent.until-now)
	}
	w.signUps[c.who] = sentAs{login: login, until: w.now() + longestLate, before: until}
	if w.squats[c.who] {
		w.breaks("%s: %v, whose login a stranger has", w.process, c)
	}
	w.doubts[c.who] = true // until its answer is there
}

// writesOurs checks that what is written is ours, or to be taken over.
func (w *watch) writesOurs(c *call) {
	a := w.truth.live[c.id]
	switch {
	case a == nil: // gone already
	case c.kind == remove && w.truth.made[c.id]: // whom a sign-in made
	case c.kind == remove && (!w.gone[a.ExternalID] || !a.ours()):
		w.breaks("%s: %v, account %d, who isn't to go", w.process, c, c.id)
	case c.kind == update && w.gone[a.ExternalID] && (!w.alone || w.world.server.ListLag > 0): // it was released a moment ago, unseen
	case c.kind == update && !a.ours() && !w.taken[a.Login] && !w.taken["#"+strconv.FormatInt(c.id, 10)]:
		w.breaks("%s: %v writes account %d, which isn't ours", w.process, c, c.id)
	}
	if a != nil && w.taken[a.Login] { // it may get another login
		w.taken["#"+strconv.FormatInt(c.id, 10)] = true
	}
}

// hears takes in what a process was answered to a call that it released then.
func (w *watch) hears(c *call, got *reply, released time.Duration) {
	definite := got.err == nil && !got.half && (got.status == http.StatusCreated || got.status >= 400 && got.status < 500 && got.status != http.StatusRequestTimeout)
	if c.kind == signUp && (definite || isRefused(got.err)) {
		delete(w.doubts, c.who)
		sent := w.signUps[c.who]
		sent.until = sent.before
		w.signUps[c.who] = sent
	}
	if got.err != nil || got.status != http.StatusTooManyRequests {
		return
	}
	now := w.now()
	storm := w.closed == 0 || released > w.closed
	if storm {
		w.closed = now
	}
	pause := w.asked(got)
	if pause == 0 && storm {
		pause = leastPause
	}
	w.opens = max(w.opens, now+pause)
}

// asked is how long the service asks to wait; 0 where it doesn't.
func (w *watch) asked(got *reply) time.Duration {
	text := got.header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	date, err := http.ParseTime(got.header.Get("Date"))
	if err != nil {
		return 0
	}
	return until.Sub(date)
}

// unique checks, after a write, that nobody has two accounts.
func (n *network) unique(c *call) {
	if c.kind != signUp && c.kind != update {
		return
	}
	var ids []int64
	for _, a := range n.truth.holding(c.who) {
		if a.ours() {
			ids = append(ids, a.ID)
		}
	}
	if c.who != "" && len(ids) > 1 {
		n.breaks("%s has the accounts %d", c.who, ids)
	}
}
