package emulator

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// FaultKind is what goes wrong with a request.
type FaultKind string

// What can go wrong.
const (
	LoseBefore  FaultKind = "lose_before"  // the connection closes without an answer; nothing was done
	LoseAfter   FaultKind = "lose_after"   // the same after it was done
	Late        FaultKind = "late"         // the connection closes, or Status is answered; it is done Delay later
	ErrorBefore FaultKind = "error_before" // Status (500) is answered; nothing was done
	ErrorAfter  FaultKind = "error_after"  // the same after it was done
	Throttle    FaultKind = "throttle"     // 429; nothing was done
	EndSession  FaultKind = "end_session"  // the session ends before it is done
	Slow        FaultKind = "slow"         // it is done, and answered Delay later
	Truncate    FaultKind = "truncate"     // it is done, and the answer breaks off in the middle
	Foreign     FaultKind = "foreign"      // it is done, and a proxy answers Status (502) with a page of its own
	Reset       FaultKind = "reset"        // the connection is reset; nothing was done
	ShiftPage   FaultKind = "shift_page"   // a list begins Shift (1) users later, as if that many before had gone
)

func faultKinds() []FaultKind {
	return []FaultKind{
		LoseBefore, LoseAfter, Late, ErrorBefore, ErrorAfter, Throttle, EndSession, Slow, Truncate, Foreign, Reset, ShiftPage,
	}
}

// Fault is a plan for what goes wrong. It looks at the API requests of its Call in the order in which they arrive, without
// those that the rate limit refused: it passes over the first Skip, and of the others strikes each with probability
// Chance, at most Times times.
type Fault struct {
	Do     FaultKind
	Call   Kind          // "" is every call
	Skip   int           // requests
	Times  int           // 0 is once, and with a Chance without end
	Chance float64       // 0 is always
	Delay  time.Duration // of Late and Slow
	Status int           // of Late, ErrorBefore, ErrorAfter and Foreign; 0 is what the kind says
	Shift  int           // users, of ShiftPage; 0 is 1
}

func (f Fault) check() error {
	switch {
	case !slices.Contains(faultKinds(), f.Do):
		return fmt.Errorf("unknown fault %q; there are %q", f.Do, faultKinds())
	case f.Call != "" && !slices.Contains(kinds(), f.Call):
		return fmt.Errorf("unknown call %q; there are %q", f.Call, kinds())
	case f.Skip < 0 || f.Times < 0 || f.Delay < 0:
		return fmt.Errorf("fault %s: skip, times and delay can't be negative", f.Do)
	case f.Chance < 0 || f.Chance > 1:
		return fmt.Errorf("fault %s: chance %v isn't between 0 and 1", f.Do, f.Chance)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("fault %s: status %d isn't between 200 and 599", f.Do, f.Status)
	}
	return nil
}

// faults decides what goes wrong; safe for concurrent use. With one request at a time, the same seed gives the same faults.
type faults struct {
	mu     sync.Mutex
	seed   uint64
	chance *rand.Rand
	plans  []plannedFault
}

type plannedFault struct {
	Fault
	met, struck int
}

func newFaults() *faults { return &faults{} }

// SetFaults puts other plans in the place of those there are. Of several plans for one request the first that strikes wins.
func (s *Server) SetFaults(seed uint64, plans ...Fault) error {
	next := make([]plannedFault, len(plans))
	for i, f := range plans {
		if err := f.check(); err != nil {
			return err
		}
		next[i].Fault = f
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.seed, s.faults.chance, s.faults.plans = seed, rand.New(rand.NewPCG(seed, seed)), next
	return nil
}

// next returns what goes wrong with a request that has arrived: usually nothing, a Fault without a kind.
func (s *faults) next(kind Kind) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found Fault
	for i := range s.plans {
		p := &s.plans[i]
		if p.Call != "" && p.Call != kind || !p.strikes(s.chance) || found.Do != "" {
			continue
		}
		p.struck++
		found = p.Fault
	}
	return found
}

func (p *plannedFault) strikes(chance *rand.Rand) bool {
	p.met++
	if p.met <= p.Skip {
		return false
	}
	if p.Chance > 0 {
		return chance.Float64() < p.Chance && (p.Times == 0 || p.struck < p.Times)
	}
	return p.struck < max(p.Times, 1)
}

// react carries a request out as far as its fault lets it.
func (s *Server) react(c *call, found *route, f Fault) outcome {
	switch f.Do {
	case LoseBefore:
		return outcome{end: closed}
	case Reset:
		return outcome{end: reset}
	case ErrorBefore:
		return f.answers(http.StatusInternalServerError)
	case Throttle:
		return s.refuse(c, found.kind, s.tooMany())
	case Late:
		s.carryOutLater(c, found, f.Delay)
		if f.Status == 0 {
			return outcome{end: closed}
		}
		return f.answers(f.Status)
	case EndSession:
		s.tokens.end(c.r.Header.Get("CB-Token"))
	case ShiftPage:
		c.shift = 1
		if f.Shift != 0 {
			c.shift = f.Shift
		}
	}
	done := s.carryOut(c, found)
	switch f.Do {
	case LoseAfter:
		return outcome{end: closed}
	case ErrorAfter:
		return f.answers(http.StatusInternalServerError)
	case Foreign:
		return outcome{status: f.statusOr(http.StatusBadGateway), page: foreignPage}
	case Truncate:
		done.end = half
	case Slow:
		select {
		case <-time.After(f.Delay):
		case <-c.r.Context().Done():
		}
	}
	return done
}

func (f Fault) statusOr(usual int) int {
	if f.Status != 0 {
		return f.Status
	}
	return usual
}

func (f Fault) answers(usual int) outcome {
	status := f.statusOr(usual)
	return outcome{status: status, body: message{http.StatusText(status)}}
}

const foreignPage = "<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1><hr>a proxy</body></html>\n"
