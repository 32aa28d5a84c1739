package apply

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"

	"cubesync/sync/plan"
	"cubesync/sync/user"
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

// choose returns the external IDs of those in the sample; nil where none is asked for. To choose, it walks the operations twice
// and holds those that come along with others, and of the rest a number each.
func (c Canary) choose(operations iter.Seq2[*plan.Operation, error]) (map[string]bool, error) {
	if c == (Canary{}) {
		return nil, nil
	}
	sorts := map[string][]user.Digest{}
	var tied []plan.Operation
	for op, err := range operations {
		if err != nil {
			return nil, err
		}
		if op.Blocked == "" && op.Step != plan.Park {
			sort := sortOf(op)
			sorts[sort] = append(sorts[sort], plan.KeyOf(op.ExternalID))
		}
		if len(op.WaitsFor) > 0 || op.Ring != "" {
			tied = append(tied, *op)
		}
	}
	sample := c.sample(sorts)
	chosen := map[string]bool{}
	for op, err := range operations {
		if err != nil {
			return nil, err
		}
		if sample[plan.KeyOf(op.ExternalID)] {
			chosen[op.ExternalID] = true
		}
	}
	addTied(chosen, tied)
	return chosen, nil
}

// sample returns the hashes of those in the sample, from those of all that are sent, by their sort. Should two share a hash,
// both are in it.
func (c Canary) sample(sorts map[string][]user.Digest) map[user.Digest]bool {
	total := 0
	for _, all := range sorts {
		total += len(all)
	}
	want := min(c.Count, total)
	if c.Share > 0 {
		want = int(math.Ceil(c.Share * float64(total)))
	}
	sample := map[user.Digest]bool{}
	var others []user.Digest
	for _, all := range sorts {
		slices.Sort(all)
		n := max(1, want*len(all)/total)
		for _, hash := range all[:n] {
			sample[hash] = true
		}
		others = append(others, all[n:]...)
	}
	slices.Sort(others)
	for _, hash := range others[:min(len(others), max(0, want-(total-len(others))))] {
		sample[hash] = true
	}
	return sample
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

// addTied adds to the chosen external IDs those of all that they wait for, and of the others of their rings.
func addTied(chosen map[string]bool, tied []plan.Operation) {
	of := map[string][]*plan.Operation{} // by external ID
	rings := map[string][]string{}
	for i := range tied {
		op := &tied[i]
		of[op.ExternalID] = append(of[op.ExternalID], op)
		if op.Ring != "" {
			rings[op.Ring] = append(rings[op.Ring], op.ExternalID)
		}
	}
	for next := slices.Collect(maps.Keys(chosen)); len(next) > 0; next = next[1:] {
		for _, op := range of[next[0]] {
			for _, other := range slices.Concat(op.WaitsFor, rings[op.Ring]) {
				if !chosen[other] {
					chosen[other] = true
					next = append(next, other)
				}
			}
		}
	}
}
