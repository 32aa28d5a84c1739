package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFairShares(t *testing.T) {
	for _, c := range []struct {
		name  string
		needs []int
		room  int
		want  []int
	}{
		{"room-for-all", []int{1, 2, 3}, 10, []int{1, 2, 3}},
		{"the-big-one-gives", []int{100, 2, 3}, 20, []int{15, 2, 3}},
		{"two-big-ones-share", []int{100, 2, 100}, 20, []int{9, 2, 9}},
		{"nothing", nil, 20, []int{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, fairShares(c.needs, c.room)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
