package plan

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/user"
)

func concernedBy(t *testing.T, p *Plan, guard string, s Situation) Trip {
	t.Helper()
	for _, trip := range Guard(p, DefaultLimits(), s) {
		if trip.Guard == guard {
			return trip
		}
	}
	t.Fatalf("guard %s doesn't trip", guard)
	return Trip{}
}

func TestTripNamesTheFirstItConcerns(t *testing.T) {
	parked := made(1000, 1000, map[Kind]int{Update: 350}).changing(user.Email)
	parked.Operations[1].Step = Park
	shrunk := made(1000, 100, map[Kind]int{Delete: 2, Update: 1})
	shrunk.Leavers = []Leaver{{ExternalID: "L1"}, {ExternalID: "L2", Reason: IsProtected}}
	later := Situation{Baseline: &Baseline{Run: 1, Present: 1000}}
	for _, test := range []struct {
		name  string
		trip  Trip
		first []string
		count int
	}{
		{"blocked-ones-are-not", concernedBy(t, made(10, 10, map[Kind]int{Delete: 4}), "deletes", later), []string{"delete0", "delete1", "delete2", "delete3"}, 4},
		{"both-kinds", concernedBy(t, made(10, 10, map[Kind]int{Adopt: 19, Update: 2}), "updates", later), []string{"update0", "update1", "adopt0", "adopt1", "adopt2"}, 21},
		{"a-parking-is-not", concernedBy(t, parked, "field", later), []string{"update1", "update2", "update3", "update4", "update5"}, 349},
		{"whoever-is-missing", concernedBy(t, shrunk, "shrink", later), []string{"delete", "delete0", "delete1", "L1", "L2"}, 5},
		{"records-of-leavers", concernedBy(t, made(10, 10, nil).rejecting(HeldByLeaver, 3), "rekeyed", later), []string{"R0", "R1", "R2"}, 3},
		{"nobody", concernedBy(t, &Plan{}, "empty", later), nil, 0},
		{"first-run", Unconfirmed(made(10, 10, map[Kind]int{Create: 1, Release: 5})), []string{"create0", "release0", "release1", "release2", "release3"}, 6},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.first, test.trip.Concerns); diff != "" || test.trip.Count != test.count {
				t.Errorf("%d, want %d; (-want +got)\n%s", test.trip.Count, test.count, diff)
			}
		})
	}
}

func TestTripText(t *testing.T) {
	for _, test := range []struct {
		concerns []string
		count    int
		want     string
	}{
		{nil, 0, "guard x: saw, permitted 1; look"},
		{[]string{"E1"}, 1, "guard x: saw, permitted 1; concerns E1; look"},
		{[]string{"E1", "E2\x1b"}, 1202, `guard x: saw, permitted 1; concerns E1, E2\u001b and 1,200 more; look`},
	} {
		trip := Trip{Guard: "x", Saw: "saw", Limit: "1", Concerns: test.concerns, Count: test.count, Remedy: "look"}
		if got := fmt.Sprint(trip); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

// A redacted plan names those whom a guard concerns as its operations do.
func TestRedactedGuardsNameNobody(t *testing.T) {
	f := sampleFile()
	externalID := f.Plan.Operations[0].ExternalID
	f.Header.Guards = []Trip{{Guard: "deletes", Concerns: []string{externalID}, Count: 1}}
	redacted := f.Redacted()
	if got, want := redacted.Header.Guards[0].Concerns[0], redacted.Plan.Operations[0].ExternalID; got != want || got == externalID {
		t.Errorf("the guard names %q, the operation %q", got, want)
	}
	if f.Header.Guards[0].Concerns[0] != externalID {
		t.Error("the plan itself was changed")
	}
}

func TestWhichGuardsShowLeavers(t *testing.T) {
	for guard, want := range map[string]bool{
		guardShrink: true, guardDeletes: true, guardWeekDeletes: true, guardSettings: true,
		guardEmpty: false, guardEmptySource: false, guardUpdates: false, guardCreates: false, guardField: false, guardRekeyed: false, guardFirstRun: false, guardRekey: false,
	} {
		if got := (Trip{Guard: guard}).ShowsLeavers(); got != want {
			t.Errorf("%s: %t, want %t", guard, got, want)
		}
	}
}

func TestMayLose(t *testing.T) {
	leaver := func(r Reason) *Plan { return &Plan{Leavers: []Leaver{{Reason: Kept}, {Reason: r}}} }
	for name, test := range map[string]struct {
		plan *Plan
		want bool
	}{
		"nobody":            {&Plan{}, false},
		"kept":              {leaver(Kept), false},
		"in-grace":          {leaver(InGrace), true},
		"absence-unknown":   {leaver(AbsenceUnknown), true},
		"protected":         {leaver(IsProtected), true},
		"released":          {made(9, 9, map[Kind]int{Release: 1}), true},
		"deleted":           {made(9, 9, map[Kind]int{Delete: 1}), true},
		"blocked":           {&Plan{Operations: []Operation{{Kind: Release, Blocked: WaitsForOther}}}, true},
		"others":            {made(9, 9, map[Kind]int{Create: 1, Update: 1, Adopt: 1}), false},
		"ambiguous-account": {&Plan{Remarks: []Remark{{Reason: Ambiguous}}}, true},
		"ambiguous-record":  {&Plan{Rejects: []Reject{{Reason: Ambiguous}}}, false},
		"other-remark":      {&Plan{Remarks: []Remark{{Reason: NoExternalID}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.plan.MayLose(); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}
