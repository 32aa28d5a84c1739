package emulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// trivial only decodes a user and answers it: what the server is measured against.
func trivial() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
}

// BenchmarkSockets compares the server over 32 connections with a trivial handler.
func BenchmarkSockets(b *testing.B) {
	b.Run("trivial", func(b *testing.B) { benchSignUps(b, trivial()) })
	b.Run("memory", func(b *testing.B) { benchSignUps(b, open(b, Options{}).server) })
	b.Run("file", func(b *testing.B) {
		benchSignUps(b, open(b, Options{Data: b.TempDir() + "/users.jsonl"}).server)
	})
}

func benchSignUps(b *testing.B, h http.Handler) {
	b.ReportMetric(float64(b.N)/signUps(b, h, b.N).Seconds(), "requests/s")
}

// The server must not be what a client waits for. The best of a few rounds counts: others use this machine too.
func TestNeverTheBottleneck(t *testing.T) {
	const requests, rounds, want = 2000, 6, 0.4
	var best float64
	for range rounds {
		by := signUps(t, trivial(), requests)
		best = max(best, by.Seconds()/signUps(t, open(t, Options{}).server, requests).Seconds())
		if best >= want {
			return
		}
	}
	t.Errorf("%.2f of a trivial handler's requests a second, want %v", best, want)
}

// A million users must fit in 1.5 GB, of which the garbage collector lets half be in use.
func TestMemory(t *testing.T) {
	const users, most = 20_000, 700
	if got := heapOf(t, users) / users; got > most {
		t.Errorf("%.0f bytes a user, want at most %d", got, most)
	}
}

const benchUser = `{"user":{"login":"user%d","email":"user%d@example.com","external_id":"E%d","full_name":"Some Body %d",` +
	`"phone":"+49 30 1234567","password":"derived-password-123","website":"http://example.com",` +
	`"custom_data":"{\"department\":\"Research\"}","tag_list":["hr-sync","vip"]}}`

// signUps signs so many users up over 32 connections and returns how long that took.
func signUps(t testing.TB, h http.Handler, requests int) time.Duration {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: 32}
	defer transport.CloseIdleConnections()
	var next atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range 32 {
		all.Go(func() {
			for i := next.Add(1); i <= int64(requests); i = next.Add(1) {
				req, _ := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/users", strings.NewReader(fmt.Sprintf(benchUser, i, i, i, i)))
				req.Header.Set("CB-AuthKey", DefaultAuthKey)
				resp, err := transport.RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusCreated {
					t.Error(resp.Status)
				}
			}
		})
	}
	all.Wait()
	return time.Since(began)
}

// BenchmarkPage lists a page in the middle of a tag, among ever more users: the time must not grow with them.
func BenchmarkPage(b *testing.B) {
	for _, users := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(users), func(b *testing.B) {
			client := open(b, Options{})
			fill(b, client.server, users)
			session := client.session("")
			for b.Loop() {
				session.do("GET", fmt.Sprintf("/users/v2?user_tags=hr-sync&sort_asc=id&offset=%d", users/2), "")
			}
		})
	}
}

// BenchmarkQuietNight asks how many carry a tag, and which of them were changed lately: one in ten thousand.
func BenchmarkQuietNight(b *testing.B) {
	for _, users := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(users), func(b *testing.B) {
			client := open(b, Options{})
			fill(b, client.server, users)
			for i := range users / 10_000 {
				client.server.users.people[i*10_000].updated = 1000
			}
			session := client.session("")
			for b.Loop() {
				session.do("GET", "/users/v2?user_tags=hr-sync&sort_asc=id&limit=1", "")
				session.do("GET", "/users/v2?user_tags=hr-sync&updated_at[gte]=1000&sort_asc=id", "")
			}
		})
	}
}

// BenchmarkMemory reports what a user costs among a million.
func BenchmarkMemory(b *testing.B) {
	const users = 1_000_000
	for b.Loop() {
		b.ReportMetric(heapOf(b, users)/users, "heap-bytes/user")
	}
}

// heapOf returns how many bytes so many users take.
func heapOf(t testing.TB, users int) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	client := open(t, Options{})
	fill(t, client.server, users)
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(client)
	return float64(after.HeapAlloc) - float64(before.HeapAlloc)
}

func fill(b testing.TB, s *Server, users int) {
	for i := range users {
		var body map[string]value
		if err := json.Unmarshal([]byte(fmt.Sprintf(benchUser, i, i, i, i)), &body); err != nil {
			b.Fatal(err)
		}
		p, wrong := s.options.newPerson(body["user"].fields, 1)
		if err := s.users.add(opSignUp, p, wrong); err != nil {
			b.Fatal(err)
		}
	}
}
