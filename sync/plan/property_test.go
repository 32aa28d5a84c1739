package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// drawWorld invents an application, a source and what is known, small enough for names to meet often.
func drawWorld(t *rapid.T) *world {
	w := &world{known: map[string]*Known{}}
	for i := range rapid.IntRange(0, 6).Draw(t, "accounts") {
		w.accounts = append(w.accounts, drawAccount(t, w, int64(i+1)))
	}
	for i := range rapid.IntRange(0, 7).Draw(t, "records") {
		w.desired = append(w.desired, drawDesired(t, i))
	}
	for i := range rapid.IntRange(0, 1).Draw(t, "rejects") {
		id := rapid.SampledFrom([]string{"", "E1", "E2", "E9"}).Draw(t, "rejected id")
		w.input.Rejects = append(w.input.Rejects, Reject{Position: record.Position(fmt.Sprintf("users.csv:9%d", i)), ExternalID: id, Reason: BadRecord})
	}
	for _, a := range w.accounts {
		if id := rapid.SampledFrom([]string{a.ExternalID, a.ExternalID, "", "E3"}).Draw(t, "known id"); id != "" {
			w.known[id] = drawKnown(t, id, a.ID)
		}
	}
	w.input.Policy = Policy{
		OwnerTag: "staff",
		Owners: map[user.Field]Ownership{
			user.Email:    Ownership(rapid.IntRange(0, 2).Draw(t, "email's owner")),
			user.FullName: Ownership(rapid.IntRange(0, 2).Draw(t, "name's owner")),
		},
		ReplaceCustomData: rapid.Bool().Draw(t, "replace custom data"),
		UpdatesOff:        rapid.IntRange(0, 5).Draw(t, "updates off") == 0,
		Leavers:           rapid.SampledFrom([]Leavers{KeepLeavers, ReleaseLeavers, DeleteLeavers, DeleteLeavers}).Draw(t, "leavers"),
		GraceReads:        rapid.IntRange(0, 2).Draw(t, "grace"),
		LeaveVanished:     rapid.Bool().Draw(t, "leave vanished"),
		AdoptionsOff:      rapid.IntRange(0, 3).Draw(t, "adoptions off") == 0,
	}
	w.fixedIDs = rapid.IntRange(0, 3).Draw(t, "fixed ids") == 0
	switch rapid.IntRange(0, 3).Draw(t, "adopt") {
	case 1:
		w.input.Policy.Adopt = []account.Key{account.ByExternalID}
	case 2, 3:
		w.input.Policy.Adopt = []account.Key{account.ByExternalID, account.ByLogin, account.ByEmail}
	}
	if rapid.IntRange(0, 3).Draw(t, "protect") == 0 {
		w.input.Policy.Protected = Protected{IDs: []int64{1}, Logins: []string{"b"}, Tags: []string{"vip"}}
	}
	if rapid.IntRange(0, 3).Draw(t, "absence") == 0 {
		w.input.AbsenceUnknown = "a reject without external ID"
	}
	w.input.ConfigDigest, w.input.CountsAsRead = "config", true
	w.input.Now = time.Date(2026, 3, 10, 3, 0, 0, 0, time.UTC)
	return w
}

func drawAccount(t *rapid.T, w *world, id int64) account.Account {
	a := account.Account{ID: id, ExternalID: rapid.SampledFrom([]string{"", "E1", "E2", "E3", "E4", "E5", "E6"}).Draw(t, "external id")}
	for _, field := range user.Fields() {
		a.Values[field] = user.Text("")
	}
	drawValues(t, &a.Values, false)
	if a.Values[user.Login].Text == "" {
		a.Values[user.Login] = user.Text(fmt.Sprintf("free%d", id))
	}
	for _, field := range claimed() {
		if w.holder(field, a.Values[field].Text, id) != nil {
			a.Values[field] = user.Text(fmt.Sprintf("free%d@example.org", id))
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "ours") > 0 {
		a.Values[user.Tags] = user.Text(user.JoinTags(append(user.SplitTags(a.Values[user.Tags].Text), "staff")))
	}
	return a
}

func drawDesired(t *rapid.T, i int) Desired {
	d := Desired{Position: record.Position(fmt.Sprintf("users.csv:%d", i+2))}
	d.User.ExternalID = rapid.SampledFrom([]string{"E1", "E2", "E3", "E4", "E5", "E6", "E7"}).Draw(t, "external id")
	drawValues(t, &d.User.Values, true)
	return d
}

func drawValues(t *rapid.T, values *user.Values, unset bool) {
	pools := map[user.Field][]string{
		user.Login:      {"a", "b", "c", "d", "e"},
		user.Email:      {"", "a@example.com", "A@example.com", "b@example.com", "c@example.com", "d@example.com"},
		user.FullName:   {"", "Ann", "Ann  Lee", "Ann Lee"},
		user.Website:    {"", "example.com", "http://example.com"},
		user.CustomData: {"", `{}`, `{"a":1}`, `{"a":2,"b":1}`, `{"c":null}`},
		user.Tags:       {"", "vip", "new", "new,vip", "a,b,c"},
	}
	for _, field := range user.Fields() {
		pool, has := pools[field]
		if !has || unset && rapid.IntRange(0, 2).Draw(t, "unset") == 0 {
			continue
		}
		values[field] = user.Text(rapid.SampledFrom(pool).Draw(t, field.String()))
	}
}

func drawKnown(t *rapid.T, externalID string, id int64) *Known {
	k := &Known{ExternalID: externalID, AccountID: id}
	if rapid.Bool().Draw(t, "mine") {
		k.Mine.Tags = user.Text(rapid.SampledFrom([]string{"", "vip", "new"}).Draw(t, "my tags"))
		k.Mine.CustomData = user.Text(rapid.SampledFrom([]string{"", `{"a":1}`}).Draw(t, "my custom data"))
	}
	if rapid.Bool().Draw(t, "absent") {
		k.Absence = &Absence{Reads: 1, Since: time.Date(2026, 3, 9, 3, 0, 0, 0, time.UTC)}
	}
	return k
}

// bytesOf is everything that a person or a machine sees of a plan.
func bytesOf(t *rapid.T, p *Plan) string {
	var out bytes.Buffer
	if err := p.WriteText(&out, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return out.String() + string(data) + digestOf(t, p)
}

func digestOf(t rapid.TB, p *Plan) string {
	digest, err := p.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestOrderOfInputNeverChangesThePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		first := bytesOf(t, w.plan())
		if again := bytesOf(t, w.plan()); again != first {
			t.Fatalf("the same input gave another plan:\n%s\n%s", first, again)
		}
		w.desired = rapid.Permutation(w.desired).Draw(t, "shuffled records")
		w.accounts = rapid.Permutation(w.accounts).Draw(t, "shuffled accounts")
		if shuffled := bytesOf(t, w.plan()); shuffled != first {
			t.Fatalf("shuffled input gave another plan:\n%s\n%s", first, shuffled)
		}
	})
}

func TestApplyThenPlanIsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		first := w.plan()
		w.apply(t, first)
		w.input.CountsAsRead = false // the same read again
		second := w.plan()
		if n := second.Sent(); n != 0 {
			t.Fatalf("after\n%sthe same read plans %d operations:\n%s", bytesOf(t, first), n, bytesOf(t, second))
		}
	})
}

func TestEveryRecordEndsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		p := w.plan()
		ops := 0
		for _, op := range p.Operations {
			if op.Kind != Delete && op.Kind != Release && op.Step == "" {
				ops++
			}
		}
		ends := p.Unchanged + ops + p.Collapsed + len(p.Rejects) - len(w.input.Rejects)
		if p.Desired != len(w.desired) || ends != p.Desired {
			t.Fatalf("%d records, %d counted, %d ended:\n%s", len(w.desired), p.Desired, ends, bytesOf(t, p))
		}
		persons := map[string]bool{}
		for _, d := range w.desired {
			persons[d.User.ExternalID] = true
		}
		for _, r := range w.input.Rejects {
			persons[r.ExternalID] = true
		}
		delete(persons, "")
		if p.Present() != len(persons) {
			t.Fatalf("%d persons are present, not %d:\n%s", len(persons), p.Present(), bytesOf(t, p))
		}
	})
}

func TestOnlyOwnedAccountsAreTouched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		touched := map[int64]bool{}
		for _, op := range w.plan().Operations {
			if op.Kind == Create {
				continue
			}
			if op.Step == Park {
				continue
			}
			a := w.byID(op.AccountID)
			known := w.known[op.ExternalID]
			wasTheirs := known != nil && a != nil && known.AccountID == a.ID
			if a == nil || touched[a.ID] || a.ExternalID != op.ExternalID && !wasTheirs && (op.Kind != Adopt || a.ExternalID != "") {
				t.Fatalf("%s isn't of exactly one account: %+v", op, a)
			}
			touched[a.ID] = true
			if !a.HasTag("staff") && op.Kind != Adopt && (op.Reason != LostTag || !wasTheirs) {
				t.Fatalf("%s touches an account that was never ours", op)
			}
			if op.Kind == Adopt && len(w.input.Policy.Adopt) == 0 || w.input.Policy.Protected.covers(*a) {
				t.Fatalf("%s takes an account over, or touches a protected one", op)
			}
		}
	})
}

func TestNobodyLeavesOnPartialKnowledge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		present := map[string]bool{}
		for _, d := range w.desired {
			present[d.User.ExternalID] = true
		}
		for _, r := range w.input.Rejects {
			present[r.ExternalID] = true
		}
		for _, op := range w.plan().Operations {
			if op.Kind != Release && op.Kind != Delete {
				continue
			}
			if w.input.AbsenceUnknown != "" || w.input.Policy.Leavers == KeepLeavers || present[op.ExternalID] || op.ExternalID == "" {
				t.Fatalf("%s, though %q, leavers: %s, present: %v", op, w.input.AbsenceUnknown, w.input.Policy.Leavers, present[op.ExternalID])
			}
		}
	})
}

func TestUnsetFieldsNeverChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		for _, op := range w.plan().Operations {
			i := slices.IndexFunc(w.desired, func(d Desired) bool { return d.User.ExternalID == op.ExternalID })
			if i < 0 {
				continue
			}
			for _, c := range op.Changes {
				added := strings.Trim(strings.Replace(","+c.After+",", ",staff,", ",", 1), ",")
				onlyOwnerTag := c.Field == user.Tags && added == strings.Trim(strings.Replace(","+c.Before+",", ",staff,", ",", 1), ",")
				if op.Kind == Create && c.Field == user.Login && c.After == user.ComputedLogin(op.ExternalID) {
					continue // a sign-up needs one
				}
				if op.Step == Park && c.Field == user.Login && c.After == ParkedLogin(op.ExternalID) {
					continue // for a moment
				}
				if !w.desired[i].User.Values[c.Field].Set && !onlyOwnerTag {
					t.Fatalf("%s changes %s, which the source doesn't set: %+v", op, c.Field, c)
				}
			}
		}
	})
}

// However logins and e-mails are handed round, everybody has the right ones in the end, and no write meets a value that
// somebody still holds.
func TestPermutationsRunWithoutAConflict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{known: map[string]*Known{}}
		w.input.Policy, w.input.ConfigDigest = Policy{OwnerTag: "staff", Leavers: KeepLeavers}, "config"
		n := rapid.IntRange(2, 200).Draw(t, "users")
		var logins, emails []string
		for i := range n {
			logins, emails = append(logins, fmt.Sprintf("login%03d", i)), append(emails, fmt.Sprintf("e%03d@example.com", i))
		}
		without := min(n, rapid.IntRange(0, 4).Draw(t, "users without login")) // they can't give way
		newEmails := rapid.Permutation(emails).Draw(t, "emails")
		newLogins := append(slices.Clone(logins[:without]), rapid.Permutation(logins[without:]).Draw(t, "logins")...)
		for i := range n {
			a := account.Account{ID: int64(i + 1), ExternalID: fmt.Sprintf("E%03d", i)}
			for _, field := range user.Fields() {
				a.Values[field] = user.Text("")
			}
			d := Desired{User: user.User{ExternalID: a.ExternalID}, Position: record.Position(fmt.Sprintf("users.csv:%d", i+2))}
			a.Values[user.Email], d.User.Values[user.Email] = user.Text(emails[i]), user.Text(newEmails[i])
			if i >= without {
				a.Values[user.Login] = user.Text(logins[i])
				d.User.Values[user.Login] = user.Text(newLogins[i])
			}
			a.Values[user.Tags] = user.Text("staff")
			w.accounts, w.desired = append(w.accounts, a), append(w.desired, d)
		}
		p := w.plan()
		w.strict = true
		w.apply(t, p)
		if without == 0 && p.Blocked() > 0 {
			t.Fatalf("%d are blocked:\n%s", p.Blocked(), bytesOf(t, p))
		}
		for _, d := range w.desired {
			a := w.byExternalID(d.User.ExternalID)
			for _, op := range p.Operations {
				if op.ExternalID != d.User.ExternalID || op.Blocked != "" {
					continue
				}
				for _, field := range claimed() {
					if want := d.User.Values[field]; want.Set && a.Values[field].Text != want.Text {
						t.Fatalf("%s has the %s %q, wants %q:\n%s", a.ExternalID, field, a.Values[field].Text, want.Text, bytesOf(t, p))
					}
				}
			}
		}
	})
}
