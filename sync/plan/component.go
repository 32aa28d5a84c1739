package plan

import (
	"cmp"
	"slices"

	"cubesync/sync/user"
)

// rings returns the groups of operations that are to be sent and wait for each other, directly or through others, each
// sorted: the strongly connected components of more than one member, found as Tarjan does.
func (g *graph) rings() [][]int {
	n := len(g.ops)
	f := ringFinder{graph: g, index: make([]int, n), low: make([]int, n), at: make([]int, n), open: make([]bool, n)}
	for i := range g.ops {
		if f.index[i] == 0 && g.ops[i].Blocked == "" {
			f.visit(i)
		}
	}
	return f.rings
}

type ringFinder struct {
	*graph
	index, low []int // the order of the visits, from 1; the lowest that can be reached
	at         []int // the place on the stack
	open       []bool
	stack      []int
	count      int
	rings      [][]int
}

func (f *ringFinder) visit(i int) {
	f.count++
	f.index[i], f.low[i], f.open[i] = f.count, f.count, true
	f.at[i] = len(f.stack)
	f.stack = append(f.stack, i)
	for _, j := range f.waits[i] {
		switch { // none of them is blocked, or this one would be
		case f.index[j] == 0:
			f.visit(j)
			f.low[i] = min(f.low[i], f.low[j])
		case f.open[j]:
			f.low[i] = min(f.low[i], f.index[j])
		}
	}
	if f.low[i] != f.index[i] {
		return
	}
	ring := slices.Sorted(slices.Values(f.stack[f.at[i]:]))
	for _, j := range ring {
		f.open[j] = false
	}
	f.stack = f.stack[:f.at[i]]
	if len(ring) > 1 {
		f.rings = append(f.rings, ring)
	}
}

// chooseParked returns members without which nobody in the ring waits for themselves: those that a walk along what they
// wait for meets again while it is still on its way from them. It begins with the members that give up least.
func (g *graph) chooseParked(ring []int) []int {
	walk := parkWalk{graph: g, state: map[int]visit{}, within: map[int]bool{}}
	for _, i := range ring {
		walk.within[i] = true
	}
	order := slices.Clone(ring)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(g.cost(a), g.cost(b)) })
	for _, i := range order {
		walk.visit(i)
	}
	slices.Sort(walk.parked)
	return walk.parked
}

// cost ranks what an operation gives up when it is parked: an e-mail is less than a login, and whoever can't be parked
// comes last.
func (g *graph) cost(i int) int {
	switch {
	case !g.mayPark(i):
		return 2
	case slices.ContainsFunc(g.ops[i].Changes, func(c Change) bool { return c.Field == user.Login && len(g.claimants(i, c)) > 0 }):
		return 1
	default:
		return 0
	}
}

type visit uint8

const (
	unseen visit = iota
	open
	met // open, and to be parked
	closed
)

type parkWalk struct {
	*graph
	within map[int]bool
	state  map[int]visit
	parked []int
}

func (w *parkWalk) visit(i int) {
	if w.state[i] == open {
		w.state[i] = met
		w.parked = append(w.parked, i)
	}
	if w.state[i] != unseen {
		return
	}
	w.state[i] = open
	for _, j := range w.waits[i] {
		if w.within[j] {
			w.visit(j)
		}
	}
	w.state[i] = closed
}
