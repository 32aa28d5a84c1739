package plan

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// town is a world in which people were signed up in good order once, and to whom things have happened since: what
// happens in a company, in an application that others use too, and to a state that can be lost. Its service is strict:
// see night.
type town struct {
	*world
	*rand.Rand
	passwords map[int64]string // whose password we can derive, by account: an external ID; none where it is the user's own
	shared    bool             // the session may write accounts of others; otherwise each is written as its own user
	picky     map[int64]bool   // accounts whose logins and e-mails the service doesn't like
	undone    bool             // a ring was undone
	uniqueIDs bool             // the service doesn't let two accounts have one external ID
	limits    Limits
	situation Situation
	strangers int
	free      int
	surveyed  *Survey // of the last plan
}

func (w *town) plan() *Plan {
	w.surveyed = w.survey()
	return w.surveyed.Build(w.find(w.surveyed.Lookups()))
}

// newTown invents a town. The same seed gives the same one.
func newTown(seed uint64) *town {
	w := &town{
		Rand:  rand.New(rand.NewPCG(seed, 4)),
		world: &world{known: map[string]*Known{}}, passwords: map[int64]string{}, picky: map[int64]bool{},
	}
	w.shared, w.uniqueIDs, w.fixedIDs = w.oneIn(2), w.oneIn(2), w.oneIn(5)
	for i := range 2 + w.IntN(5) {
		w.settle(i)
	}
	w.setPolicy()
	w.setGuards()
	all := w.events()
	for range 1 + w.IntN(9) {
		all[w.IntN(len(all))]()
	}
	return w
}

func (w *town) oneIn(n int) bool { return w.IntN(n) == 0 }

func (w *town) pick(from ...string) string { return from[w.IntN(len(from))] }

// settle signs somebody up, as an earlier run did.
func (w *town) settle(i int) {
	d := Desired{Position: record.Position(fmt.Sprintf("users.csv:%d", i+2))}
	d.User.ExternalID = fmt.Sprintf("E%d", i)
	set := func(field user.Field, text string, unset int) {
		if !w.oneIn(unset) {
			d.User.Values[field] = user.Text(text)
		}
	}
	set(user.Login, fmt.Sprintf("login%d", i), 5)
	set(user.Email, fmt.Sprintf("e%d@example.com", i), 6)
	set(user.FullName, w.pick("Ann", "Ann Lee", "Bo"), 4)
	set(user.Website, w.pick("", "http://example.com", "http://example.org"), 3)
	set(user.CustomData, w.pick("", `{"a":1}`, `{"a":2}`), 3)
	set(user.Tags, w.pick("", "vip", "new,vip"), 3)
	a := w.newAccount(d.User.ExternalID)
	for _, c := range createChanges(d.User, Policy{OwnerTag: "staff"}) {
		a.Values[c.Field] = user.Text(c.After)
	}
	if w.oneIn(7) {
		a.Values[user.Login] = user.Text("") // it signs in with its e-mail
		d.User.Values[user.Login] = user.Value{}
	}
	w.desired = append(w.desired, d)
	w.passwords[a.ID] = a.ExternalID
	w.known[a.ExternalID] = &Known{ExternalID: a.ExternalID, AccountID: a.ID, Mine: Merged(d.User.Values)}
}

func (w *town) newAccount(externalID string) *account.Account {
	w.lastID++
	a := account.Account{ID: w.lastID, ExternalID: externalID}
	for _, field := range user.Fields() {
		a.Values[field] = user.Text("")
	}
	w.accounts = append(w.accounts, a)
	return &w.accounts[len(w.accounts)-1]
}

func (w *town) setPolicy() {
	p := &w.input.Policy
	*p = Policy{
		OwnerTag: "staff", OtherOwnerTags: []string{"partners"}, Owners: map[user.Field]Ownership{},
		ReplaceCustomData: w.oneIn(3), UpdatesOff: w.oneIn(15), AdoptionsOff: !w.shared, LeaveVanished: w.oneIn(2),
		Leavers:    []Leavers{KeepLeavers, ReleaseLeavers, DeleteLeavers, DeleteLeavers}[w.IntN(4)],
		GraceReads: w.IntN(3), GraceSpan: time.Duration(w.IntN(2)) * 24 * time.Hour,
		Adopt: [][]account.Key{nil, {account.ByExternalID}, {account.ByExternalID, account.ByLogin, account.ByEmail}, {account.ByExternalID, account.ByLogin, account.ByEmail}}[w.IntN(4)],
	}
	for _, field := range user.Fields() {
		if w.oneIn(6) {
			p.Owners[field] = Ownership(1 + w.IntN(2))
		}
	}
	if w.oneIn(6) {
		p.Protected = Protected{IDs: []int64{w.Int64N(6)}, Logins: []string{"login1"}, Tags: []string{"root"}}
	}
	if w.oneIn(8) {
		w.input.AbsenceUnknown = "a reject without external ID"
	}
	w.input.ConfigDigest, w.input.CountsAsRead, w.input.RetryRefused = "config", !w.oneIn(5), w.oneIn(8)
	w.input.Now = time.Date(2026, 3, 10, 3, 0, 0, 0, time.UTC)
}

// setGuards draws guards that small towns can trip, too.
func (w *town) setGuards() {
	w.limits = DefaultLimits()
	tight := func(c *Ceiling) {
		if w.oneIn(3) {
			*c = Ceiling{Floor: w.IntN(2), Share: w.Float64() / 3}
		}
	}
	for _, c := range []*Ceiling{&w.limits.Deletes, &w.limits.WeekDeletes, &w.limits.Updates, &w.limits.Creates, &w.limits.Field} {
		tight(c)
	}
	w.limits.Rekeyed.Floor = 1 + w.IntN(3)
	if !w.oneIn(3) {
		w.situation.Baseline = &Baseline{Run: 1, Present: w.IntN(9), Settled: map[string]string{"key": "id"}}
		w.situation.Settings = map[string]string{"key": w.pick("id", "login")}
		w.situation.WeekDeletes = w.IntN(4)
	}
}

// clone is a copy to which other things may happen.
func (w *town) clone() *town {
	c := *w
	inner := *w.world
	c.world = &inner
	c.Rand = rand.New(rand.NewPCG(w.Uint64(), w.Uint64()))
	c.accounts, c.desired, c.passwords = slices.Clone(w.accounts), slices.Clone(w.desired), maps.Clone(w.passwords)
	c.picky = maps.Clone(w.picky)
	c.input.Rejects = slices.Clone(w.input.Rejects)
	c.known = map[string]*Known{}
	for id, k := range w.known {
		same := *k
		same.Learned = slices.Clone(k.Learned)
		c.known[id] = &same
	}
	return &c
}

func (w *town) String() string {
	var b strings.Builder
	for _, d := range w.desired {
		fmt.Fprintf(&b, "record  %s %s %v\n", d.Position, d.User.ExternalID, d.User.Values)
	}
	for _, a := range w.accounts {
		fmt.Fprintf(&b, "account %d %q %v password of %q\n", a.ID, a.ExternalID, a.Values, w.passwords[a.ID])
	}
	for _, id := range slices.Sorted(maps.Keys(w.known)) {
		fmt.Fprintf(&b, "known   %+v\n", *w.known[id])
	}
	fmt.Fprintf(&b, "policy  %+v, unknown: %q, shared: %v, unique ids: %v, fixed ids: %v\n", w.input.Policy, w.input.AbsenceUnknown, w.shared, w.uniqueIDs, w.fixedIDs)
	return b.String()
}
