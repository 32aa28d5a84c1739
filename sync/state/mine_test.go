package state

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

func mineOf(tags, customData string) plan.Mine {
	var mine plan.Mine
	if tags != "" {
		mine.Tags = user.Text(tags)
	}
	if customData != "" {
		mine.CustomData = user.Text(customData)
	}
	return mine
}

func carrying(tags, customData string) account.Account {
	a := sampleAccount(1, "E1")
	a.Values[user.Tags], a.Values[user.CustomData] = user.Text(tags), user.Text(customData)
	return a
}

func updateOf(mine plan.Mine) plan.Operation {
	return plan.Operation{Kind: plan.Update, ExternalID: "E1", AccountID: 1, Mine: mine}
}

func TestOurs(t *testing.T) {
	for name, test := range map[string]struct {
		field                      user.Field
		before, want, have, expect string
	}{
		"first":                            {user.Tags, "", "vip", "staff,web", "vip"},
		"taken-off-tag-goes":               {user.Tags, "admin,vip", "vip", "staff,vip", "vip"},
		"tag-that-is-carried-still-stays":  {user.Tags, "admin,vip", "vip", "admin,staff,vip", "admin,vip"},
		"foreign-tag-isn't-ours":           {user.Tags, "vip", "new", "new,staff,web", "new"},
		"nothing-wanted-and-nothing-left":  {user.Tags, "vip", "", "staff", ""},
		"taken-off-key-goes":               {user.CustomData, `{"a":1,"b":2}`, `{"a":1}`, `{"a":1,"theirs":1}`, `{"a":1}`},
		"key-that-is-carried-still-stays":  {user.CustomData, `{"a":1,"b":2}`, `{"a":3}`, `{"a":1,"b":9,"theirs":1}`, `{"a":3,"b":2}`},
		"account's-isn't-an-object":        {user.CustomData, `{"a":1}`, `{"b":1}`, `hello`, `{"b":1}`},
		"wanted-isn't-an-object":           {user.CustomData, `{"a":1}`, `hello`, `{"a":1}`, `hello`},
		"before-wasn't-an-object":          {user.CustomData, `hello`, `{"b":1}`, `{"a":1}`, `{"b":1}`},
		"a-field-that-is-never-merged":     {user.FullName, "Ann", "Anna", "Ann", "Anna"},
		"nothing-wanted-of-what-is-merged": {user.CustomData, `{"a":1}`, ``, `{"theirs":1}`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ours(test.field, test.before, test.want, test.have); got != test.expect {
				t.Errorf("got %q, want %q", got, test.expect)
			}
		})
	}
}

// What an update in doubt would have set is ours, and what was ours before it stays so.
func TestSettleKeepsWhatAnUpdateWouldHaveSet(t *testing.T) {
	now := carrying("staff,vip", "")
	stranger := sampleAccount(9, "E1")
	known := updateOf(mineOf("admin", `{"a":1}`))
	wanted := mineOf("vip", `{"b":1}`)
	for name, test := range map[string]struct {
		before []Outcome // of an earlier run
		kind   plan.Kind
		found  *account.Account
		want   plan.Mine // nil account: not known at all
		id     int64
	}{
		"both-are-ours":          {[]Outcome{{Operation: known, Ending: DoneApplied, Account: &now}}, plan.Update, &now, mineOf("admin,vip", `{"a":1,"b":1}`), 1},
		"not-found":              {[]Outcome{{Operation: known, Ending: DoneApplied, Account: &now}}, plan.Update, nil, mineOf("admin,vip", `{"a":1,"b":1}`), 1},
		"unknown-so-far":         {nil, plan.Update, &now, wanted, 1},
		"unknown-and-not-found":  {nil, plan.Update, nil, plan.Mine{}, 0},
		"known-by-another":       {[]Outcome{{Operation: known, Ending: DoneApplied, Account: &stranger}}, plan.Update, &now, mineOf("admin", `{"a":1}`), 9},
		"an-adoption-not-proven": {nil, plan.Adopt, nil, plan.Mine{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir())
			write(t, s, begin(t, s), test.before...)
			run := begin(t, s)
			op := updateOf(wanted)
			op.Kind = test.kind
			intend(t, s, run, op)
			if err := s.Settle(t.Context(), []Settled{{Intent: pending(t, s)[0], Account: test.found}}); err != nil {
				t.Fatal(err)
			}
			if left := pending(t, s); len(left) > 0 || outcomes(t, s, run)[0].Ending != NotAttempted {
				t.Errorf("pending %v, ended %s", left, outcomes(t, s, run)[0].Ending)
			}
			got := knownByID(t, s)["E1"]
			if diff := cmp.Diff(test.want, got.Mine); diff != "" || got.AccountID != test.id {
				t.Errorf("account %d, want %d; ours (-want +got):\n%s", got.AccountID, test.id, diff)
			}
		})
	}
}

// A service that ignores tags leaves ours on the account.
func TestIgnoredTagsStayOurs(t *testing.T) {
	s := openStore(t, t.TempDir())
	before, after := carrying("admin,staff", ""), carrying("admin,staff", "")
	write(t, s, begin(t, s), Outcome{Operation: updateOf(mineOf("admin", "")), Ending: DoneApplied, Account: &before})
	write(t, s, begin(t, s), Outcome{Operation: updateOf(mineOf("vip", "")), Ending: DoneApplied, Account: &after})
	if diff := cmp.Diff(mineOf("admin,vip", ""), knownByID(t, s)["E1"].Mine); diff != "" {
		t.Errorf("ours (-want +got):\n%s", diff)
	}
}

func TestFinishRemembersWhatIsWanted(t *testing.T) {
	a := carrying("admin,staff,web", `{"role":"admin","theirs":1}`)
	wanted := mineOf("admin", `{"role":"admin"}`)
	tried := func(ending Ending, mine plan.Mine) []Outcome {
		return []Outcome{{Operation: updateOf(mine), Ending: ending, Account: &a, Words: "said"}}
	}
	for name, test := range map[string]struct {
		before, outcomes []Outcome
		observed         []account.Account
		mine             plan.Mine
		want             plan.Mine
	}{
		"lost-state":                  {nil, nil, []account.Account{a}, wanted, wanted},
		"nothing-wanted":              {tried(DoneApplied, wanted), nil, []account.Account{a}, plan.Mine{}, wanted},
		"wanted-empty":                {nil, nil, []account.Account{carrying("staff", "")}, plan.Mine{Tags: user.Text("")}, plan.Mine{}},
		"gone-and-no-longer-wanted":   {tried(DoneApplied, wanted), nil, []account.Account{carrying("staff", `{"x":1}`)}, mineOf("x", `{"x":1}`), mineOf("x", `{"x":1}`)},
		"carried-but-no-longer-taken": {tried(DoneApplied, wanted), nil, []account.Account{a}, mineOf("vip", `{"x":1}`), mineOf("admin,vip", `{"role":"admin","x":1}`)},
		"nothing-left":                {tried(DoneApplied, mineOf("admin", "")), nil, []account.Account{carrying("staff", "")}, plan.Mine{Tags: user.Text("")}, plan.Mine{}},
		"failed-in-this-run":          {nil, tried(DoneFailed, wanted), []account.Account{a}, wanted, plan.Mine{}},
		"in-doubt-in-this-run":        {nil, tried(DoneUnknown, wanted), []account.Account{a}, wanted, plan.Mine{}},
		"written-in-this-run":         {nil, tried(DoneApplied, mineOf("new", "")), []account.Account{a}, mineOf("new", ""), mineOf("new", "")},
		"failed-in-an-earlier-run":    {tried(DoneFailed, wanted), nil, []account.Account{a}, wanted, wanted},
		"another-account":             {tried(DoneApplied, mineOf("old", "")), nil, []account.Account{sampleAccount(7, "E1")}, mineOf("vip", ""), mineOf("vip", "")},
		"two-of-which-none-is-known":  {nil, nil, []account.Account{a, sampleAccount(7, "E1")}, wanted, plan.Mine{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir())
			write(t, s, begin(t, s), test.before...)
			run := begin(t, s)
			write(t, s, run, test.outcomes...)
			end := End{Observed: listed(test.observed...), Mine: map[string]plan.Mine{"E1": test.mine, "E2": wanted}}
			finish(t, s, run, end, 0)
			if diff := cmp.Diff(test.want, knownByID(t, s)["E1"].Mine); diff != "" {
				t.Errorf("ours (-want +got):\n%s", diff)
			}
		})
	}
}

// An unchanged run writes nothing about anybody, so that a night costs nothing.
func TestWhatIsWantedIsWrittenOnce(t *testing.T) {
	s := openStore(t, t.TempDir())
	end := End{Observed: listed(carrying("admin,b,staff", `{"a":1,"role":2}`))}
	for i, mine := range []plan.Mine{mineOf("b", `{"role":2}`), mineOf("", ""), mineOf("b,a", `{ "a":1.0}`), mineOf("b,a", `{ "a":1.0}`), mineOf("b,a", `{ "a":1.0}`)} {
		end.Mine = map[string]plan.Mine{"E1": mine}
		before := stateOf(t, s)
		finish(t, s, begin(t, s), end, 0)
		if changed := !maps.Equal(before, stateOf(t, s)); changed != (i == 0 || i == 2) {
			t.Errorf("run %d: changed %v", i, changed)
		}
	}
}

func stateOf(t *testing.T, s *Store) map[string]row {
	t.Helper()
	all := map[string]row{}
	if err := eachRow(t.Context(), s.reader, func(r *row) error { all[r.externalID] = *r; return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}
