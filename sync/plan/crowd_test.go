package plan

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// inParts plans the newcomers of a town by themselves, a few at a time, and everybody else together. Put together again
// that must be the whole plan, byte for byte, whether it holds the sign-ups or not.
func (w *town) inParts(whole *Plan, happened map[string]bool) error {
	joined, newcomers, err := w.joined()
	if err != nil {
		return err
	}
	for what, did := range map[string]bool{
		"newcomer":                   newcomers > 0,
		"newcomer beside operations": newcomers > 0 && len(joined.Operations) > 0,
		"sign-up of no newcomer":     slices.ContainsFunc(joined.Operations, func(op Operation) bool { return op.Kind == Create }),
		"newcomer beside a ring":     newcomers > 0 && slices.ContainsFunc(joined.Operations, func(op Operation) bool { return op.Ring != "" }),
	} {
		if did {
			happened[what] = true
		}
	}
	if a, b := w.trips(whole), w.trips(joined); a != b {
		return fmt.Errorf("guards say %s, of the whole %s", b, a)
	}
	expected, err := fileOf(whole)
	if err != nil {
		return err
	}
	for _, held := range []bool{false, true} {
		if held {
			if err := joined.Hold(); err != nil {
				return err
			}
		}
		if got, err := fileOf(joined); err != nil || got != expected {
			return fmt.Errorf("%d newcomers, held: %v, %w:\n%s\nthe whole:\n%s", newcomers, held, err, got, expected)
		}
	}
	got, err := seen(joined)
	if err != nil {
		return err
	}
	if want, err := seen(whole); got != want {
		return fmt.Errorf("with %d newcomers (%w):\n%s\nthe whole:\n%s", newcomers, err, got, want)
	}
	return nil
}

func (w *town) trips(p *Plan) string {
	return fmt.Sprint(Guard(p, w.limits, w.situation), Unconfirmed(p), p.Present(), p.Counts(len(w.desired)))
}

// fileOf is the plan as it is kept.
func fileOf(p *Plan) (string, error) {
	var out, text bytes.Buffer
	if err := (&File{Plan: p}).Write(&out); err != nil {
		return "", err
	}
	err := p.WriteText(&text, TextOptions{Most: 2})
	return out.String() + text.String(), err
}

// crowd counts everybody of the town in.
func (w *town) crowd(in Input) *Crowd {
	crowd := &Crowd{}
	for d := range in.Desired {
		crowd.Record(&d.User)
	}
	for _, r := range in.Rejects {
		crowd.Reject(r.ExternalID)
	}
	for a := range in.Observed {
		crowd.Account(&a)
	}
	for k := range in.Known {
		crowd.Known(&k)
	}
	crowd.Settle()
	return crowd
}

// joined is the town's plan made in parts, and how many newcomers it has.
func (w *town) joined() (p *Plan, newcomers int, err error) {
	in := w.survey().in
	crowd := w.crowd(in)
	var tangled, batch []Desired
	var signUps []Operation
	for d := range in.Desired {
		if !crowd.Newcomer(&d.User) {
			tangled = append(tangled, d)
		}
	}
	before := in
	before.Desired = slices.Values(tangled)
	found := w.find(NewSurvey(before).Lookups())
	for d := range in.Desired {
		if crowd.Newcomer(&d.User) {
			alone := Input{Desired: slices.Values([]Desired{d})}
			alone.Observed, alone.Known = slices.Values([]account.Account(nil)), slices.Values([]Known(nil))
			found = append(found, w.find(NewSurvey(alone).Lookups())...)
		}
	}
	for i := range found {
		crowd.Found(&found[i])
	}
	tangled = nil
	planBatch := func() {
		ops, rest := NewcomerPlan(in, batch)
		signUps, tangled = append(signUps, ops...), append(tangled, rest...)
		batch = nil
	}
	for d := range in.Desired {
		if !crowd.Newcomer(&d.User) {
			tangled = append(tangled, d)
			continue
		}
		if batch = append(batch, d); w.oneIn(2) {
			planBatch()
		}
	}
	planBatch()
	slices.SortStableFunc(tangled, func(a, b Desired) int { return strings.Compare(a.User.ExternalID, b.User.ExternalID) })
	rest := in
	rest.Desired = slices.Values(tangled)
	survey := NewSurvey(rest)
	p = survey.Build(found)
	err = p.Join(len(signUps), Held(signUps))
	return p, len(signUps), err
}

// crowded counts a few people in, each in their own way, and reports whether Ann is a newcomer among them.
func crowded(count func(*Crowd)) bool {
	crowd := &Crowd{}
	ann := newcomer()
	crowd.Record(&ann)
	count(crowd)
	crowd.Settle()
	return crowd.Newcomer(&ann)
}

func newcomer() user.User {
	ann := user.User{ExternalID: "E1"}
	ann.Values[user.Login], ann.Values[user.Email] = user.Text("ann"), user.Text("ann@example.com")
	return ann
}

func TestNewcomer(t *testing.T) {
	person := func(id, login, email string) (u user.User) {
		u.ExternalID, u.Values[user.Login], u.Values[user.Email] = id, user.Text(login), user.Text(email)
		return u
	}
	holder := func(id, login, email string) *account.Account {
		return &account.Account{ID: 7, ExternalID: id, Values: person("", login, email).Values}
	}
	record := func(u user.User) func(*Crowd) { return func(c *Crowd) { c.Record(&u) } }
	tests := map[string]struct {
		count func(*Crowd)
		want  bool
	}{
		"alone":                      {func(*Crowd) {}, true},
		"among-others":               {record(person("E2", "bo", "bo@example.com")), true},
		"others-without-e-mail":      {func(c *Crowd) { record(person("E2", "bo", ""))(c); record(person("E3", "cy", ""))(c) }, true},
		"reject-without-external-id": {func(c *Crowd) { c.Reject(""); c.Reject("") }, true},
		"same-external-id":           {record(person("E1", "bo", "bo@example.com")), false},
		"same-login":                 {record(person("E2", "ann", "bo@example.com")), false},
		"same-e-mail":                {record(person("E2", "bo", "Ann@Example.com")), false},
		"rejected":                   {func(c *Crowd) { c.Reject("E1") }, false},
		"account-has-external-id":    {func(c *Crowd) { c.Account(holder("E1", "", "")) }, false},
		"account-has-login":          {func(c *Crowd) { c.Account(holder("E2", "ann", "")) }, false},
		"account-has-e-mail":         {func(c *Crowd) { c.Account(holder("", "", "ann@example.com")) }, false},
		"known":                      {func(c *Crowd) { c.Known(&Known{ExternalID: "E1"}) }, false},
		"login-given-up-in-a-swap":   {func(c *Crowd) { c.Known(&Known{ExternalID: "E2", Parked: &Parked{Login: "ann"}}) }, false},
		"e-mail-given-up-in-a-swap":  {func(c *Crowd) { c.Known(&Known{ExternalID: "E2", Parked: &Parked{Email: "ann@example.com"}}) }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := crowded(test.count); got != test.want {
				t.Errorf("is a newcomer: %v, want %v", got, test.want)
			}
		})
	}
	t.Run("computed-login", func(t *testing.T) {
		crowd, ann := &Crowd{}, user.User{ExternalID: "E1"}
		crowd.Record(&ann)
		record(person("E2", user.ComputedLogin("E1"), ""))(crowd)
		crowd.Settle()
		if crowd.Newcomer(&ann) {
			t.Error("somebody else wants the login that she would get")
		}
	})
	t.Run("computed-login-of-somebody-halfway", func(t *testing.T) {
		crowd, bo := &Crowd{}, person("E2", user.ComputedLogin("E1"), "")
		crowd.Record(&bo)
		crowd.Account(holder("E1", ParkedLogin("E1"), ""))
		crowd.Settle()
		if crowd.Newcomer(&bo) {
			t.Error("he wants the login that E1 may be given back")
		}
	})
	for name, found := range map[string]*account.Account{
		"found-with-external-id": holder("E1", "x", "x@example.com"), "found-with-login": holder("", "ann", ""), "found-with-e-mail": holder("E9", "x", "ANN@example.com"),
	} {
		t.Run(name, func(t *testing.T) {
			crowd, ann := &Crowd{}, newcomer()
			crowd.Record(&ann)
			crowd.Settle()
			crowd.Found(found)
			if crowd.Newcomer(&ann) {
				t.Error("a look-up found somebody in her way")
			}
		})
	}
}

// Sign-ups that were put aside and can't be read, or not all of them, are an error wherever the plan is used: never a
// shorter plan.
func TestLostSignUps(t *testing.T) {
	some := make([]Operation, 7)
	for i := range some {
		some[i] = Operation{Kind: Create, Reason: NewRecord, ExternalID: fmt.Sprint("E", i)}
	}
	broken := errors.New("the disk is gone")
	tests := map[string]func(func(*Operation, error) bool){
		"none-is-there": func(func(*Operation, error) bool) {},
		"one-is-missing": func(yield func(*Operation, error) bool) {
			Held(some[:6])(yield)
		},
		"broken": func(yield func(*Operation, error) bool) { _ = yield(&some[0], nil) && yield(nil, broken) },
	}
	for name, each := range tests {
		t.Run(name, func(t *testing.T) {
			if err := new(Plan).Join(7, each); err == nil {
				t.Error("they were joined")
			}
			p := &Plan{Operations: []Operation{{Kind: Update, ExternalID: "E9", AccountID: 9}}}
			if err := p.Join(7, Held(some)); err != nil {
				t.Fatal(err)
			}
			p.SignUps.Each = each
			uses := map[string]func() error{
				"digest": func() error { _, err := p.Digest(); return err },
				"file":   func() error { return (&File{Plan: p}).Write(new(bytes.Buffer)) },
				"text":   func() error { return p.WriteText(new(bytes.Buffer), TextOptions{}) },
				"json":   func() error { return p.WriteJSON(new(bytes.Buffer)) },
				"redacted": func() error {
					return (&File{Plan: p}).Redacted().Write(new(bytes.Buffer))
				},
				"hold": p.Hold,
			}
			for use, do := range uses {
				if err := do(); err == nil {
					t.Errorf("%s: nobody noticed", use)
				}
			}
		})
	}
}

// Only who was answered exactly what was planned, and is nobody to be spared, agrees from the start.
func TestSignedUp(t *testing.T) {
	policy := Policy{OwnerTag: "staff", OtherOwnerTags: []string{"partners"}, Protected: Protected{Logins: []string{"root"}}}
	ann := newcomer()
	ann.Values[user.CustomData], ann.Values[user.Tags], ann.Values[user.Phone] = user.Text(`[1, 2]`), user.Text("vip"), user.Text("")
	ops, _ := NewcomerPlan(Input{Policy: policy}, []Desired{{User: ann, Digest: 7}})
	answer := func() *account.Account {
		a := &account.Account{ID: 9, ExternalID: "E1"}
		for _, c := range ops[0].Changes {
			a.Values[c.Field] = user.Text(c.After)
		}
		return a
	}
	tests := map[string]struct {
		change func(*Operation, *account.Account)
		want   bool
	}{
		"as-planned":           {func(*Operation, *account.Account) {}, true},
		"e-mail-in-lower-case": {func(_ *Operation, a *account.Account) { a.Values[user.Email] = user.Text("ANN@example.com") }, true},
		"another-phone":        {func(_ *Operation, a *account.Account) { a.Values[user.Phone] = user.Text("+1 555 0100") }, false},
		"another-login":        {func(_ *Operation, a *account.Account) { a.Values[user.Login] = user.Text("ann2") }, false},
		"another-external-id":  {func(_ *Operation, a *account.Account) { a.ExternalID = "" }, false},
		"without-our-tag":      {func(_ *Operation, a *account.Account) { a.Values[user.Tags] = user.Text("vip") }, false},
		"with-another-owner":   {func(_ *Operation, a *account.Account) { a.Values[user.Tags] = user.Text("vip,staff,partners") }, false},
		"data-spelled-anew":    {func(_ *Operation, a *account.Account) { a.Values[user.CustomData] = user.Text(`[1,2]`) }, false}, // left alone, with a remark
		"protected": {func(op *Operation, a *account.Account) {
			op.Changes[0].After, a.Values[user.Login] = "root", user.Text("root")
		}, false},
		"as-parked": {func(op *Operation, a *account.Account) {
			op.Changes[0].After, a.Values[user.Login] = ParkedLogin("E1"), user.Text(ParkedLogin("E1"))
		}, false},
		"record-not-recognised": {func(op *Operation, _ *account.Account) { op.Record = 0 }, false},
		"no-sign-up":            {func(op *Operation, _ *account.Account) { op.Kind = Adopt }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			op, a := ops[0], answer()
			op.Changes = slices.Clone(op.Changes)
			test.change(&op, a)
			got := policy.SignedUp(&op, a)
			want := Agreement{}
			if test.want {
				want = Agreement{
					Digests: Digests{Key: KeyOf("E1"), Record: 7, Account: a.Digest()},
					Login:   claimOf(user.Login, "ann").digest(), Email: claimOf(user.Email, "ann@example.com").digest(),
				}
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}
