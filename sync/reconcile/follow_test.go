package reconcile_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// follows is a world of a table that was read once; since then an hour and a minute have passed on its clock.
func follows(t *testing.T, n int) (*world, *staffTable) {
	t.Helper()
	table := newStaffTable(t)
	table.hire(staff(n)...)
	w := following(t, table, time.Hour)
	w.reads(t, "")
	table.now = table.now.Add(time.Hour + time.Minute)
	return w, table
}

// reads syncs and wants an applied run that read from there on; "": everything.
func (w *world) reads(t *testing.T, since string) *reconcile.Result {
	t.Helper()
	result := w.sync(t)
	wantStatus(t, result, state.Applied)
	w.wantSince(t, result, since)
	return result
}

func (w *world) wantSince(t *testing.T, result *reconcile.Result, since string) {
	t.Helper()
	if got := result.Run.Verdict.Since; got != since {
		t.Fatalf("run %d read since %q, want %q", result.Run.ID, got, since)
	}
}

// from is what a run says that reads from the table's clock on.
func (s *staffTable) from() string { return s.now.Add(-time.Hour).Format(time.RFC3339) }

// nextDay changes somebody's name, a day later.
func (s *staffTable) nextDay(id string) {
	s.now = s.now.Add(24 * time.Hour)
	s.change(id, "name", "Another")
}

// A row that changed is seen, and one that is gone isn't missed until everything is read.
func TestChangesNeverShowWhoLeft(t *testing.T) {
	w, table := follows(t, 30)
	first := table.now.Add(-time.Hour - time.Minute).Add(-time.Hour).Format(time.RFC3339)
	table.change("e0001", "name", "Another")
	table.change("e0002", "gone", "1")
	table.exec("DELETE FROM staff WHERE id = 'e0003'")
	result := w.reads(t, first)
	// The rows of the first read are within the overlap, but for those that are gone, or were changed.
	want := state.Tally{Read: 28, Unchanged: 27, Applied: 1, NotRead: 2, Done: map[plan.Kind]int{plan.Update: 1}}
	if diff := cmp.Diff(want, result.Run.Tally); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if result.Plan.Owned != 30 {
		t.Errorf("the guards hear of %d accounts, want 30", result.Plan.Owned)
	}
	if result = w.reads(t, table.from()); result.Run.Tally.Read != 1 || result.Run.Tally.NotRead != 29 {
		t.Errorf("%+v", result.Run.Tally)
	}
	result = w.order(t, reconcile.Order{ListAll: true})
	w.wantSince(t, result, "")
	if n := result.Run.Tally.LeaversApplied; n != 2 {
		t.Errorf("of everything, %d are gone, want 2", n)
	}
}

// Everything is read where what changed isn't enough to know what is to be done.
func TestWhenEverythingIsRead(t *testing.T) {
	for name, change := range map[string]func(w *world) reconcile.Order{
		"asked":            func(*world) reconcile.Order { return reconcile.Order{ListAll: true} },
		"what-was-refused": func(*world) reconcile.Order { return reconcile.Order{RetryRefused: true} },
		"another-version":  func(w *world) reconcile.Order { w.Version = "2"; return reconcile.Order{} },
		"another-mapping": func(w *world) reconcile.Order {
			w.Settings = map[string]string{"mapping": "2"}
			return reconcile.Order{}
		},
		"another-policy":      func(w *world) reconcile.Order { w.Policy.GraceReads = 2; return reconcile.Order{} },
		"the-state-is-lost":   func(w *world) reconcile.Order { w.StateDir = t.TempDir(); return reconcile.Order{} },
		"a-source-of-its-own": func(w *world) reconcile.Order { w.Source = wholly{w.Source}; return reconcile.Order{} },
	} {
		t.Run(name, func(t *testing.T) {
			w, table := follows(t, 3)
			table.change("e0001", "name", "Another")
			result := w.order(t, change(w))
			w.wantSince(t, result, "")
			if result.Run.Tally.Read != 3 {
				t.Errorf("%+v", result.Run.Tally)
			}
		})
	}
	t.Run("every-third-run", func(t *testing.T) {
		w, table := follows(t, 3)
		w.ReadAllEvery = 3
		table.change("e0001", "name", "Another")
		var all []bool
		for range 7 {
			all = append(all, w.sync(t).Run.Verdict.Since == "")
		}
		if diff := cmp.Diff([]bool{false, false, true, false, false, true, false}, all); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// Where the row is gone, or set back, that the cursor came from, what changed may be anywhere: everything is read.
func TestEverythingIsReadWhereTheCursorLeadsNowhere(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*staffTable)
		want   state.Tally
	}{
		"the-newest-row-is-gone": {
			func(s *staffTable) { s.exec("DELETE FROM staff WHERE id = 'e0001'") },
			state.Tally{Read: 2, Unchanged: 2, LeaversApplied: 1, Done: map[plan.Kind]int{plan.Delete: 1}},
		},
		"set-back-to-a-backup": {
			func(s *staffTable) {
				s.now = s.now.Add(-24 * time.Hour)
				s.change("e0001", "name", "Former")
				s.change("e0002", "name", "Former")
			},
			state.Tally{Read: 3, Unchanged: 1, Applied: 2, Done: map[plan.Kind]int{plan.Update: 2}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, table := follows(t, 3)
			table.nextDay("e0001")
			w.sync(t)
			test.change(table)
			result := w.reads(t, "")
			if diff := cmp.Diff(test.want, result.Run.Tally); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if w.sync(t).Run.Verdict.Since == "" { // it goes on from what is there
				t.Error("the next run reads everything again")
			}
		})
	}
	t.Run("emptied", func(t *testing.T) {
		w, table := follows(t, 3)
		table.exec("DELETE FROM staff")
		wantStatus(t, w.sync(t), state.Held)
	})
}

// Whatever isn't done for somebody who was read is done by the next run, which reads them again.
func TestCursorStaysUntilAllIsDone(t *testing.T) {
	t.Run("held", func(t *testing.T) {
		w, table := follows(t, 30)
		generous := w.Guards
		w.Guards.Updates = plan.Ceiling{}
		first := table.now.Add(-2*time.Hour - time.Minute).Format(time.RFC3339)
		table.change("e0001", "name", "Another")
		result := w.sync(t)
		wantStatus(t, result, state.Held)
		table.nextDay("e0002")
		w.Guards = generous
		if n := w.reads(t, first).Run.Tally.Applied; n != 2 {
			t.Errorf("%d applied, want 2", n)
		}
	})
	t.Run("failed", func(t *testing.T) {
		w, table := follows(t, 30)
		table.change("e0000", "name", "Another")
		w.reads(t, table.now.Add(-2*time.Hour-time.Minute).Format(time.RFC3339))
		before := table.from()
		table.nextDay("e0001")
		if err := w.server.SetFaults(1, emulator.Fault{Do: emulator.ErrorBefore, Call: emulator.Update, Status: 422, Times: 1000}); err != nil {
			t.Fatal(err)
		}
		if result := w.sync(t); result.Run.Tally.Applied != 0 || result.Run.Tally.Read != 2 {
			t.Fatalf("%+v", result.Run.Tally)
		}
		if err := w.server.SetFaults(1); err != nil {
			t.Fatal(err)
		}
		table.nextDay("e0002")
		if tally := w.reads(t, before).Run.Tally; tally.Applied != 1 || tally.Skipped != 1 { // the refused one isn't sent again
			t.Errorf("%+v", tally)
		}
		w.reads(t, table.from())
	})
	t.Run("failed-when-everything-was-read", func(t *testing.T) {
		w, table := follows(t, 30)
		w.changes(t, "e0001", user.FullName, "Own")
		table.nextDay("e0000")
		if err := w.server.SetFaults(1, emulator.Fault{Do: emulator.ErrorBefore, Call: emulator.Update, Status: 422, Times: 1000}); err != nil {
			t.Fatal(err)
		}
		w.wantSince(t, w.order(t, reconcile.Order{ListAll: true}), "")
		if err := w.server.SetFaults(1); err != nil {
			t.Fatal(err)
		}
		if tally := w.reads(t, "").Run.Tally; tally.Skipped != 2 {
			t.Errorf("%+v", tally)
		}
	})
	t.Run("only-looked-at", func(t *testing.T) {
		w, table := follows(t, 30)
		first := table.now.Add(-2*time.Hour - time.Minute).Format(time.RFC3339)
		table.change("e0001", "name", "Another")
		for range 2 {
			result, err := w.Preview(t.Context(), reconcile.Order{})
			if err != nil {
				t.Fatal(err)
			}
			w.wantSince(t, result, first)
		}
		w.reads(t, first)
	})
	t.Run("refused-for-good", func(t *testing.T) {
		w, table := follows(t, 30)
		w.stranger(t, "stranger", "stranger@example.com")
		table.change("e0001", "email", "stranger@example.com")
		w.sync(t) // it fails
		w.sync(t) // it isn't sent again: nothing is left to be done until the record changes
		table.now = table.now.Add(24 * time.Hour)
		result := w.sync(t)
		w.wantSince(t, result, table.now.Add(-25*time.Hour).Format(time.RFC3339))
	})
}

// Who waits in grace is neither counted nor taken for returned by a read that doesn't show them.
func TestChangesLeaveGraceAlone(t *testing.T) {
	w, table := follows(t, 30)
	w.Policy.GraceReads = 2
	table.exec("DELETE FROM staff WHERE id = 'e0003'")
	waits := func() int { return len(w.order(t, reconcile.Order{ListAll: true}).Plan.Leavers) }
	if waits() != 1 {
		t.Fatal("nobody is in grace")
	}
	absence := func() *plan.Absence {
		for _, one := range w.remembered(t) {
			if one.ExternalID == "e0003" {
				return one.Absence
			}
		}
		return nil
	}
	before := absence()
	table.change("e0001", "name", "Another")
	result := w.sync(t)
	if result.Run.Verdict.Since == "" || result.Run.Tally.LeaversLeft != 0 {
		t.Fatalf("%+v", result.Run)
	}
	if diff := cmp.Diff(before, absence()); diff != "" || before == nil {
		t.Errorf("(-before +after)\n%s", diff)
	}
}

// What somebody changed at ConnectyCube is put right once their record is read.
func TestChangesAtTheServiceWait(t *testing.T) {
	w, table := follows(t, 30)
	table.nextDay("e0000")
	w.sync(t)
	w.changes(t, "e0001", user.FullName, "Own")
	for range 2 {
		if result := w.reads(t, table.from()); result.Run.Tally.Applied != 0 || result.Run.Tally.NotRead != 29 {
			t.Errorf("%+v", result.Run.Tally)
		}
	}
	w.ReadAllEvery = 1
	if n := w.reads(t, "").Run.Tally.Applied; n != 1 {
		t.Errorf("%d put right, want 1", n)
	}
	if name := w.find(t, account.ByExternalID, "e0001").Values[user.FullName].Text; name != "Name e0001" {
		t.Errorf("the name is %q", name)
	}
}

// An account that vanished is known to have been there when its person's record is read.
func TestVanishedAccountsWait(t *testing.T) {
	w, table := follows(t, 30)
	table.nextDay("e0000")
	w.sync(t)
	if err := w.Service.Delete(t.Context(), w.find(t, account.ByExternalID, "e0001")); err != nil {
		t.Fatal(err)
	}
	if result := w.reads(t, table.from()); result.Run.Tally.Applied != 0 || result.Run.Tally.NotRead != 28 {
		t.Errorf("%+v", result.Run.Tally)
	}
	w.ReadAllEvery = 1
	if result := w.reads(t, ""); result.Run.Tally.Recreated != 1 {
		t.Errorf("%+v", result.Run.Tally)
	}
}

// Somebody who was read and somebody who wasn't meet: both records decide, so everything is read.
func TestWhoMeetsSomebodyNotRead(t *testing.T) {
	for name, meet := range map[string]func(w *world, table *staffTable){
		"the-same-email": func(_ *world, table *staffTable) { table.change("e0001", "email", "e0002@example.com") },
		"the-email-that-somebody-gave-themselves": func(w *world, table *staffTable) {
			w.changes(t, "e0002", user.Email, "free@example.com")
			table.change("e0001", "email", "free@example.com")
		},
		"the-email-of-somebody-who-lost-the-tag": func(w *world, table *staffTable) {
			w.Policy.Adopt = []account.Key{account.ByEmail}
			w.order(t, reconcile.Order{ListAll: true})
			w.changes(t, "e0002", user.Tags, "a")
			w.changes(t, "e0002", user.Email, "free@example.com")
			newcomer := staff(40)[39]
			newcomer[2] = "free@example.com"
			table.hire(newcomer)
		},
		"an-account-that-took-another-external-id": func(w *world, table *staffTable) {
			w.write(t, "e0002", account.Write{ExternalID: "e0039"})
			newcomer := staff(40)[39]
			newcomer[1], newcomer[2] = "another", "another@example.com"
			table.hire(newcomer)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, table := follows(t, 30)
			table.nextDay("e0000")
			w.sync(t)
			theirs := w.find(t, account.ByExternalID, "e0002").ID
			meet(w, table)
			result := w.sync(t)
			w.wantSince(t, result, "")
			if result.Run.Tally.Failed > 0 {
				t.Errorf("%+v, %v", result.Run.Tally, result.Troubles)
			}
			for _, one := range w.remembered(t) {
				if one.AccountID == theirs && one.ExternalID != "e0002" {
					t.Errorf("%s has the account of e0002", one.ExternalID)
				}
			}
		})
	}
}

// How many the source has is told by reads of everything alone.
func TestChangesAreNoBaseline(t *testing.T) {
	w, table := follows(t, 30)
	w.Guards.Shrink = 0.2
	table.nextDay("e0001")
	w.sync(t)
	table.exec("DELETE FROM staff WHERE id = 'e0001'")
	result := w.sync(t) // of no record
	wantStatus(t, result, state.Applied)
	table.exec("DELETE FROM staff WHERE id >= 'e0020'")
	w.ReadAllEvery = 1
	result = w.sync(t)
	wantStatus(t, result, state.Held)
	if guards(result) != "shrink" {
		t.Errorf("held by %s", guards(result))
	}
}

// A plan of what changed is carried out as it was reviewed, and says no more of anybody who wasn't read.
func TestSavedPlanOfChanges(t *testing.T) {
	w, table := follows(t, 30)
	w.Policy.GraceReads = 9
	table.exec("DELETE FROM staff WHERE id = 'e0003'")
	w.order(t, reconcile.Order{ListAll: true})
	generous := w.Guards
	w.Guards.Updates = plan.Ceiling{}
	table.nextDay("e0001")
	held := w.sync(t)
	wantStatus(t, held, state.Held)
	result, err := w.Approve(t.Context(), held.Run.ID, reconcile.Order{})
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, result, state.Applied)
	w.Guards = generous
	for _, one := range w.remembered(t) {
		if one.ExternalID == "e0003" && one.Absence == nil {
			t.Error("who waits in grace is taken for returned")
		}
	}
	if baseline, err := w.peek(t).Baseline(t.Context()); err != nil || baseline.Present != 29 {
		t.Errorf("%+v, %v", baseline, err)
	}
	if result := w.sync(t); result.Run.Verdict.Since == "" || result.Run.Tally.Applied != 0 {
		t.Errorf("%+v", result.Run)
	}
}

// What other rules wrote is put right by the first run after them, whether they came to their end or not.
func TestRulesThatCameAndWent(t *testing.T) {
	w, table := follows(t, 30)
	table.nextDay("e0000")
	w.sync(t)
	generous, mapper := w.Guards, w.Mapper
	other, err := mapping.New(mapping.Spec{
		ExternalID: mapping.Rule{Column: "id"},
		Fields:     map[user.Field]mapping.Rule{user.Login: {Column: "login"}, user.Email: {Column: "email"}, user.FullName: {Template: "Dr. {name}"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Mapper, w.Settings, w.Guards.Updates = other, map[string]string{"mapping": "2"}, plan.Ceiling{}
	held := w.sync(t)
	wantStatus(t, held, state.Held)
	if held, err = w.Approve(t.Context(), held.Run.ID, reconcile.Order{}); err != nil || held.Run.Tally.Applied != 30 {
		t.Fatalf("%+v, %v", held, err)
	}
	w.Mapper, w.Settings, w.Guards = mapper, nil, generous
	if n := w.reads(t, "").Run.Tally.Applied; n != 30 {
		t.Errorf("%d put right, want 30", n)
	}
	w.reads(t, table.from())
}

// write changes somebody's account behind our back.
func (w *world) write(t *testing.T, externalID string, write account.Write) {
	t.Helper()
	a := w.find(t, account.ByExternalID, externalID)
	if _, err := w.Service.Update(t.Context(), a, func(account.Account) (account.Write, error) { return write, nil }); err != nil {
		t.Fatal(err)
	}
}

// changes is somebody's own change of a field.
func (w *world) changes(t *testing.T, externalID string, field user.Field, value string) {
	t.Helper()
	var write account.Write
	write.Values[field] = user.Text(value)
	w.write(t, externalID, write)
}

// remembered is what the state holds of everybody without an agreement.
func (w *world) remembered(t *testing.T) []state.Remembered {
	t.Helper()
	store := w.peek(t)
	agreements, err := store.Agreements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := store.Remember(t.Context(), agreements.Open())
	if err != nil {
		t.Fatal(err)
	}
	return all
}
