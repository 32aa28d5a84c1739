package emulator

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestPackKeepsEverything(t *testing.T) {
	full := person{
		ID: math.MaxInt64, Created: 1, Updated: 1 << 40, LastRequest: 7, sequence: math.MaxUint64,
		Password: newSecret("a password"), Tags: []string{"ä", "", strings.Repeat("x", 300)},
	}
	for i, text := range full.texts() {
		*text = strings.Repeat("é", i*40)
	}
	for name, want := range map[string]person{"full": full, "empty": {}} {
		t.Run(name, func(t *testing.T) {
			got := person{Tags: []string{"left over"}, Login: "left over"}
			want.pack().unpack(&got)
			opts := []cmp.Option{cmp.AllowUnexported(person{}), cmpopts.IgnoreFields(person{}, "packed"), cmpopts.EquateEmpty()}
			if diff := cmp.Diff(want, got, opts...); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
