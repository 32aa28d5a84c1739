package plan

import (
	"fmt"
	"slices"
)

// order puts every operation after those that free what it claims, and deletes last unless a claim waits for one. What
// waits for an operation that isn't sent isn't sent either. Operations that wait for each other in a ring become one unit,
// in which some are parked: see breakRings. Who is halfway through a ring since it was broken off, and isn't brought to
// its end by this plan, gets back what they gave up: see putBack.
func (b *builder) order() {
	g := newGraph(b.plan.Operations)
	g.blockWaiters()
	b.giveBackFirst(g)
	b.breakRings(g)
	g.blockWaiters()
	back := b.putBack(g)
	units := g.units()
	setWaves(units)
	if len(g.ringOf) == 0 && len(back) == 0 {
		sortByWave(g.ops)
		return
	}
	all := append(slices.Concat(units...), back...)
	sortByWave(all)
	b.plan.Operations = all
}

// sortByWave sorts operations where they are, and moves each once: they are many, and large.
func sortByWave(ops []Operation) {
	from := make([]int, len(ops))
	for i := range from {
		from[i] = i
	}
	slices.SortStableFunc(from, func(i, j int) int { return ops[i].Wave - ops[j].Wave })
	for start := range from {
		if from[start] == start {
			continue
		}
		first, at := ops[start], start
		for from[at] != start {
			next := from[at]
			ops[at], from[at] = ops[next], at
			at = next
		}
		ops[at], from[at] = first, at
	}
}

// graph is who waits for whom, by the numbers of the operations.
type graph struct {
	ops     []Operation
	waits   [][]int // those that the operation waits for, in the order of their external IDs
	waiters [][]int
	parking map[int]Operation // the first step of those that are parked
	ringOf  map[int][]int     // the ring that the operation is carried out in, sorted
}

func newGraph(ops []Operation) *graph {
	g := &graph{ops: ops, waits: make([][]int, len(ops)), waiters: make([][]int, len(ops)), parking: map[int]Operation{}, ringOf: map[int][]int{}}
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

// units returns what is carried out as one: each operation by itself, and each ring as a whole, the parkings first and
// then the members, each after those that it waits for.
func (g *graph) units() [][]Operation {
	units := make([][]Operation, 0, len(g.ops))
	for i := range g.ops {
		ring, inside := g.ringOf[i]
		switch op := &g.ops[i]; {
		case !inside:
			units = append(units, g.ops[i:i+1])
		case op.Blocked != "": // and so is everybody in the ring: nobody is parked
			op.Ring, op.Parked = "", nil
			units = append(units, g.ops[i:i+1])
		case ring[0] == i:
			units = append(units, g.ringInOrder(ring))
		}
	}
	return units
}

// setWaves gives the operations of each unit their wave.
func setWaves(units [][]Operation) {
	w := waves{units: units, of: map[string]int{}, wave: make([]int, len(units)), seen: make([]bool, len(units))}
	awaited := map[string]bool{}
	for u, unit := range units {
		for i := range unit {
			w.of[unit[i].ExternalID] = u
			for _, other := range unit[i].WaitsFor {
				awaited[other] = true
			}
		}
	}
	last := 0
	for u := range units {
		last = max(last, w.visit(u))
	}
	for u, unit := range units {
		for i := range unit {
			op := &unit[i]
			op.Wave = w.wave[u]
			if op.Kind == Delete && !awaited[op.ExternalID] {
				op.Wave = max(op.Wave, last+1)
			}
		}
	}
}

// waves walks the units along what they wait for.
type waves struct {
	units [][]Operation
	of    map[string]int // the unit of each external ID's operation
	wave  []int
	seen  []bool
}

// visit gives the unit its wave, one after the last of those it waits for. A ring that is blocked is no unit, and is cut
// wherever the walk meets itself.
func (w *waves) visit(u int) int {
	if w.seen[u] {
		return w.wave[u]
	}
	w.seen[u] = true
	for i := range w.units[u] {
		for _, other := range w.units[u][i].WaitsFor {
			if of := w.of[other]; of != u {
				w.wave[u] = max(w.wave[u], w.visit(of)+1)
			}
		}
	}
	return w.wave[u]
}
