package simulation

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	worlds = flag.Int("simulation.worlds", 200, "how many worlds TestSimulation lives through")
	first  = flag.Uint64("simulation.seed", 1, "the first of them; 0: another one every time")
	times  = flag.Int("simulation.times", 1, "how often each of them")
)

// What must happen at least in each world.
const (
	leastOperations = 100
	leastFaults     = 20
	leastKinds      = 5
)

// group is how many worlds have one name together, so that a few of them can be asked for.
const group = 20

// sum adds up what happened in all worlds.
type sum struct {
	mu         sync.Mutex
	worlds     int
	operations int
	counts     map[trouble]int
}

// TestSimulation lives through worlds in which everything goes wrong that can. What must hold stands in checker_test.go,
// report_test.go and end_test.go. A world that fails leaves its trace and is lived through again, many times, by
//
//	make replay SEED=n
func TestSimulation(t *testing.T) {
	from := *first
	if from == 0 {
		from = uint64(time.Now().UnixNano()) >> 20 << 20
	}
	all := sum{counts: map[trouble]int{}}
	for seed, end := from, from+uint64(*worlds); seed < end; seed += group {
		last := min(seed+group, end) - 1
		t.Run(fmt.Sprintf("worlds-%d-to-%d", seed, last), func(t *testing.T) { all.live(t, seed, last) })
	}
	t.Logf("%d worlds from seed %d, %d operations, and what went wrong in them:\n%s", all.worlds, from, all.operations, &all)
	for _, kind := range troubles() {
		if all.counts[kind] == 0 && all.worlds >= 200 {
			t.Errorf("never: %s", kind)
		}
	}
}

// live lives through some worlds.
func (s *sum) live(t *testing.T, first, last uint64) {
	for seed := first; seed <= last; seed++ {
		for range *times {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				s.add(t, lived(t, newWorld(seed)))
			})
		}
	}
}

// lived lives a world through and tells what it broke.
func lived(t *testing.T, w *world) *network {
	t.Helper()
	n, err := live(t, w)
	if err != nil {
		t.Errorf("seed %d: %v", w.seed, err)
	}
	if n == nil {
		t.FailNow()
	}
	if err == nil && len(n.broken) == 0 {
		return n
	}
	file := filepath.Join(os.TempDir(), fmt.Sprintf("cubesync-simulation-%d.trace", w.seed))
	if err := os.WriteFile(file, n.trace.Bytes(), 0o600); err != nil {
		t.Error(err)
	}
	t.Errorf("%s with %d workers:\n  %s\nits trace is in %s; make replay SEED=%d", w.tale, w.workers,
		strings.Join(n.broken[:min(len(n.broken), 10)], "\n  "), file, w.seed)
	return n
}

func (s *sum) add(t *testing.T, n *network) {
	t.Helper()
	faults := 0
	for _, count := range n.counts {
		faults += count
	}
	if len(n.writing) < leastOperations || faults < leastFaults || len(n.counts) < leastKinds {
		t.Errorf("only %d operations, and %d faults of %d kinds", len(n.writing), faults, len(n.counts))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.worlds++
	s.operations += len(n.writing)
	for kind, count := range n.counts {
		s.counts[kind] += count
	}
}

func (s *sum) String() string {
	var lines []string
	for _, kind := range slices.Sorted(maps.Keys(s.counts)) {
		lines = append(lines, fmt.Sprintf("%9d  %s", s.counts[kind], kind))
	}
	return strings.Join(lines, "\n")
}
