package state

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/plan"
)

// modelRow is what a plain map would remember of one external ID.
type modelRow struct {
	account         int64 // 0: none
	written         int64 // the run that did
	refused, absent bool
	agreed          plan.Agreement
}

// nights is a state beside the model of it. Some accounts exist, one an external ID, and change at random.
type nights struct {
	*rand.Rand
	t      *testing.T
	s      *Store
	dir    string
	world  map[string]account.Account
	model  map[string]*modelRow
	failed map[string]bool // in this run
	run    int64
	lastID int64
	did    map[string]int
}

// TestAgreementsProperty: whatever happens, an agreement is there if and only if the model says so.
func TestAgreementsProperty(t *testing.T) {
	did := map[string]int{}
	for seed := range uint64(60) {
		t.Run(fmt.Sprintf("seed-%d", seed), func(t *testing.T) {
			dir := t.TempDir()
			n := &nights{
				Rand: rand.New(rand.NewPCG(seed, 1)), t: t, s: openStore(t, dir), dir: dir,
				world: map[string]account.Account{}, model: map[string]*modelRow{}, did: did,
			}
			for night := 0; night < 15 && !t.Failed(); night++ {
				n.pass()
			}
		})
	}
	for _, what := range []string{"write", "refuse", "fail", "delete", "settle", "rename", "rename onto another", "agree", "stay agreed",
		"lose", "absence", "held", "saved", "remove"} {
		if did[what] < 10 {
			t.Errorf("%q happened %d times", what, did[what])
		}
	}
}

func (n *nights) pass() {
	n.run, n.failed = begin(n.t, n.s), map[string]bool{}
	for range n.IntN(3) {
		n.live()
	}
	for range n.IntN(5) {
		n.operate(n.anybody())
		n.check("an operation")
	}
	switch n.IntN(6) {
	case 0:
		n.held()
	case 1:
		n.saved()
	case 2: // killed
		n.s = reopen(n.t, n.s, n.dir)
	default:
		n.applied()
	}
	n.check("the night")
}

func (n *nights) anybody() string { return fmt.Sprintf("E%d", n.IntN(12)) }

// live changes the world.
func (n *nights) live() {
	id := n.anybody()
	if _, there := n.world[id]; there && n.IntN(2) == 0 {
		delete(n.world, id)
		return
	}
	n.lastID++
	n.world[id] = sampleAccount(n.lastID, id)
}

func (n *nights) row(id string) *modelRow {
	if n.model[id] == nil {
		n.model[id] = &modelRow{}
	}
	return n.model[id]
}

// operate lets one operation end, as apply and settle would.
func (n *nights) operate(id string) {
	if n.failed[id] || n.model[id] != nil && n.model[id].written == n.run {
		return // one a run
	}
	a, there := n.world[id]
	op := plan.Operation{Kind: plan.Update, ExternalID: id, AccountID: a.ID, Digest: "d"}
	switch what := n.IntN(6); {
	case what == 0:
		write(n.t, n.s, n.run, Outcome{Operation: op, Ending: DoneFailed})
		n.failed[id] = true
		n.did["fail"]++
	case what == 1:
		write(n.t, n.s, n.run, Outcome{Operation: op, Ending: DoneFailed, Refused: true})
		r := n.row(id)
		r.refused, r.agreed, n.failed[id] = true, plan.Agreement{}, true
		n.did["refuse"]++
	case !there:
	case what == 2:
		op.Kind = plan.Delete
		write(n.t, n.s, n.run, Outcome{Operation: op, Ending: DoneApplied})
		delete(n.world, id)
		*n.row(id) = modelRow{written: n.run}
		n.did["delete"]++
	case what == 3 && n.model[id] != nil && n.model[id].account != 0:
		n.rename(op)
	case what == 4:
		intend(n.t, n.s, n.run, op)
		if err := n.s.Settle(n.t.Context(), []Settled{{Intent: Intent{Run: n.run, Kind: op.Kind, ExternalID: id, AccountID: a.ID}, Applied: true, Account: &a}}); err != nil {
			n.t.Fatal(err)
		}
		n.wrote(id, a.ID)
		n.did["settle"]++
	default:
		write(n.t, n.s, n.run, Outcome{Operation: op, Ending: DoneApplied, Account: &a})
		n.wrote(id, a.ID)
		n.did["write"]++
	}
}

func (n *nights) wrote(id string, accountID int64) {
	r := n.row(id)
	*r = modelRow{account: accountID, written: n.run, absent: r.absent && r.account == accountID}
}

func (n *nights) rename(op plan.Operation) {
	old, now := op.ExternalID, n.anybody()
	if now == old || n.failed[now] || n.model[now] != nil && n.model[now].written == n.run {
		return
	}
	a := n.world[old]
	a.ExternalID = now
	delete(n.world, old)
	n.world[now] = a
	if n.model[now] != nil {
		n.did["rename onto another"]++
	}
	op.ExternalID, op.Reason, op.ExternalIDBefore = now, plan.Rekeyed, &old
	write(n.t, n.s, n.run, Outcome{Operation: op, Ending: DoneApplied, Account: &a})
	n.model[now] = n.model[old]
	delete(n.model, old)
	n.wrote(now, a.ID)
	n.did["rename"]++
}

// held ends the run without a plan that was carried out; some were present in its read.
func (n *nights) held() {
	present := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(n.model)) {
		if n.IntN(2) == 0 {
			present[id] = true
			n.model[id].absent = false // whoever was absent has no agreement anyway
		}
	}
	if err := n.s.Seen(n.t.Context(), func(id string) bool { return present[id] }); err != nil {
		n.t.Fatal(err)
	}
	if err := n.s.Finish(n.t.Context(), Run{ID: n.run, Status: Held}, nil, 0); err != nil {
		n.t.Fatal(err)
	}
	n.did["held"]++
}

// saved ends a run that carried out a saved plan: only absences are counted.
func (n *nights) saved() {
	end := &End{Counts: n.IntN(2) == 0, Now: monday}
	for _, id := range slices.Sorted(maps.Keys(n.model)) {
		absent := n.IntN(4) == 0
		if absent {
			end.Absent = append(end.Absent, id)
		}
		n.count(id, absent, end.Counts)
	}
	if err := n.s.Finish(n.t.Context(), Run{ID: n.run, Status: Applied}, end, 0); err != nil {
		n.t.Fatal(err)
	}
	n.did["saved"]++
}

// count takes an absence in, and removes a row of which nothing is left.
func (n *nights) count(id string, absent, counts bool) {
	r := n.model[id]
	before := r.absent
	switch {
	case !absent || r.account == 0:
		r.absent = false
	case counts:
		r.absent = true
		n.did["absence"]++
	}
	if r.absent != before || r.absent && counts {
		r.agreed = plan.Agreement{}
	}
	if r.account == 0 && !r.refused {
		delete(n.model, id)
		n.did["remove"]++
	}
}

// applied ends a run that listed and decided about some.
func (n *nights) applied() {
	agreements, err := n.s.Agreements(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	before := stateOf(n.t, n.s)
	end := End{Rows: []int64{}, Agreed: map[string]plan.Agreement{}, Counts: n.IntN(2) == 0}
	concerned := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(before)) {
		r := before[id]
		if _, open := slices.BinarySearch(agreements.Open(), r.number); n.IntN(3) == 0 || open && n.IntN(8) > 0 {
			end.Rows = append(end.Rows, r.number)
			concerned[id] = true
		}
	}
	slices.Sort(end.Rows)
	var observed []account.Account
	for _, id := range slices.Sorted(maps.Keys(n.world)) {
		if concerned[id] || n.IntN(4) == 0 { // also who is known and wasn't loaded
			concerned[id] = true
			observed = append(observed, n.world[id])
		}
	}
	end.Observed = listed(observed...)
	for _, id := range slices.Sorted(maps.Keys(concerned)) {
		if n.IntN(6) == 0 {
			end.Absent = append(end.Absent, id)
		}
		if n.IntN(4) > 0 {
			a := agreementOf(n.world[id])
			a.Key, a.Record = plan.KeyOf(id), plan.KeyOf(time.Duration(n.IntN(1000)).String())
			end.Agreed[id] = a
		}
	}
	if stranger := n.anybody(); !concerned[stranger] {
		end.Agreed[stranger] = plan.Agreement{Digests: plan.Digests{Key: 1}} // it means nothing
	}
	finish(n.t, n.s, n.run, end, 0)
	after := stateOf(n.t, n.s)
	for id := range before {
		if !concerned[id] && before[id] != after[id] {
			n.t.Errorf("%s was changed, and isn't concerned", id)
		}
	}
	for id := range concerned {
		n.judge(id, &end)
	}
}

func (n *nights) judge(id string, end *End) {
	r := n.row(id)
	a, there := n.world[id]
	switch {
	case r.written == n.run:
	case !there:
		*r = modelRow{written: r.written, refused: r.refused}
	case r.account != a.ID:
		r.account, r.absent = a.ID, false
	}
	had := r.agreed
	r.agreed = plan.Agreement{}
	n.count(id, slices.Contains(end.Absent, id), end.Counts)
	if n.model[id] == nil {
		return
	}
	given, agrees := end.Agreed[id]
	if agrees && there && r.account == a.ID && r.written != n.run && !n.failed[id] && !r.absent {
		r.agreed = given
		n.did["agree"]++
	} else if had.Key != 0 {
		n.did["lose"]++
	}
}

func (n *nights) check(after string) {
	n.t.Helper()
	want := map[string]plan.Agreement{}
	wantOpen := []string{}
	for _, id := range slices.Sorted(maps.Keys(n.model)) {
		if n.model[id].agreed.Key != 0 {
			want[id] = n.model[id].agreed
			n.did["stay agreed"]++
		} else {
			wantOpen = append(wantOpen, id)
		}
	}
	got, open := agreementsByID(n.t, n.s)
	if diff := cmp.Diff(want, got); diff != "" {
		n.t.Errorf("run %d: agreements after %s (-want +got):\n%s", n.run, after, diff)
	}
	if !slices.Equal(wantOpen, open) {
		n.t.Errorf("run %d: open after %s: %v, want %v", n.run, after, open, wantOpen)
	}
}
