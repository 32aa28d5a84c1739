package simulation

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sink/emulator"
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// history is what happens in a world, process by process. Each process has a time of its own.
type history struct {
	*network
	t       *testing.T
	err     error         // the simulation's own
	dir     string        // of the states
	clock   time.Duration // how far our clock is ahead of the network's
	workers [2]career
	ended   result // the last process of the first worker; no result where it was killed
	quiet   bool   // the last process had nothing to write

	processes int // before which logins changed
}

// career is what goes on from process to process.
type career struct {
	name   string
	source *roster
	watch  *watch
}

// live lives a world through and returns its network; an error is the simulation's own.
func live(t *testing.T, w *world) (*network, error) {
	h := newHistory(t, w)
	for _, l := range w.lives {
		h.lives(l)
	}
	return h.network, h.finish()
}

// newHistory is a world in which nothing has happened yet.
func newHistory(t *testing.T, w *world) *history {
	h := &history{t: t, dir: stateFolder(t.TempDir), workers: [2]career{{"first", &roster{}, nil}, {"second", &roster{}, nil}}}
	t.Cleanup(func() { _ = os.RemoveAll(h.dir) }) // a temporary folder
	h.inTime(func() error { return h.begin(w) })
	return h
}

// inTime lets something happen, unless the simulation itself has failed.
func (h *history) inTime(do func() error) {
	if h.err == nil {
		synctest.Test(h.t, func(*testing.T) { h.err = do() })
	}
}

func (h *history) lives(l life) { h.inTime(func() error { return h.process(l) }) }

// finish lets everything come to its end, and checks that.
func (h *history) finish() error {
	for tries := 0; tries < 4 && h.err == nil && !h.applied(); tries++ {
		h.lives(life{gap: time.Minute, rekeys: h.tale == rekeying})
	}
	if h.err == nil && h.tale == rekeying {
		h.lives(life{calm: true, gap: 2 * longestLate, rekeys: true})
	}
	for range calmRuns {
		if !h.quiet {
			h.lives(life{calm: true, gap: 2 * longestLate})
		}
	}
	h.inTime(h.end)
	return h.err
}

// calmRuns is in how many runs everything must be as the source wants it, the quiet one included: a swap that was broken off
// takes more than one.
const calmRuns = 4

func (h *history) applied() bool { return h.ended.Result != nil && h.ended.Run.Status == state.Applied }

// begin makes the service, and who is there before.
func (h *history) begin(w *world) (err error) {
	time.Sleep(longAgo)
	if h.network, err = newNetwork(w); err != nil {
		return err
	}
	h.woke = time.Now()
	h.look()
	h.note("seed %d: %s with %d workers, limit %v, shared %t, leavers %s, grace %d, %s", w.seed, w.tale, w.workers, w.limit, w.shared, w.leavers, w.grace, switches(w.server))
	h.rest()
	return nil
}

// switches are those that aren't at their default.
func switches(o emulator.Options) string {
	var says []string
	for _, s := range o.Switches() {
		if s.Changed() {
			says = append(says, s.Says())
		}
	}
	return strings.Join(says, "; ")
}

// process lets the first worker live one of its lives, and the second beside it.
func (h *history) process(l life) error {
	first := h.truth != nil && len(h.workers[0].source.persons) == 0
	if l.jump != 0 {
		h.clock += l.jump
		h.counts[ourClock]++
	}
	h.wake(l.gap, h.clock)
	defer h.rest()
	h.calm, h.quiet, h.alone = l.calm, false, !l.twin
	dirs := [2]string{filepath.Join(h.dir, "first"), filepath.Join(h.dir, "second")}
	if l.loses && !first {
		h.counts[lostState]++
		if err := os.RemoveAll(dirs[0]); err != nil {
			return err
		}
	}
	if h.moves && !first && !l.calm {
		h.processes++
		if moved := h.move(fmt.Sprint(h.processes)); moved > 0 {
			h.counts[newLogin] += moved
		}
	}
	persons := h.wanted
	if first && h.before != nil {
		persons = h.before
	}
	h.note("process: %+v", l)
	var second error
	var beside sync.WaitGroup
	if l.twin {
		h.counts[atOnce]++
		beside.Go(func() { _, second = h.worker(1, dirs[1], persons, life{}) })
	}
	var err error
	h.ended, err = h.worker(0, dirs[0], persons, l)
	beside.Wait()
	if err != nil {
		return err
	}
	return second
}

// worker lets one worker live.
func (h *history) worker(number int, dir string, persons []person, l life) (result, error) {
	c := &h.workers[number]
	c.source.persons = persons
	w, err := h.start(c.name, dir, c.source, c.watch)
	if err != nil {
		return result{}, err
	}
	c.watch = w.watch
	end, err := w.run(l)
	if err != nil || end.Result == nil {
		return end, err
	}
	if err := w.report(context.Background(), l, end); err != nil {
		return end, err
	}
	if l.calm {
		h.quiet = !l.rekeys && nothingLeft(end.Plan)
		return end, h.calmly(w, end)
	}
	return end, nil
}

// nothingLeft reports whether a plan sends nothing, and the next one won't either: after a lost state nobody's absence is known,
// and somebody may have to wait for what may still be carried out.
func nothingLeft(p *plan.Plan) bool {
	return p != nil && p.Sent() == 0 && !slices.ContainsFunc(p.Operations, func(op plan.Operation) bool { return op.Blocked == plan.InDoubt }) &&
		!slices.ContainsFunc(p.Leavers, func(l plan.Leaver) bool { return l.Reason == plan.AbsenceUnknown })
}

// calmly checks a run in which nothing went wrong.
func (h *history) calmly(w *worker, end result) error {
	store, err := state.Peek(context.Background(), w.dir, identity())
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // it was only read
	pending, err := store.Pending(context.Background())
	if err != nil {
		return err
	}
	if len(pending) > 0 && (h.quiet || h.world.server.ListLag <= patience) {
		h.breaks("%d operations are in doubt after a run in which nothing went wrong", len(pending))
	}
	if !h.quiet {
		return nil
	}
	for _, c := range h.truth.commits[end.before:] {
		if !c.late {
			h.breaks("a quiet run wrote: %s %s", c.kind, c.who)
		}
	}
	if t := end.Run.Tally; t.Unchanged+t.Rejected != t.Read || t.Rejected != len(h.squats) {
		h.breaks("a quiet run leaves somebody as they are: %+v", t)
		for i := range end.Plan.Operations {
			if op := &end.Plan.Operations[i]; op.Blocked != "" {
				h.note("%s isn't sent: %s: %s %v", op.ExternalID, op.Blocked, op.Detail, op.Changes)
			}
		}
	}
	return nil
}

// end checks how everything stands in the end.
func (h *history) end() error {
	h.wake(2*longestLate, h.clock)
	if !h.quiet {
		h.breaks("it never gets quiet")
	}
	h.settled()
	return nil
}
