package apply

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"

	"cubesync/sync/plan"
)

// Canary asks for a sample of the operations to be carried out, and read back, before the rest. The zero Canary asks for
// none.
//
// The sample holds at least one operation of each sort: of each kind, and within a kind of each set of fields that are
// written. Beyond that the sorts have their share of it. Which operations of a sort they are, the hash of their external ID
// says: the same plan has the same sample. With an operation come those that it waits for, and rings come as a whole.
type Canary struct {
	Share float64 // of the operations that are sent, from 0 to 1
	Count int     // how many of them, where Share is 0
}

// choose returns the external IDs of those in the sample; nil where none is asked for. To choose, it has to hold all operations.
func (c Canary) choose(all iter.Seq2[*plan.Operation, error]) (map[string]bool, error) {
	if c == (Canary{}) {
		return nil, nil
	}
	var operations []plan.Operation
	for op, err := range all {
		if err != nil {
			return nil, err
		}
		operations = append(operations, *op)
	}
	return c.sample(operations), nil
}

// sample returns the external IDs of those in the sample.
func (c Canary) sample(operations []plan.Operation) map[string]bool {
	sorts := map[string][]int{} // numbers of operations
	total := 0
	for i := range operations {
		if op := &operations[i]; op.Blocked == "" && op.Step != plan.Park {
			sort := sortOf(op)
			sorts[sort] = append(sorts[sort], i)
			total++
		}
	}
	want := min(c.Count, total)
	if c.Share > 0 {
		want = int(math.Ceil(c.Share * float64(total)))
	}
	byHash := func(i, j int) int {
		a, b := operations[i].ExternalID, operations[j].ExternalID
		return cmp.Or(cmp.Compare(plan.KeyOf(a), plan.KeyOf(b)), strings.Compare(a, b))
	}
	var chosen, others []int
	for _, sort := range slices.Sorted(maps.Keys(sorts)) {
		all := sorts[sort]
		slices.SortFunc(all, byHash)
		n := max(1, want*len(all)/total)
		chosen, others = append(chosen, all[:n]...), append(others, all[n:]...)
	}
	slices.SortFunc(others, byHash)
	chosen = append(chosen, others[:min(len(others), max(0, want-len(chosen)))]...)
	return together(operations, chosen)
}

// sortOf names the kind of operation and the fields that it writes.
func sortOf(op *plan.Operation) string {
	names := []string{string(op.Kind), string(op.Step)}
	if op.ExternalIDBefore != nil {
		names = append(names, "external_id")
	}
	fields := make([]string, len(op.Changes))
	for i, c := range op.Changes {
		fields[i] = fmt.Sprintf("%02d", c.Field)
	}
	slices.Sort(fields)
	return strings.Join(append(names, fields...), " ")
}

// together adds to the chosen operations all that they wait for, and the others of their rings.
func together(operations []plan.Operation, chosen []int) map[string]bool {
	numbers := make(map[string][]int, len(operations)) // by external ID
	rings := map[string][]int{}
	for i := range operations {
		op := &operations[i]
		numbers[op.ExternalID] = append(numbers[op.ExternalID], i)
		if op.Ring != "" {
			rings[op.Ring] = append(rings[op.Ring], i)
		}
	}
	all := map[string]bool{}
	for next := chosen; len(next) > 0; next = next[1:] {
		id := operations[next[0]].ExternalID
		if all[id] {
			continue
		}
		all[id] = true
		for _, i := range numbers[id] {
			op := &operations[i]
			next = append(next, rings[op.Ring]...)
			for _, other := range op.WaitsFor {
				next = append(next, numbers[other]...)
			}
		}
	}
	return all
}
