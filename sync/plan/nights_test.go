package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// TestTwoHundredHandTheirLoginsRound permutes the logins and e-mails of 200 people, wholly at random. No write ever meets
// what somebody still holds, also where the night is broken off and the state is lost.
func TestTwoHundredHandTheirLoginsRound(t *testing.T) {
	const people, towns = 200, 3
	for seed := range uint64(towns) {
		w := &town{Rand: rand.New(rand.NewPCG(seed, 5)), world: &world{known: map[string]*Known{}}, passwords: map[int64]string{}}
		w.input.Policy, w.input.ConfigDigest = Policy{OwnerTag: "staff", Leavers: KeepLeavers}, "config"
		for i := range people {
			a := w.newAccount(fmt.Sprintf("E%03d", i))
			a.Values[user.Login], a.Values[user.Email] = user.Text(fmt.Sprint("login", i)), user.Text(fmt.Sprintf("e%d@example.com", i))
			a.Values[user.Tags] = user.Text("staff")
			w.passwords[a.ID] = a.ExternalID
			w.desired = append(w.desired, Desired{User: user.User{ExternalID: a.ExternalID, Values: a.Values}})
		}
		for _, field := range claimed() {
			for i, other := range w.Perm(people) {
				w.desired[i].User.Values[field] = w.accounts[other].Values[field]
			}
		}
		broken := w.clone()
		for what, night := range map[string]func() error{
			"whole": func() error { return w.night(w.plan(), never) },
			"broken off": func() error {
				if err := broken.night(broken.plan(), broken.IntN(people)); err != nil {
					return err
				}
				clear(broken.known)
				return broken.night(broken.plan(), never)
			},
		} {
			if err := night(); err != nil {
				t.Fatalf("town %d, %s: %v", seed, what, err)
			}
		}
		for _, w := range []*town{w, broken} {
			for i, d := range w.desired {
				if w.accounts[i].Values != d.User.Values {
					t.Fatalf("town %d: %s has %v, want %v", seed, d.User.ExternalID, w.accounts[i].Values, d.User.Values)
				}
			}
			if left := w.plan(); len(left.Operations) > 0 {
				t.Fatalf("town %d: %d operations are left", seed, len(left.Operations))
			}
		}
	}
}

// brokenNight is a power cut after some writes, with which the state is lost. The next night mends it.
func (w *town) brokenNight(p *Plan, happened map[string]bool) error {
	crossed := func(op Operation) bool { return op.Kind == Update && op.ExternalIDBefore != nil }
	if p.Sent() < 2 || w.fixedIDs && slices.ContainsFunc(p.Operations, crossed) {
		return nil // without the state nothing tells whose account carries another's external ID for good
	}
	before := w.clone()
	if err := w.night(p, 1+w.IntN(p.Sent())); err != nil {
		return err
	}
	for _, a := range w.accounts {
		if was := before.byID(a.ID); was != nil && was.Values[user.Login].Text != "" && a.Values[user.Login].Text == "" {
			return fmt.Errorf("account %d lost its login", a.ID)
		}
		if isParked(a.Values[user.Login].Text) {
			happened["ring broken off"] = true
		}
	}
	clear(w.known)
	w.input.AbsenceUnknown = "no baseline" // as of every first run
	mending := w.plan()
	if err := w.night(mending, never); err != nil {
		return fmt.Errorf("the next night: %w", err)
	}
	w.input.CountsAsRead, w.input.RetryRefused = false, false
	last := w.plan()
	if n := last.Sent(); n > lockedOut(last) && lockedOut(mending) == 0 {
		text, _ := seen(last)
		return fmt.Errorf("after the next night %d operations are left:\n%s", n, text)
	}
	return w.nobodyParked(last)
}

// cutNight is a power cut after some writes, with which nothing is lost but the rest of the night. Some nights later nobody
// lacks a login that they had, nor an e-mail that nobody else has.
func (w *town) cutNight(p *Plan) error {
	if p.Sent() < 2 || w.input.Policy.UpdatesOff {
		return nil
	}
	before := w.clone()
	if err := w.night(p, 1+w.IntN(p.Sent())); err != nil {
		return err
	}
	w.dislikes()
	w.input.RetryRefused = false
	for range 4 {
		if err := w.night(w.plan(), never); err != nil {
			return fmt.Errorf("a later night: %w", err)
		}
	}
	for _, was := range before.accounts {
		now := w.byID(was.ID)
		if now == nil || !w.mayMend(*now) {
			continue
		}
		if login := was.Values[user.Login].Text; login != "" && !isParked(login) && isParked(now.Values[user.Login].Text) {
			return fmt.Errorf("account %d is without the login %s", was.ID, login)
		}
		email := was.Values[user.Email].Text
		wanted := slices.IndexFunc(w.desired, func(d Desired) bool { return d.User.ExternalID == now.ExternalID })
		unwanted := wanted >= 0 && w.desired[wanted].User.Values[user.Email] == user.Text("")
		if email != "" && now.Values[user.Email].Text == "" && w.holder(user.Email, email, 0) == nil && !unwanted {
			return fmt.Errorf("account %d is without the e-mail %s", was.ID, email)
		}
	}
	return nil
}

// mayMend reports whether the account is ours alone, and the service lets it be written.
func (w *town) mayMend(a account.Account) bool {
	policy := w.input.Policy
	twins := 0
	for _, other := range w.accounts {
		if other.ExternalID == a.ExternalID {
			twins++
		}
	}
	ours := a.HasTag(policy.OwnerTag) && !a.HasTag("partners") && !policy.Protected.covers(a)
	return ours && twins == 1 && a.ExternalID != "" && (w.shared || w.passwords[a.ID] == a.ExternalID)
}

// nextDay lets more things happen after the first night, which has left its notes in the state.
func (w *town) nextDay(p *Plan) error {
	if err := w.night(p, never); err != nil {
		return err
	}
	w.input.Now, w.input.RetryRefused = w.input.Now.Add(24*time.Hour), false
	all := w.events()
	for range 1 + w.IntN(4) {
		all[w.IntN(len(all))]()
	}
	before, second := w.clone(), w.plan()
	if err := w.night(second, never); err != nil {
		return err
	}
	if err := w.onlyOurs(before, second); err != nil {
		return err
	}
	w.input.CountsAsRead = false
	if left := w.plan(); left.Sent() > lockedOut(left) && lockedOut(second) == 0 {
		text, _ := seen(second)
		after, _ := seen(left)
		return fmt.Errorf("%d operations are left:\n%s\nafter\n%s\nin\n%s", left.Sent(), after, text, before)
	}
	return nil
}

// lockedOut counts those who get back what they gave up in a swap, which takes a night more: after their own was refused, and
// before everything else that their record wants.
func lockedOut(p *Plan) int {
	n := 0
	for _, r := range p.Remarks {
		if r.Reason == LockedOut {
			n++
		}
	}
	for _, op := range p.Operations {
		if op.Step == PutBack {
			n++
		}
	}
	return n
}

// nobodyParked checks that nobody who has a record is left with the login of a swap, unless the plan says why.
func (w *town) nobodyParked(p *Plan) error {
	excused := map[string]bool{}
	for _, op := range p.Operations {
		excused[op.ExternalID] = true
	}
	for _, r := range p.Rejects {
		excused[r.ExternalID] = true
	}
	for _, d := range w.desired {
		for _, a := range w.accounts {
			if a.ExternalID == d.User.ExternalID && a.HasTag("staff") && isParked(a.Values[user.Login].Text) && !excused[a.ExternalID] {
				return fmt.Errorf("account %d of %s is parked for good", a.ID, a.ExternalID)
			}
		}
	}
	return nil
}

// refusedNight takes all passwords away, so that nothing but sign-ups and deletes gets through.
func (w *town) refusedNight(happened map[string]bool) error {
	w.shared, w.input.Policy.AdoptionsOff, w.input.RetryRefused = false, true, false
	clear(w.passwords)
	before := w.clone()
	p := w.plan()
	if err := w.night(p, never); err != nil {
		return err
	}
	for _, a := range w.accounts {
		if was := before.byID(a.ID); was != nil && was.Values != a.Values {
			return fmt.Errorf("account %d was written without the right to", a.ID)
		}
	}
	w.input.CountsAsRead = false
	again := w.plan()
	if again.Sent() > lockedOut(again) && lockedOut(p) == 0 {
		text, _ := seen(again)
		return fmt.Errorf("%d operations are sent again:\n%s", again.Sent(), text)
	}
	if p.Count(Update) > 0 {
		happened["no right to write"] = true
	}
	return nil
}
