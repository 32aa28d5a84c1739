package main

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestCollect has more garbage gather while users are written, and only then.
func TestCollect(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	t.Setenv("GOGC", "") // so that it is as before afterwards
	if err := os.Unsetenv("GOGC"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		phase       string
		least, most int
	}{
		{"", collectAt, collectAt},
		{"apply", collectAt + 1, collectAtMost},
		{"password e-mails", collectAt, collectAt},
	} {
		collect(test.phase)
		if got := debug.SetGCPercent(100); got < test.least || got > test.most {
			t.Errorf("%q: collected at %d %%, want %d to %d", test.phase, got, test.least, test.most)
		}
	}
	t.Setenv("GOGC", "50")
	collect("apply")
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("collected at %d %%, although GOGC says otherwise", got)
	}
}
