package plan_test

import (
	"strings"
	"testing"

	"cubesync/sync/plan"
)

func TestBreak(t *testing.T) {
	const lines = "short\n  held by guard x: 20 operations, 東京東京\n  name       12  note\n"
	for width, want := range map[int]string{
		0:  lines,
		80: lines,
		24: "short\n  held by guard x: 20\n      operations,\n      東京東京\n  name       12  note\n",
	} {
		var out strings.Builder
		if err := plan.Break(&out, lines, width); err != nil || out.String() != want {
			t.Errorf("width %d: %v, got\n%q, want\n%q", width, err, out.String(), want)
		}
	}
}

// A command is copied: it is never broken.
func TestAdvise(t *testing.T) {
	const command = "cubesync approve 12 --pipeline staff -c 'a long name.yaml'"
	for width, want := range map[int]string{
		0:   "  if this is right: " + command + "\n",
		100: "  if this is right: " + command + "\n",
		40:  "  if this is right:\n    " + command + "\n",
	} {
		var out strings.Builder
		if err := plan.Advise(&out, "  if this is right:", command, width); err != nil || out.String() != want {
			t.Errorf("width %d: %v, got\n%q, want\n%q", width, err, out.String(), want)
		}
	}
}
