package simulation

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// A world with one worker goes the same way again, to the byte.
func TestOneWorkerGoesTheSameWayAgain(t *testing.T) {
	const enough = 12
	tried := 0
	for seed := uint64(1); tried < enough; seed++ {
		w := newWorld(seed)
		if w.workers != 1 || slices.ContainsFunc(w.lives, func(l life) bool { return l.twin }) {
			continue
		}
		tried++
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			first := lived(t, newWorld(seed)).trace.Bytes()
			second := lived(t, newWorld(seed)).trace.Bytes()
			if bytes.Equal(first, second) {
				return
			}
			one, other := bytes.Split(first, []byte("\n")), bytes.Split(second, []byte("\n"))
			for i := range min(len(one), len(other)) {
				if !bytes.Equal(one[i], other[i]) {
					t.Fatalf("line %d was\n%s\nand is\n%s", i+1, one[i], other[i])
				}
			}
			t.Fatalf("%d lines, and then %d", len(one), len(other))
		})
	}
}
