package report_test

import (
	"testing"

	"cubesync/sync/report"
)

func TestColour(t *testing.T) {
	for _, c := range []struct {
		name        string
		terminal    bool
		environment map[string]string
		want        bool
	}{
		{"terminal", true, map[string]string{"TERM": "xterm"}, true},
		{"no-terminal", false, map[string]string{"TERM": "xterm"}, false},
		{"terminal-of-unknown-kind", true, nil, true},
		{"dumb", true, map[string]string{"TERM": "dumb"}, false},
		{"refused", true, map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false},
		{"empty-refusal-is-none", true, map[string]string{"NO_COLOR": ""}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			lookup := func(name string) (string, bool) {
				value, ok := c.environment[name]
				return value, ok
			}
			if got := report.Colour(c.terminal, lookup); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
