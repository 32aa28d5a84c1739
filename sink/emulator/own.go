package emulator

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// own are the pages that aren't the API: uncounted, unlimited, for tests and for people.
func (s *Server) own() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, greeting) // the client may be gone
	})
	mux.HandleFunc("GET /__emulator/counters", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, s.Counters())
	})
	mux.HandleFunc("GET /__emulator/outbox", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, outboxBody{s.Outbox()})
	})
	mux.HandleFunc("GET /__emulator/requests", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, requestsBody{s.Requests()})
	})
	mux.HandleFunc("GET /__emulator/faults", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, s.shownFaults())
	})
	mux.Handle("POST /__emulator/faults", http.NewCrossOriginProtection().Handler(http.HandlerFunc(s.planFaults)))
	mux.HandleFunc(storagePath, func(w http.ResponseWriter, r *http.Request) {
		seen := &witness{ResponseWriter: w}
		s.storage.ServeHTTP(seen, r)
		s.requests.add(r, nil, Storage, "", seen.status)
	})
	return mux
}

func isOwn(path string) bool { return path == "/" || strings.HasPrefix(path, "/__emulator/") }

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
	err := d.Decode(&body)
	plans := make([]Fault, len(body.Faults))
	for i, b := range body.Faults {
		f := Fault{Do: b.Do, Call: b.Call, Skip: b.Skip, Times: b.Times, Chance: b.Chance, Status: b.Status, Shift: b.Shift}
		if b.Delay != "" && err == nil {
			f.Delay, err = time.ParseDuration(b.Delay)
		}
		plans[i] = f
	}
	if err == nil {
		err = s.SetFaults(body.Seed, plans...)
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest, message{err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, s.shownFaults())
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

const greeting = `This is cubesync's emulator: a local server that answers as the ConnectyCube REST API does.
It is for development and tests, and holds no real users.
GET /__emulator/counters   what it was asked
GET /__emulator/requests   the last requests, without secrets
GET /__emulator/outbox     the e-mails it would have sent
GET /__emulator/faults     what goes wrong on purpose; POST {"seed":1,"faults":[{"do":"lose_after","call":"sign_up"}]}
                           makes it go wrong once, {"faults":[]} ends it
`
