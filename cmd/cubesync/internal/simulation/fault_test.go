package simulation

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"syscall"
	"time"
)

// trouble is what goes wrong with a call.
type trouble string

const (
	none         trouble = ""
	neverSent    trouble = "no connection"                // it is refused before a byte is written
	lostRequest  trouble = "lost request"                 // it never arrives
	lostAnswer   trouble = "lost answer"                  // it is carried out
	late         trouble = "late commit"                  // it is carried out a second to ten minutes after it was given up, or accepted
	slow         trouble = "answer after the timeout"     // it is carried out
	cutOff       trouble = "answer cut off"               // it is carried out
	throttled    trouble = "429 with Retry-After"         // it isn't carried out
	throttledBy  trouble = "429 until a date"             // the same
	throttledNow trouble = "429 without Retry-After"      // the same
	failed       trouble = "5xx without commit"           //
	failedAfter  trouble = "5xx with commit"              //
	proxied      trouble = "page of a proxy, with commit" //
	ended        trouble = "session ends"                 // before it arrives
	allEnded     trouble = "all sessions end"             // the same
	shifted      trouble = "page shift"                   // users join or leave before the page
	theirClock   trouble = "the service's clock jumps"    //
	lagged       trouble = "list lag"                     // a list or a look-up doesn't show what was just written
	ourClock     trouble = "our clock jumps"              // before a process starts
	crashed      trouble = "crash"                        // of a process
	newLogin     trouble = "login changes"                // in the source, between two processes
	lostState    trouble = "lost state"                   //
	atOnce       trouble = "two workers at once"          //
	manyEnded    trouble = "all sessions end with 32 calls in flight"
)

// troubles are all that must occur.
func troubles() []trouble {
	return []trouble{
		neverSent, lostRequest, lostAnswer, late, slow, cutOff, throttled, throttledBy, throttledNow, failed, failedAfter, proxied,
		ended, allEnded, manyEnded, shifted, theirClock, lagged, ourClock, crashed, newLogin, lostState, atOnce,
	}
}

// possible returns what may go wrong with a call; what stands there twice does so more often.
func (w *world) possible(c *call) []trouble {
	usual := []trouble{neverSent, lostRequest, lostAnswer, lostAnswer, slow, cutOff, failed, failedAfter, proxied}
	if !w.patient {
		usual = append(usual, throttled, throttledBy, throttledNow)
	}
	if w.server.ListLag == 0 || w.oneIn(2, "only forth") {
		usual = append(usual, theirClock)
	}
	if c.writes() {
		usual = append(usual, late, late, late, lostAnswer, failedAfter)
	}
	if c.kind == login || c.kind == openSession {
		usual = append(usual, late)
	}
	if c.token() != "" && c.kind != endSession && c.kind != logout {
		usual = append(usual, ended, ended, allEnded)
	}
	if c.kind == list && c.page > 0 {
		return slices.Concat(usual, []trouble{shifted, shifted, shifted, shifted, shifted, shifted})
	}
	return usual
}

// fault decides what goes wrong with a call.
func (w *world) fault(c *call) trouble {
	often := w.often
	if c.attempt > 1 {
		often /= 2 // so that the run goes on
	}
	if w.below(1000, c.words("whether")...) >= often {
		return none
	}
	may := w.possible(c)
	return may[w.below(len(may), c.words("what")...)]
}

// jump is how far the service's clock jumps. It jumps forth only where lists lag, which they do by that clock.
func (w *world) jump(c *call) time.Duration {
	by := []time.Duration{time.Second, time.Minute, 20 * time.Minute, 3 * time.Hour}[w.below(4, c.words("far")...)]
	if w.server.ListLag == 0 && w.oneIn(2, c.words("back")...) {
		return -by
	}
	return by
}

// status is one of those that a failing server answers.
func (w *world) status(c *call) int {
	return []int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}[w.below(4, c.words("status")...)]
}

// lateStatus is what the caller of a late commit is told; 0: nothing.
func (w *world) lateStatus(c *call) int {
	return []int{0, http.StatusAccepted, http.StatusRequestTimeout, http.StatusGatewayTimeout}[w.below(4, c.words("late status")...)]
}

// errLost is a connection that ends before the answer.
func errLost() error { return &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET} }

// errRefused is one that never began.
func errRefused() error { return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED} }

// errDead is what a process gets that is killed: nobody hears of it.
var errDead = errors.New("the process is dead")
