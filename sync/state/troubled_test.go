package state

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/plan"
	"cubesync/sync/user"
)

func TestTroubled(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	for _, want := range []map[user.Digest]int64{{}, {plan.KeyOf("E1"): 3, plan.KeyOf("E2"): 1 << 40}, {plan.KeyOf("E3"): 4}} {
		if len(want) > 0 {
			if err := s.SetTroubled(t.Context(), want); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.Troubled(t.Context())
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
}
