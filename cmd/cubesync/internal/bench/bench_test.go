package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, args string
		want       options
		says       string // on standard error, where the arguments are refused
	}{
		{"everything", "", options{users: 1_000_000, rounds: 5}, ""},
		{"a-part", "limits", options{part: "limits", users: 1_000_000, rounds: 5}, ""},
		{"another-part", "sources", options{part: "sources", users: 1_000_000, rounds: 5}, ""},
		{"a-size", "plan -n 5000 -rounds 1", options{part: "plan", users: 5000, rounds: 1}, ""},
		{"unknown-part", "plans", options{}, `"plans" can't be measured`},
		{"half-a-block", "plan -n 150", options{}, "multiple of 100"},
		{"no-users", "-n 0", options{}, "multiple of 100"},
		{"no-rounds", "-rounds 0", options{}, "1 or more"},
		{"part-behind-flags", "-n 100 plan", options{}, `unexpected argument "plan"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stderr bytes.Buffer
			got, err := parse(strings.Fields(test.args), &stderr)
			if (err != nil) != (test.says != "") || !strings.Contains(stderr.String(), test.says) {
				t.Fatalf("error %v, standard error %q, want %q", err, stderr.String(), test.says)
			}
			if err == nil && got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// TestPlan makes a small site with the real program and finds in a plan what was made to differ.
func TestPlan(t *testing.T) {
	folder := t.TempDir()
	b := &bench{folder: folder, program: filepath.Join(folder, "cubesync")}
	if err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	site, err := b.prepare(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer site.server.stop()
	if first, second := site.nights[0], site.nights[1]; first <= 1000/newInPage || second < 1 {
		t.Errorf("two nights asked %d and %d times: nothing was counted", first, second)
	}
	planned, found, err := site.plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(differences{Added: 10, Changed: 10, Gone: 10}, found); diff != "" {
		t.Error(diff)
	}
	if planned.wall <= 0 || planned.cpu <= 0 || planned.peak <= 0 || planned.requests < 1 {
		t.Errorf("measured nothing: %+v", planned)
	}
}

func TestShow(t *testing.T) {
	rounds := make([]round, 0, 5)
	for _, n := range []int64{4, 1, 5, 2, 9} {
		r := round{planned: planned{requests: n}, joined: joined{Version: "v1", Threads: 2}}
		r.planned.cost = cost{wall: time.Duration(n) * time.Second, cpu: time.Duration(10-n) * time.Second, peak: n * 100e6}
		r.joined.cost = cost{wall: 2 * time.Second, cpu: 3 * time.Second, peak: 500e6}
		r.joined.Seconds = 1.5
		rounds = append(rounds, r)
	}
	var out bytes.Buffer
	if err := show(&out, rounds); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 8 {
		t.Fatalf("got %d lines, want a header, five rounds, medians and the sum:\n%s", len(lines), &out)
	}
	got := append(strings.Fields(lines[6]), lines[7])
	want := []string{
		"median", "4.00", "6.00", "400", "4", "2.00", "3.00", "500", "1.50",
		"cubesync takes 2.00 times the time and 0.80 times the memory of DuckDB v1 with 2 threads",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCountJoined(t *testing.T) {
	const header = "what,employee_id\n"
	got, err := countJoined(strings.NewReader(header + "added,1\nchanged,\"2\n\"\nadded,3\ngone,4\nadded,5\nchanged,6\n"))
	if want := (differences{Added: 3, Changed: 2, Gone: 1}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", header + "moved,1\n", header + "added\n"} {
		if got, err := countJoined(strings.NewReader(bad)); err == nil {
			t.Errorf("%q passes with %+v", bad, got)
		}
	}
}

func TestCountPlanned(t *testing.T) {
	const header = `{"cubesync_plan":1,"counts":{"read":9,"create":1,"update":2,"delete":0,"operations":3}}`
	got, err := countPlanned(strings.NewReader(header + "\n{}\n{}\n{}\n"))
	if want := (differences{Added: 1, Changed: 2}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	tests := map[string]string{
		"empty":                "",
		"a-line-too-few":       header + "\n{}\n{}\n",
		"a-line-too-many":      header + "\n{}\n{}\n{}\n{}\n",
		"no-header":            "cubesync\n",
		"an-operation-of-else": strings.Replace(header, `"operations":3`, `"operations":4`, 1) + "\n{}\n{}\n{}\n",
	}
	for name, bad := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := countPlanned(strings.NewReader(bad)); err == nil {
				t.Errorf("it passes with %+v", got)
			}
		})
	}
}
