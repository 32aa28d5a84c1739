package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

func (w *world) sample(t *testing.T, n int) *reconcile.Sample {
	t.Helper()
	s, err := w.Sample(t.Context(), n, reconcile.Order{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// told is what a sample says of each record, in short.
func told(s *reconcile.Sample) []string {
	var lines []string
	for _, one := range s.Records {
		line := fmt.Sprintf("%s %s", one.Position, one.Decision)
		switch {
		case one.Reject != nil:
			line += " " + string(one.Reject.Reason)
		case one.Operation != nil:
			line += fmt.Sprintf(" %s", one.Operation.Reason)
			if one.Operation.Blocked != "" {
				line += " " + string(one.Operation.Blocked)
			}
			for _, c := range one.Operation.Changes {
				if one.Operation.Kind == plan.Update {
					line += fmt.Sprintf(" %s: %s → %s", c.Field, c.Before, c.After)
				}
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// A sample of records of every kind says what becomes of each, in the order of the source.
func TestSample(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.leaveOut(t, `name == "Gone"`)
	w.source.persons = staff(8)
	w.sync(t)
	w.stranger(t, "login-e0008", "stranger@example.com")
	w.retag(t, "e0002", "a,b")
	p := staff(12)
	p = append(p, p[10])
	w.source.persons = p
	p[1][3] = "New Name"
	p[3][2] = "no address"
	p[4][3] = "Gone"
	p[5][2] = p[6][2]
	p[12][3] = "Another"
	s := w.sample(t, 13)
	want := []string{
		"row 1 unchanged",
		"row 2 update fields-differ full_name: Name e0001 → New Name",
		"row 3 update lost-tag tags: a,b → a,b,staff-sync",
		"row 4 reject bad-record",
		"row 5 filtered",
		"row 6 reject shared-value",
		"row 7 reject shared-value",
		"row 8 unchanged",
		"row 9 reject not-ours",
		"row 10 create new-record",
		"row 11 reject duplicate-key",
		"row 12 create new-record",
		"row 13 reject duplicate-key",
	}
	if diff := cmp.Diff(want, told(s)); diff != "" {
		t.Errorf("the decisions (-want +got):\n%s", diff)
	}
	if s.All || s.Run.Status != state.Planned {
		t.Errorf("all: %v, status %s", s.All, s.Run.Status)
	}
	one := s.Records[1]
	if one.User.Values[user.FullName].Text != "New Name" || one.AccountID == 0 || one.Steps[0].Field != "filter" || one.Steps[0].Value != "false" {
		t.Errorf("the second record: %+v", one)
	}
	if s.Records[3].User != nil || s.Records[4].User != nil || !strings.Contains(s.Records[3].Problem, "no address") || s.Records[4].Steps[0].Value != "true" {
		t.Errorf("the records that make no user: %+v", s.Records[3:5])
	}
	if s.Records[0].AccountID != w.find(t, account.ByExternalID, "e0000").ID {
		t.Errorf("the account of the first record is %d", s.Records[0].AccountID)
	}
	if s := w.sample(t, 14); !s.All || len(s.Records) != 13 || s.Run.Status != state.Planned {
		t.Errorf("of more than there are: all: %v, %d records, %s", s.All, len(s.Records), s.Run.Status)
	}
}

// A sample of everything says the same of each record as the plan that the next run carries out, whatever happened to
// records and accounts: what is learned, refused and known is heeded.
func TestSampleSaysWhatThePlanSays(t *testing.T) {
	for name, options := range map[string]emulator.Options{
		"usual": {KeepsEmailCase: true}, "shared-external-ids": {SharedExternalIDs: true}, "fixed-external-ids": {FixedExternalIDs: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			company(t, options, func(t *testing.T, n *nightly) {
				n.Policy.Leavers = plan.KeepLeavers
				events := append(n.events(), n.strayComes, n.isDoubled, n.isReplaced)
				seen := map[string]int{}
				for night := range 5 {
					for range 12 {
						events[n.IntN(len(events))](t)
					}
					n.comparesSample(t, seen)
					n.sync(t)
					n.comparesSample(t, seen) // what was refused, for one, isn't sent again
					time.Sleep(day)
					if t.Failed() {
						t.Fatalf("in night %d", night)
					}
				}
				for _, kind := range []string{"create", "update", "unchanged", "reject"} {
					if seen[kind] == 0 {
						t.Errorf("no sample said %s: %v", kind, seen)
					}
				}
			})
		})
	}
}

// comparesSample compares a sample of all records with the plan.
func (n *nightly) comparesSample(t *testing.T, seen map[string]int) {
	t.Helper()
	result, err := n.Preview(t.Context(), reconcile.Order{})
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close()
	s := n.sample(t, len(n.persons)+1)
	operations, rejects := map[string]string{}, map[record.Position]string{}
	for op, err := range result.Plan.All() {
		if err != nil {
			t.Fatal(err)
		}
		if op.Step == "" && op.Position != "" {
			operations[op.ExternalID] = shownOp(op)
		}
	}
	for i := range result.Plan.Rejects {
		r := &result.Plan.Rejects[i]
		rejects[r.Position] = fmt.Sprint(r.ExternalID, r.Reason, r.Detail)
	}
	if !s.All || len(s.Records) != len(n.persons) {
		t.Errorf("%d of %d records, all: %v", len(s.Records), len(n.persons), s.All)
	}
	for i := range s.Records {
		one := &s.Records[i]
		seen[one.Decision]++
		got, want := "", rejects[one.Position]
		if one.User != nil && want == "" {
			want = operations[one.User.ExternalID]
		}
		switch {
		case one.Reject != nil:
			got = fmt.Sprint(one.Reject.ExternalID, one.Reject.Reason, one.Reject.Detail)
		case one.Operation != nil:
			got = shownOp(one.Operation)
		}
		if got != want {
			t.Errorf("%s: the sample says %q, the plan %q", one.Position, got, want)
		}
	}
}

func shownOp(op *plan.Operation) string {
	before := "-"
	if op.ExternalIDBefore != nil {
		before = *op.ExternalIDBefore
	}
	return fmt.Sprint(op, op.Changes, before, op.Blocked, op.Detail, op.WaitsFor, op.Digest)
}

// What earlier runs left is heeded: a sample says what the next run does.
func TestSampleHeedsTheState(t *testing.T) {
	type test struct {
		prepare func(t *testing.T, w *world)
		order   reconcile.Order
		want    string // of the third record
	}
	refused := func(t *testing.T, w *world) {
		w.source.persons = staff(3)
		w.Service = doubtfulSignUps{w.Service, func(u user.User) error {
			if u.ExternalID != "e0002" {
				return nil
			}
			return &account.Error{Kind: account.Invalid, Call: "sign up", Words: "no such domain", Status: 422}
		}}
		w.sync(t)
	}
	for name, test := range map[string]test{
		"refused": {prepare: refused, want: "row 3 create new-record refused-before"},
		"retried": {prepare: refused, order: reconcile.Order{RetryRefused: true}, want: "row 3 create new-record"},
		"normalised": {
			prepare: func(t *testing.T, w *world) {
				w.put(t, lowerTags)
				w.source.persons = staff(3)
				w.source.persons[2][6] = "VIP"
				w.sync(t)
			},
			want: "row 3 unchanged",
		},
		"in-doubt": {
			prepare: func(t *testing.T, w *world) {
				w.source.persons = staff(3)
				op := plan.Operation{Kind: plan.Create, ExternalID: "e0002", Changes: []plan.Change{{Field: user.Login, After: "another-login"}}}
				w.killedWhile(t, op)
			},
			want: "row 3 create new-record in-doubt",
		},
		"known-by-id": {
			prepare: func(t *testing.T, w *world) {
				w.source.persons = staff(3)
				w.sync(t)
				w.edit(t, "e0002", account.Write{ExternalID: "by-hand"})
			},
			want: "row 3 update lost-external-id",
		},
		"external-id-on-the-account-of-a-rejected-record": {
			prepare: func(t *testing.T, w *world) {
				w.source.persons = staff(4)
				w.sync(t)
				w.edit(t, "e0002", account.Write{ExternalID: "by-hand"})
				w.edit(t, "e0003", account.Write{ExternalID: "e0002"})
				w.source.persons[3][2] = "no address"
			},
			want: "row 3 update lost-external-id ambiguous",
		},
		"halfway-through-a-swap": {
			prepare: func(t *testing.T, w *world) {
				spec := allColumns()
				delete(spec.Fields, user.Login)
				mapper, err := mapping.New(spec)
				if err != nil {
					t.Fatal(err)
				}
				w.Mapper = mapper
				w.source.persons = staff(3)
				w.sync(t)
				w.edit(t, "e0002", only(user.Login, plan.ParkedLogin("e0002")))
			},
			want: "row 3 update fields-differ login: " + plan.ParkedLogin("e0002") + " → " + user.ComputedLogin("e0002"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, t.TempDir())
			test.prepare(t, w)
			s, err := w.Sample(t.Context(), 4, test.order)
			if err != nil {
				t.Fatal(err)
			}
			if got := told(s)[2]; got != test.want {
				t.Errorf("it says %q, want %q", got, test.want)
			}
		})
	}
}

// An account that isn't ours is none to compare with, although it has the external ID.
func TestSampleTellsOursFromOthers(t *testing.T) {
	w := newWorldOf(t, t.TempDir(), emulator.Options{SharedExternalIDs: true})
	w.source.persons = staff(3)
	w.sync(t)
	u := user.User{ExternalID: "e0002", Values: user.Values{user.Login: user.Text("another")}}
	if _, err := w.Service.Create(t.Context(), u, "a-password-of-theirs"); err != nil {
		t.Fatal(err)
	}
	if got := told(w.sample(t, 3))[2]; got != "row 3 unchanged" {
		t.Errorf("it says %q", got)
	}
}

// What nobody may see isn't shown, be it mapped or not.
func TestSampleHidesSecrets(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.SecretColumns = []string{"website"}
	w.source.persons = staff(1)
	s := w.sample(t, 1)
	if !slices.Equal(s.Hidden, w.SecretColumns) {
		t.Errorf("hidden: %q", s.Hidden)
	}
	if text := fmt.Sprint(s.Records[0].Steps); strings.Contains(text, "example.com/e0000") || !strings.Contains(text, "(hidden)") {
		t.Errorf("the steps are %s", text)
	}
}
