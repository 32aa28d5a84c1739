package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"cubesync/sync/account"
	"cubesync/sync/reconcile"
)

// asking notes how many values each look-up carries.
type asking struct {
	account.Service
	mu    sync.Mutex
	sizes map[account.Key][]int
}

func (a *asking) Find(ctx context.Context, key account.Key, values []string) ([]account.Account, error) {
	a.mu.Lock()
	a.sizes[key] = append(a.sizes[key], len(values))
	a.mu.Unlock()
	return a.Service.Find(ctx, key, values)
}

// Each look-up is one call, and each but the last of a kind carries as much as fits: what doesn't waits for the next one.
func TestLookUpsAreFull(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.Calls, w.Fits = w.client.Calls, w.client.Fits
	w.source.persons = staff(230)
	for i := range w.source.persons {
		w.source.persons[i][2] = fmt.Sprintf("%s%04d@example.com", strings.Repeat("a", 40), i)
	}
	asking := &asking{Service: w.Service, sizes: map[account.Key][]int{}}
	w.Service = asking
	result, err := w.Preview(t.Context(), reconcile.Order{})
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for key, sizes := range asking.sizes {
		slices.Sort(sizes)
		calls += len(sizes)
		if most := sizes[len(sizes)-1]; sizes[1] != most || sizes[0] != 230-(len(sizes)-1)*most {
			t.Errorf("by %s, %d values are asked for at a time", key, sizes)
		}
	}
	if emails := asking.sizes[account.ByEmail]; emails[1] == 100 {
		t.Error("a hundred such e-mails fit into one call: nothing is shown")
	}
	if made := result.Header.Calls.LookUp; made != calls {
		t.Errorf("%d look-ups made %d calls", calls, made)
	}
}
