package plan

import (
	"fmt"
	"slices"
)

// order puts every operation after those that free what it claims, and deletes last unless a claim waits for one. What
// waits for an operation that isn't sent isn't sent either. Of the operations that wait for each other in a ring, some
// are parked: see breakRings.
func (b *builder) order() {
	g := newGraph(b.plan.Operations)
	g.blockWaiters()
	b.breakRings(g)
	g.blockWaiters()
	b.giveLogins(g)
	b.plan.Operations = inWaves(g.withParkings())
}

// graph is who waits for whom, by the numbers of the operations.
type graph struct {
	ops     []Operation
	waits   [][]int // those that the operation waits for, in the order of their external IDs
	waiters [][]int
	parking map[int]Operation // the first step of those that are parked
}

func newGraph(ops []Operation) *graph {
	g := &graph{ops: ops, waits: make([][]int, len(ops)), waiters: make([][]int, len(ops)), parking: map[int]Operation{}}
	number := make(map[string]int, len(ops))
	for i := range ops {
		number[ops[i].ExternalID] = i
	}
	for i := range ops {
		for _, other := range ops[i].WaitsFor {
			j := number[other]
			g.waits[i] = append(g.waits[i], j)
			g.waiters[j] = append(g.waiters[j], i)
		}
	}
	return g
}

// blockWaiters blocks whatever waits for an operation that isn't sent, and names that one and its reason.
func (g *graph) blockWaiters() {
	for i := range g.ops {
		if root := &g.ops[i]; root.Blocked != "" && root.Blocked != WaitsForOther {
			g.blockBehind(i, fmt.Sprintf("%s: %s", root.Blocked, root.Detail))
		}
	}
}

func (g *graph) blockBehind(root int, why string) {
	for next := []int{root}; len(next) > 0; next = next[1:] {
		for _, i := range g.waiters[next[0]] {
			op := &g.ops[i]
			if op.Blocked != "" {
				continue
			}
			op.Blocked = WaitsForOther
			op.Detail = fmt.Sprintf("waits for %s, which isn't sent (%s)", g.ops[next[0]].ExternalID, why)
			if next[0] != root {
				op.Detail = fmt.Sprintf("waits for %s, which isn't sent because %s isn't (%s)", g.ops[next[0]].ExternalID, g.ops[root].ExternalID, why)
			}
			next = append(next, i)
		}
	}
}

// withParkings returns the operations with each parking before its other half.
func (g *graph) withParkings() []Operation {
	all := make([]Operation, 0, len(g.ops)+len(g.parking))
	for i := range g.ops {
		op := g.ops[i]
		if parking, parked := g.parking[i]; parked {
			all = append(all, parking)
			op.WaitsFor = append(op.WaitsFor, op.ExternalID)
			slices.Sort(op.WaitsFor)
		}
		all = append(all, op)
	}
	return all
}

// inWaves gives each operation its wave and sorts by it.
func inWaves(ops []Operation) []Operation {
	w := waves{ops: ops, first: make(map[string]int, len(ops)), seen: make([]bool, len(ops))}
	awaited := map[string]bool{}
	for i := range ops {
		if _, parked := w.first[ops[i].ExternalID]; !parked {
			w.first[ops[i].ExternalID] = i
		}
		for _, other := range ops[i].WaitsFor {
			awaited[other] = true
		}
	}
	last := 0
	for i := range ops {
		last = max(last, w.visit(i))
	}
	for i := range ops {
		if op := &ops[i]; op.Kind == Delete && !awaited[op.ExternalID] {
			op.Wave = max(op.Wave, last+1)
		}
	}
	slices.SortStableFunc(ops, func(a, b Operation) int { return a.Wave - b.Wave })
	return ops
}

// waves walks the operations along what they wait for.
type waves struct {
	ops   []Operation
	first map[string]int // the number of each external ID's first operation
	seen  []bool
}

// visit gives the operation its wave, one after the last of those it waits for. A ring, which is only left where all of
// it is blocked, is cut wherever the walk meets itself.
func (w *waves) visit(i int) int {
	op := &w.ops[i]
	if w.seen[i] {
		return op.Wave
	}
	w.seen[i] = true
	for _, other := range op.WaitsFor {
		if j := w.first[other]; j != i {
			op.Wave = max(op.Wave, w.visit(j)+1)
		}
	}
	return op.Wave
}
