package emulator

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// own are the pages that aren't the API: uncounted, unlimited, for tests and for people.
func (s *Server) own() *http.ServeMux {
	mux := http.NewServeMux()
	for _, path := range []string{"/{$}", "/__emulator", "/__emulator/{$}"} {
		mux.HandleFunc("GET "+path, greet)
	}
	show := func(path string, body func() any) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, body()) })
	}
	show(countersPath, func() any { return s.Counters() })
	show(requestsPath, func() any { return requestsBody{s.Requests()} })
	show(outboxPath, func() any { return outboxBody{s.Outbox()} })
	show(faultsPath, func() any { return s.shownFaults() })
	mux.HandleFunc("POST "+faultsPath, s.planFaults)
	mux.HandleFunc(storagePath, func(w http.ResponseWriter, r *http.Request) {
		seen := &witness{ResponseWriter: w}
		s.storage.ServeHTTP(seen, r)
		s.requests.add(r, nil, Storage, "", seen.status)
	})
	return mux
}

func isOwn(path string) bool {
	return path == "/" || path == "/__emulator" || strings.HasPrefix(path, "/__emulator/")
}

// witness notes the status of an answer.
type witness struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *witness) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

type requestsBody struct {
	Requests []Request `json:"requests"`
}

// faultsBody is what POST /__emulator/faults takes and GET shows.
type faultsBody struct {
	Seed   uint64      `json:"seed"`
	Faults []faultBody `json:"faults"`
}

type faultBody struct {
	Do     FaultKind `json:"do"`
	Call   Kind      `json:"call,omitempty"`
	Skip   int       `json:"skip,omitempty"`
	Times  int       `json:"times,omitempty"`
	Chance float64   `json:"chance,omitempty"`
	Delay  string    `json:"delay,omitempty"` // like 2s
	Status int       `json:"status,omitempty"`
	Shift  int       `json:"shift,omitempty"`
	Struck int       `json:"struck"` // how often it has happened; shown only
}

// planFaults is POST /__emulator/faults: these plans take the place of those there are.
func (s *Server) planFaults(w http.ResponseWriter, r *http.Request) {
	var body faultsBody
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		writeJSON(w, http.StatusBadRequest, message{notAPlan(err)})
		return
	}
	plans := make([]Fault, len(body.Faults))
	for i, b := range body.Faults {
		delay, err := time.ParseDuration(cmp.Or(b.Delay, "0s"))
		if err != nil {
			writeJSON(w, http.StatusBadRequest, message{fmt.Sprintf("fault %s: delay %q isn't a time such as 2s or 500ms", b.Do, b.Delay)})
			return
		}
		plans[i] = Fault{
			Do: b.Do, Call: b.Call, Skip: b.Skip, Times: b.Times, Chance: b.Chance, Delay: delay, Status: b.Status, Shift: b.Shift,
		}
	}
	if err := s.SetFaults(body.Seed, plans...); err != nil {
		writeJSON(w, http.StatusBadRequest, message{err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, s.shownFaults())
}

// notAPlan says what is wrong with a body, and which fields there are.
func notAPlan(err error) string {
	said := err.Error()
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		said = fmt.Sprintf("%s: wrong kind of value (%s)", cmp.Or(wrong.Field, "the body"), wrong.Value)
	}
	return fmt.Sprintf("%s; a plan has seed and faults, and each fault has %s", said, names(faultFields()))
}

func (s *Server) shownFaults() faultsBody {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	body := faultsBody{Seed: s.faults.seed, Faults: make([]faultBody, len(s.faults.plans))}
	for i, p := range s.faults.plans {
		body.Faults[i] = faultBody{
			Do: p.Do, Call: p.Call, Skip: p.Skip, Times: p.Times, Chance: p.Chance, Status: p.Status, Shift: p.Shift, Struck: p.struck,
		}
		if p.Delay != 0 {
			body.Faults[i].Delay = p.Delay.String()
		}
	}
	return body
}

type outboxBody struct {
	Mails []Mail `json:"mails"`
}
