package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// accounts are ours as they are in the end, but for their ids.
func (n *network) accounts() []string {
	var all []string
	for _, a := range n.truth.ours() {
		all = append(all, fmt.Sprintf("%s %s %s %s %v", a.ExternalID, a.Login, a.Email, a.FullName, a.Tags))
	}
	return slices.Sorted(slices.Values(all))
}

// A migration that is killed a hundred times ends with the same accounts as an undisturbed one.
func TestMigrationInterruptedAHundredTimes(t *testing.T) {
	const interruptions = 100
	for name, test := range map[string]struct {
		workers int
		faults  bool
	}{"one-worker": {1, false}, "thirty-two-workers": {32, false}, "with-faults": {8, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			undisturbed := lived(t, plainMigration(test.workers))
			w := plainMigration(test.workers)
			h := newHistory(t, w)
			for n := 0; h.err == nil && h.counts[crashed] < interruptions && n < 5*interruptions; n++ {
				l := life{crash: w.number(1, 16, "crash", fmt.Sprint(n)), gap: time.Second, calm: !test.faults}
				if h.truth.commits != nil && len(h.truth.live) > len(w.wanted)/2 { // what is left to do gets less
					l.crash = w.number(1, 8, "crash", fmt.Sprint(n))
				}
				h.lives(l)
			}
			if err := h.finish(); err != nil {
				t.Fatal(err)
			}
			if h.counts[crashed] < interruptions {
				t.Errorf("only %d interruptions", h.counts[crashed])
			}
			if len(h.broken) > 0 {
				t.Errorf("%s", strings.Join(h.broken, "\n"))
			}
			if diff := cmp.Diff(undisturbed.accounts(), h.accounts()); diff != "" {
				t.Errorf("undisturbed (-), interrupted (+):\n%s", diff)
			}
			signUps := map[string]int{}
			for _, c := range h.truth.commits {
				signUps[c.who]++
			}
			for _, who := range slices.Sorted(maps.Keys(signUps)) {
				if signUps[who] != 1 {
					t.Errorf("%s was signed up %d times", who, signUps[who])
				}
			}
		})
	}
}

// plainMigration is one without anything that goes wrong.
func plainMigration(workers int) *world {
	w := newWorld(1)
	for w.tale != migration || w.adopts || w.shared || len(w.squats) > 0 {
		w = newWorld(w.seed + 1)
	}
	w.workers, w.limit = workers, 0
	w.lives = []life{{calm: true}}
	return w
}
