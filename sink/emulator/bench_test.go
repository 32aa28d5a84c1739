package emulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

// BenchmarkSockets compares the server over 32 connections with a handler that only decodes a user and answers it.
func BenchmarkSockets(b *testing.B) {
	trivial := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			User map[string]any `json:"user"`
		}
		if json.NewDecoder(r.Body).Decode(&body) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(body)
	})
	b.Run("trivial", func(b *testing.B) { signUpOverSockets(b, trivial) })
	b.Run("memory", func(b *testing.B) { signUpOverSockets(b, open(b, Options{}).server) })
	b.Run("file", func(b *testing.B) {
		signUpOverSockets(b, open(b, Options{Data: b.TempDir() + "/users.jsonl"}).server)
	})
}

const benchUser = `{"user":{"login":"user%d","email":"user%d@example.com","external_id":"E%d","full_name":"Some Body %d",` +
	`"phone":"+49 30 1234567","password":"derived-password-123","website":"http://example.com",` +
	`"custom_data":"{\"department\":\"Research\"}","tag_list":["hr-sync","vip"]}}`

func signUpOverSockets(b *testing.B, h http.Handler) {
	server := httptest.NewServer(h)
	defer server.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	var next atomic.Int64
	b.SetParallelism(32 / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := next.Add(1)
			req, _ := http.NewRequestWithContext(b.Context(), "POST", server.URL+"/users", strings.NewReader(fmt.Sprintf(benchUser, i, i, i, i)))
			req.Header.Set("CB-AuthKey", DefaultAuthKey)
			resp, err := transport.RoundTrip(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusCreated {
				b.Error(resp.Status)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// BenchmarkPage lists a page in the middle of a tag, among ever more users: the time must not grow with them.
func BenchmarkPage(b *testing.B) {
	for _, users := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(users), func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			client := open(b, Options{})
			fill(b, client.server, users)
			runtime.GC()
			runtime.ReadMemStats(&after)
			session := client.session("")
			for b.Loop() {
				session.do("GET", fmt.Sprintf("/users/v2?user_tags=hr-sync&sort_asc=id&offset=%d", users/2), "")
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(users), "heap-bytes/user")
		})
	}
}

func fill(b *testing.B, s *Server, users int) {
	for i := range users {
		var body map[string]value
		if err := json.Unmarshal([]byte(fmt.Sprintf(benchUser, i, i, i, i)), &body); err != nil {
			b.Fatal(err)
		}
		p, wrong := newPerson(body["user"].fields, 1)
		if err := s.users.add(opSignUp, p, wrong); err != nil {
			b.Fatal(err)
		}
	}
}
