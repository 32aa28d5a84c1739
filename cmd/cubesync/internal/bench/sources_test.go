package main

import (
	"strings"
	"testing"
	"time"

	"cubesync/source/sourcetest/servers"
)

// TestSources reads a few users from each kind of source in both ways.
func TestSources(t *testing.T) {
	b := &bench{folder: t.TempDir()}
	if err := b.buildReading(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			k.users = 1000
			h, end, err := k.hold(b, t.Context(), k.users)
			servers.Need(t, err)
			defer end()
			read, err := b.turn(t.Context(), k, h)
			if err != nil || read.source <= 0 || read.bare <= 0 || read.peak <= 0 {
				t.Errorf("%+v, %v", read, err)
			}
			k.users++
			for _, way := range []string{"source", "bare"} {
				if _, _, err := b.read(t.Context(), k, way, h); err == nil || !strings.Contains(err.Error(), "1000 of 1001 users") {
					t.Errorf("a user is missing, which %s doesn't say: %v", way, err)
				}
			}
			if text, err := b.besides(t.Context(), k, h); err != nil || (text != "") != (len(h.beside) > 0) {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}

func TestBesidesThatAreMissing(t *testing.T) {
	got, err := new(bench).besides(t.Context(), kind{}, held{beside: []string{"no-such-program"}})
	if err != nil || got != "no-such-program isn't installed, and isn't compared with\n" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := new(bench).besides(t.Context(), kind{}, held{beside: []string{"false"}}); err == nil {
		t.Errorf("it failed, and is said to have read: %q", got)
	}
}

func TestJudge(t *testing.T) {
	turns := func(peak int64, shares ...int) (all []turn) {
		for _, share := range shares {
			all = append(all, turn{source: 100 * time.Millisecond, bare: time.Duration(share) * time.Millisecond, peak: peak})
			peak = 1
		}
		return all
	}
	tests := []struct {
		name  string
		most  int64
		turns []turn
		says  string
	}{
		{"good", 40e6, turns(40e6, 10, 91, 95), ""},
		{"slow", 40e6, turns(40e6, 89, 200, 10), "reached 0.89 of the bare loop's users a second, want 0.90"},
		{"large-once", 40e6, turns(41e6, 91, 91, 91), "took 41 MB, and may take 40"},
		{"of-any-size", 0, turns(41e6, 91, 91, 91), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := kind{least: 0.9, most: test.most}.judge(test.turns)
			if (err != nil) != (test.says != "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q", err, test.says)
			}
		})
	}
}
