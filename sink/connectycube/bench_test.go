package connectycube

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"cubesync/sync/user"
)

// BenchmarkSignUp compares the client with a bare net/http loop that sends and reads the same JSON, with 32 workers.
func BenchmarkSignUp(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got struct {
			User map[string]any `json:"user"`
		}
		if json.NewDecoder(r.Body).Decode(&got) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		got.User["id"] = 5
		delete(got.User, "password")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(got)
	}))
	defer server.Close()
	const workers = 32
	u := user.User{ExternalID: "E1"}
	u.Values[user.Login], u.Values[user.Email], u.Values[user.FullName] = user.Text("hr-e1"), user.Text("e1@example.com"), user.Text("Ann Example")
	u.Values[user.CustomData] = user.Text(`{"team":"blue"}`)
	run := func(b *testing.B, one func() error) {
		var left atomic.Int64
		left.Store(int64(b.N))
		var group sync.WaitGroup
		for range workers {
			group.Go(func() {
				for left.Add(-1) >= 0 {
					if err := one(); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
	}
	b.Run("client", func(b *testing.B) {
		c, err := New(Options{Endpoint: server.URL, ApplicationID: "1", AuthKey: "key", Workers: workers})
		if err != nil {
			b.Fatal(err)
		}
		defer c.exchange.closeIdle()
		run(b, func() error {
			_, err := c.signUp(b.Context(), u, "a-good-password", &call{pass: pass{authKeyHeader, c.options.AuthKey}})
			return err
		})
	})
	b.Run("bare", func(b *testing.B) {
		transport := newTransport(Options{Workers: workers})
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport}
		run(b, func() error {
			body, err := json.Marshal(map[string]any{"user": map[string]any{
				"login": "hr-e1", "email": "e1@example.com", "full_name": "Ann Example", "custom_data": `{"team":"blue"}`, "external_id": "E1", "password": "a-good-password",
			}})
			if err != nil {
				return err
			}
			request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, server.URL+"/users.json", bytes.NewReader(body))
			if err != nil {
				return err
			}
			request.Header.Set("CB-AuthKey", "key")
			response, err := client.Do(request)
			if err != nil {
				return err
			}
			defer func() { _ = response.Body.Close() }()
			var got struct {
				User struct {
					ID         int64  `json:"id"`
					ExternalID string `json:"external_id"`
				} `json:"user"`
			}
			if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
				return err
			}
			if got.User.ID != 5 {
				return fmt.Errorf("got %+v", got)
			}
			_, err = io.Copy(io.Discard, response.Body)
			return err
		})
	})
}
