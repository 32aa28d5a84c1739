package reconcile_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"pgregory.net/rapid"

	"cubesync/sync/reconcile"
	"cubesync/sync/state"
)

// drawPerson makes a record with the oddities of real exports: white space, letter case, missing schemes, Unicode in
// its other composition, empty cells, JSON in another spelling.
func drawPerson(t *rapid.T, n int) person {
	pick := func(name string, values ...string) string { return rapid.SampledFrom(values).Draw(t, name) }
	id := fmt.Sprintf("e%03d", n)
	return person{
		id,
		pick("login", "", "login-"+id, " login-"+id+" ", "Löwe-"+id),
		pick("email", "", id+"@example.com", "Ann."+id+"@Example.COM", " "+id+"@example.org "),
		pick("name", "", "Ann Example", "  Zoë  Example ", "Zoe\u0308 Example", "山田 太郎", "Ann \"Bee\" Example, Jr."),
		pick("phone", "", "+1 (555) 010-0100", "15550100100", "+44 20 7946 0"+id[1:]),
		pick("website", "", "example.com", "http://example.com", "https://example.com/a?b=c&d=<e>"),
		pick("tags", "", "a", "b;a", "a; b ;c;a", "ü;d;e;f"),
		pick("data", "", "{}", `{"a":1,"b":[1,2]}`, ` { "b" : [1,2], "a":1.0 } `, `{"html":"<b>&</b>","é":null}`),
	}
}

// TestMain makes the properties take seconds: each check is several runs with a durable state.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("40")
	}
	os.Exit(m.Run())
}

// The first promise: apply, then plan, is empty, whatever the world was and whatever the server made of the values.
func TestApplyThenPlanIsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "cubesync-roundtrip-")
		if err != nil {
			t.Fatalf("%v", err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		w := newWorld(t, dir)
		w.Guards.Updates.Share, w.Guards.Field.Share, w.Guards.Shrink = 1, 1, 1
		w.Guards.Deletes.Share, w.Guards.WeekDeletes.Share = 1, 1
		w.Guards.Rekeyed.Floor = 100

		for night := range 3 {
			w.source.persons = w.source.persons[:0]
			for n := range 12 {
				if rapid.IntRange(0, 9).Draw(t, "absent") < 8 {
					w.source.persons = append(w.source.persons, drawPerson(t, n))
				}
			}
			if len(w.source.persons) == 0 {
				continue
			}
			done := w.sync(t)
			if done.Run.Status == state.Held { // most of them left, which is a guard's business
				continue
			}
			for _, trouble := range done.Troubles {
				t.Errorf("night %d: %s %s: %s", night, trouble.Ending, trouble.Operation, trouble.Words)
			}
			before := w.writes()
			preview, err := w.Preview(t.Context(), reconcile.Order{})
			if err != nil {
				t.Fatalf("%v", err)
			}
			if n := len(preview.Plan.Operations); n > 0 {
				t.Fatalf("night %d: after the run %d operations are left, the first is %v %v", night, n,
					preview.Plan.Operations[0], preview.Plan.Operations[0].Changes)
			}
			if w.sync(t); w.writes() != before {
				t.Fatalf("night %d: the second run sent %d user writes", night, w.writes()-before)
			}
		}
	})
}
