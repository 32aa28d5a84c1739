package emulator

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// FaultKind is what goes wrong with a request.
type FaultKind string

// What can go wrong. faultKinds says what each of them means.
const (
	LoseBefore  FaultKind = "lose_before"
	LoseAfter   FaultKind = "lose_after"
	Late        FaultKind = "late"
	ErrorBefore FaultKind = "error_before"
	ErrorAfter  FaultKind = "error_after"
	Throttle    FaultKind = "throttle"
	EndSession  FaultKind = "end_session"
	Slow        FaultKind = "slow"
	Truncate    FaultKind = "truncate"
	Foreign     FaultKind = "foreign"
	Reset       FaultKind = "reset"
	ShiftPage   FaultKind = "shift_page"
)

// Fault is a plan for what goes wrong. It looks at the API requests of its Call in the order in which they arrive, without
// those that the rate limit refused: it passes over the first Skip, and of the others strikes each with probability
// Chance, at most Times times. faultFields says the same to the users of its page.
type Fault struct {
	Do     FaultKind
	Call   Kind          // "" is every call, and of ShiftPage List
	Skip   int           // requests
	Times  int           // 0 is once, and with a Chance without end
	Chance float64       // 0 is always
	Delay  time.Duration // of Late and Slow, which needs it
	Status int           // of Late, ErrorBefore, ErrorAfter and Foreign; 0 is what the kind says
	Shift  int           // users, of ShiftPage; 0 is 1
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
		if f.Do == ShiftPage {
			f.Call = List
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
