package emulator

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slowDisk takes a second to sync, or fails to.
type slowDisk struct {
	syncs atomic.Int64
	fails atomic.Bool
}

func (d *slowDisk) Write(p []byte) (int, error) { return len(p), nil }
func (d *slowDisk) Close() error                { return nil }

func (d *slowDisk) Sync() error {
	time.Sleep(time.Second)
	d.syncs.Add(1)
	if d.fails.Load() {
		return errors.New("no space left")
	}
	return nil
}

func openSlow(t *testing.T) (*testClient, *slowDisk) {
	client, d := open(t, Options{}), &slowDisk{}
	client.server.users.journal = newJournal(d)
	return client, d
}

func TestWritersShareOneSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, d := openSlow(t)
		began := time.Now()
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() { client.signUp(fmt.Sprintf(`{"login":"user%d","password":"12345678"}`, i)) })
		}
		all.Wait()
		if n, took := d.syncs.Load(), time.Since(began); n != 2 || took != 2*time.Second {
			t.Errorf("100 writers took %d syncs and %v, want 2 syncs: the first's and that of all others", n, took)
		}
	})
}

// Whatever shows a write, to whomever, waits until the write is durable.
func TestNothingIsShownBeforeItIsDurable(t *testing.T) {
	for name, ask := range map[string]func(*testClient) testAnswer{
		"list":     func(c *testClient) testAnswer { return c.session("").do("GET", "/users/v2?login=ann", "") },
		"login":    func(c *testClient) testAnswer { return c.session("").do("POST", "/login", ann) },
		"session":  func(c *testClient) testAnswer { return c.session(ann).do("GET", "/session", "") },
		"conflict": func(c *testClient) testAnswer { return c.session("").do("POST", "/users", `{"user":`+ann+`}`) },
		"counters": func(c *testClient) testAnswer { return c.do("GET", "/__emulator/counters", "") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, _ := openSlow(t)
				began := time.Now()
				go client.signUp(ann)
				synctest.Wait() // the sign-up is in its sync
				if a := ask(client); !strings.Contains(a.body, "ann") && !strings.Contains(a.body, "taken") &&
					!strings.Contains(a.body, `"user_writes":1`) {
					t.Errorf("the answer doesn't show the write: %s", a.body)
				}
				if took := time.Since(began); took != time.Second {
					t.Errorf("answered after %v, want after the sync of one second", took)
				}
				synctest.Wait()
			})
		})
	}
}

func TestBrokenDiskAcknowledgesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, d := openSlow(t)
		client.signUp(ann)
		d.fails.Store(true)
		key := client.with("CB-AuthKey", DefaultAuthKey)
		key.do("POST", "/users", `{"user":`+bob+`}`).want(t, 500, "no space left")
		d.fails.Store(false) // too late: what the file holds is unknown
		key.do("POST", "/users", `{"user":{"login":"carol","password":"12345678"}}`).want(t, 500, "restart")
		client.session("").do("GET", "/users/v2?login=bob", "").want(t, 500, "restart")
	})
}
