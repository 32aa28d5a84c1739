package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// Two numbers of sign-ups, both larger than what is held of them at a time.
const fewSignUps, manySignUps = 11_000, 24_000

// A saved plan is carried out in little more memory where it signs up many more: on its first try, and where another try has
// signed them up already.
func TestSavedPlanInLittleMemory(t *testing.T) {
	const most = 200 // bytes for each sign-up, and one that is held takes 600 and more
	for name, made := range map[string]bool{"first-try": false, "all-made": true} {
		t.Run(name, func(t *testing.T) {
			few, many := heapOfApply(t, fewSignUps, made), heapOfApply(t, manySignUps, made)
			if each := (many - few) / (manySignUps - fewSignUps); each > most {
				t.Errorf("%d KiB for %d sign-ups and %d KiB for %d: %d bytes for each, want at most %d", few>>10, fewSignUps, many>>10, manySignUps, each, most)
			}
		})
	}
}

// heapOfApply is how much is live while a plan of so many sign-ups is carried out, at the most.
func heapOfApply(t *testing.T, signUps int, made bool) int64 {
	t.Helper()
	w := newWorld(t, t.TempDir())
	before := liveHeap()
	file := w.saved(t, signUps)
	stop := make(chan struct{})
	hall := &hall{Service: w.Service, made: made, stop: stop}
	w.Service = hall
	result, err := w.Apply(t.Context(), file, reconcile.Order{Stop: stop})
	if err != nil {
		t.Fatal(err)
	}
	if made {
		wantStatus(t, result, state.Applied)
	} else {
		wantStatus(t, result, state.Interrupted)
	}
	w.adds(t, result.Run.Tally)
	if made != (result.Run.Tally.Unchanged == signUps) || hall.finds != 3*signUps/100 {
		t.Errorf("%+v after %d look-ups", result.Run.Tally, hall.finds)
	}
	return hall.most - before
}

// saved is a plan of so many sign-ups, as `apply` reads it.
func (w *world) saved(t *testing.T, signUps int) *plan.File {
	t.Helper()
	w.source.persons = staff(1) // for the header
	file := w.save(t)
	file.Plan = &plan.Plan{}
	err := file.Plan.Join(signUps, signUpsOf(signUps))
	file.Header.Counts.Read = signUps
	path := filepath.Join(t.TempDir(), "plan.jsonl")
	if err := errors.Join(err, state.WriteNew(path, file)); err != nil {
		t.Fatal(err)
	}
	text, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = text.Close() }() // it was only read
	return readBack(t, text)
}

func signUpsOf(n int) iter.Seq2[*plan.Operation, error] {
	return func(yield func(*plan.Operation, error) bool) {
		for i := range n {
			a := guest(fmt.Sprint(i + 1))
			op := plan.Operation{Kind: plan.Create, Reason: plan.NewRecord, ExternalID: a.ExternalID, Digest: a.ExternalID}
			for _, field := range []user.Field{user.Login, user.Email, user.FullName, user.Tags} {
				op.Changes = append(op.Changes, plan.Change{Field: field, After: a.Values[field].Text})
			}
			if !yield(&op, nil) {
				return
			}
		}
	}
}

// guest is whom a sign-up makes.
func guest(externalID string) account.Account {
	id, err := strconv.ParseInt(externalID, 10, 64)
	if err != nil {
		panic(err)
	}
	a := account.Account{ID: id, ExternalID: externalID}
	a.Values[user.Login], a.Values[user.Email] = user.Text("login-"+externalID), user.Text(externalID+"@example.com")
	a.Values[user.FullName], a.Values[user.Tags] = user.Text("Name "+externalID), user.Text(ownerTag)
	return a
}

// hall is a service that remembers nobody: everybody is there, or nobody is. It looks at the memory now and then, and closes
// stop at the first sign-up.
type hall struct {
	account.Service
	made bool
	stop chan struct{}

	mu    sync.Mutex
	finds int
	most  int64 // live
}

func (h *hall) Find(_ context.Context, _ account.Key, values []string) ([]account.Account, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.finds++; h.finds%25 == 0 {
		h.most = max(h.most, liveHeap())
	}
	var found []account.Account
	for _, value := range values {
		if h.made {
			found = append(found, guest(strings.TrimSuffix(strings.TrimPrefix(value, "login-"), "@example.com")))
		}
	}
	return found, nil
}

func (h *hall) Create(_ context.Context, u user.User, _ string) (account.Account, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.stop:
	default:
		h.most = max(h.most, liveHeap())
		close(h.stop)
	}
	return guest(u.ExternalID), nil
}

// liveHeap is how many bytes are in use.
func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
