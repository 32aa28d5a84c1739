package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"testing"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// agreed are agreements in the order of their rows, as the state keeps them; a zero one is a row without.
type agreed []Agreement

func (a agreed) Span() int64          { return int64(len(a)) }
func (a agreed) At(row int64) Digests { return a[row].Digests }

func (a agreed) Find(key user.Digest) (int64, bool) {
	i := slices.IndexFunc(a, func(one Agreement) bool { return one.Key == key })
	return int64(i), i >= 0
}

func (a agreed) Rows() iter.Seq2[int64, Digests] {
	return func(yield func(int64, Digests) bool) {
		for row, one := range a {
			if one.Key != 0 && !yield(int64(row), one.Digests) {
				return
			}
		}
	}
}

func (a agreed) Claiming(_ context.Context, claims map[user.Digest]bool) (rows []int64, err error) {
	for row, one := range a {
		if claims[one.Login] || claims[one.Email] {
			rows = append(rows, int64(row))
		}
	}
	return rows, nil
}

// broken can't tell who claims what.
type broken struct{ agreed }

func (broken) Claiming(context.Context, map[user.Digest]bool) ([]int64, error) {
	return nil, errors.New("it was overtaken")
}

// digest recognises a record and all that decides about it.
func (w *town) digest(d Desired) user.Digest {
	return user.DigestOf(fmt.Sprint(d.User), fmt.Sprintf("%+v", w.input.Policy))
}

// sieved is a town's plan made of those only whom the sieve holds back, and how many it lets through.
func (w *town) sieved(agreements map[string]Agreement, skims bool) (p *Plan, survey *Survey, through int) {
	ids := sortedKeys(agreements)
	rows := make(agreed, 0, len(ids))
	for _, id := range ids {
		rows = append(rows, agreements[id])
	}
	sieve := NewSieve(rows)
	whole := *w
	inner := *w.world
	whole.world = &inner
	var listed []account.Account
	for _, a := range w.accounts {
		if a.HasTag(w.input.Policy.OwnerTag) && !sieve.Account(&a) {
			listed = append(listed, a)
		}
	}
	for again, err := true, error(nil); again && err == nil; again, err = sieve.Again(context.Background()) {
		sieve.Restart()
		skim := sieve.Skim()
		whole.desired = nil
		for _, r := range w.input.Rejects {
			sieve.Reject(r.ExternalID)
		}
		for _, d := range w.desired {
			d.Digest = w.digest(d)
			if row, known := skim.Known(d.Digest); known && skims {
				sieve.Skimmed(row, row+1)
				continue
			}
			skim.Miss(d.User.ExternalID)
			if !sieve.Record(d.User.ExternalID, d.Digest) {
				sieve.Claim(d.User)
				whole.desired = append(whole.desired, d)
			}
		}
	}
	whole.known = maps.Clone(w.known)
	concerned := map[string]bool{}
	for _, row := range sieve.Concerned() {
		concerned[ids[row]] = true
	}
	for row, id := range ids {
		if !concerned[id] {
			delete(whole.known, id)
			continue
		}
		if sieve.AsListed(int64(row)) {
			listed = append(listed, w.accounts[slices.IndexFunc(w.accounts, func(a account.Account) bool {
				return a.ID == w.known[id].AccountID
			})])
		}
	}
	whole.accounts, whole.input.Agreeing = listed, sieve.Agreeing()
	survey = whole.survey()
	p = survey.Build(w.find(survey.Lookups()))
	return p, survey, sieve.Agreeing()
}

// passesOver lets more happen after a night, and looks whether the plan without those who agree is the whole one.
func (w *town) passesOver(lastNight *Plan, happened map[string]bool) error {
	before := w.clone()
	agreements := maps.Clone(lastNight.Agreed)
	maps.Copy(agreements, w.signedUp(lastNight))
	happened["signed up last night and agreed"] = len(agreements) > len(lastNight.Agreed)
	all := w.events()
	for range w.IntN(4) {
		all[w.IntN(len(all))]()
	}
	for i := range w.desired {
		w.desired[i].Digest = w.digest(w.desired[i])
	}
	whole := w.plan()
	maps.DeleteFunc(agreements, func(id string, _ Agreement) bool { return !reflect.DeepEqual(w.known[id], before.known[id]) })
	sieved, survey, through := w.sieved(agreements, w.IntN(2) == 0)
	expected, err := seen(whole)
	if err != nil {
		return err
	}
	got, err := seen(sieved)
	switch {
	case err != nil:
		return err
	case got != expected:
		return fmt.Errorf("with %d agreements, %d passed over:\n%s\nthe whole:\n%s\n%s", len(agreements), through, got, expected, w)
	case !reflect.DeepEqual(survey.Lookups(), w.surveyed.Lookups()):
		return fmt.Errorf("looks up %+v, the whole %+v", survey.Lookups(), w.surveyed.Lookups())
	}
	for id, agreement := range whole.Agreed {
		again := cmp.Or(sieved.Agreed[id], agreements[id])
		if agreement.Login == 0 {
			again.Login = 0 // a sign-up claims one in any case
		}
		if again != agreement {
			return fmt.Errorf("%s agrees as %v, in the whole as %v", id, again, agreement)
		}
	}
	for what, did := range map[string]bool{
		"passed over":                   through > 0,
		"passed over beside operations": through > 0 && len(whole.Operations) > 0,
		"agreed and yet concerned":      through < len(agreements),
	} {
		if did {
			happened[what] = true
		}
	}
	return nil
}

// signedUp are the agreements of those whom the night signed up.
func (w *town) signedUp(lastNight *Plan) map[string]Agreement {
	agreements := map[string]Agreement{}
	for _, op := range lastNight.Operations {
		known := w.known[op.ExternalID]
		if op.Kind != Create || op.Blocked != "" || known == nil {
			continue
		}
		if a := w.byID(known.AccountID); a != nil {
			if agreement := w.input.Policy.SignedUp(&op, a); agreement.Key != 0 {
				agreements[op.ExternalID] = agreement
			}
		}
	}
	return agreements
}

// An account that was known as two persons' is looked up as long as that stands, so none of them agrees.
func TestKnownTwice(t *testing.T) {
	w := &town{world: &world{known: map[string]*Known{}}}
	w.input.Policy = Policy{OwnerTag: "staff"}
	a := w.newAccount("E1")
	a.Values[user.Tags] = user.Text("staff")
	w.desired = []Desired{{User: user.User{ExternalID: "E1"}, Digest: 7}}
	w.known["E1"] = &Known{ExternalID: "E1", AccountID: a.ID}
	if p := w.plan(); p.Unchanged != 1 || len(p.Agreed) != 1 {
		t.Fatalf("%d unchanged, %d agree, want 1 and 1", p.Unchanged, len(p.Agreed))
	}
	w.known["E2"] = &Known{ExternalID: "E2", AccountID: a.ID}
	if p := w.plan(); p.Unchanged != 1 || len(p.Agreed) != 0 {
		t.Errorf("%d unchanged, %d agree, want 1 and 0", p.Unchanged, len(p.Agreed))
	}
}

func TestSkim(t *testing.T) {
	rows := agreed{{}} // as in the state, where no row has the number 0
	for n := range 40 {
		rows = append(rows, Agreement{Digests: Digests{Key: KeyOf(fmt.Sprint("E", n+1)), Record: user.Digest(n + 1), Account: 1}})
	}
	sieve := NewSieve(rows)
	sieve.AllAsBefore()
	sieve.marks[5] |= isConcerned
	sieve.marks[6] &^= accountAsBefore
	skim := sieve.Skim()
	sieve.Hold() // the skim knows what was known before
	for _, step := range []struct {
		digest user.Digest
		miss   string
		known  bool
	}{
		{1, "", true}, {2, "", true},
		{99, "E3", false}, {4, "", true}, // changed
		{5, "", false}, {6, "", false}, {7, "", true}, // concerned, and one whose account changed
		{98, "E98", false}, {8, "", true}, // new
		{15, "", true}, {24, "", false}, // some are gone; too many
		{97, "E29", false}, {30, "", true}, {2, "", false}, // elsewhere
		{40, "", false}, {97, "E39", false}, {40, "", true}, {41, "", false},
	} {
		row, known := skim.Known(step.digest)
		if known != step.known || known && row != int64(step.digest) {
			t.Errorf("record %d is known %v, as row %d", step.digest, known, row)
		}
		if step.miss != "" {
			skim.Miss(step.miss)
		}
	}
}

func TestSieveReadsAgain(t *testing.T) {
	agreement := func(id string, email string) Agreement {
		return Agreement{Digests: Digests{Key: KeyOf(id), Record: 7}, Email: claimOf(user.Email, email).digest()}
	}
	rows := agreed{{}, agreement("E1", "ann@example.com"), agreement("E2", "bo@example.com")}
	claims := func(id, email string) (u user.User) {
		u.ExternalID = id
		u.Values[user.Email] = user.Text(email)
		return u
	}
	tests := map[string]struct {
		read      func(*Sieve)
		again     bool
		concerned []int64
	}{
		"all-as-before":                     {func(s *Sieve) { s.Record("E1", 7); s.Record("E2", 7) }, false, nil},
		"one-changed":                       {func(s *Sieve) { s.Record("E1", 7); s.Record("E2", 8); s.Claim(claims("E2", "bo@example.com")) }, false, []int64{2}},
		"one-missing":                       {func(s *Sieve) { s.Record("E1", 7) }, false, []int64{2}},
		"twice":                             {func(s *Sieve) { s.Record("E1", 7); s.Record("E2", 7); s.Record("E1", 7) }, true, []int64{1}},
		"rejected-after-it-was-passed-over": {func(s *Sieve) { s.Record("E1", 7); s.Record("E2", 7); s.Reject("E1") }, true, []int64{1}},
		"skimmed":                           {func(s *Sieve) { s.Skimmed(1, 3) }, false, nil},
		"skimmed-twice":                     {func(s *Sieve) { s.Skimmed(1, 3); s.Skimmed(1, 2) }, true, []int64{1}},
		"skimmed-after-it-was-passed-over":  {func(s *Sieve) { s.Record("E1", 7); s.Skimmed(1, 3) }, true, []int64{1}},
		"skimmed-after-it-was-changed":      {func(s *Sieve) { s.Record("E1", 8); s.Skimmed(1, 3) }, true, []int64{1}},
		"skimmed-and-then-otherwise":        {func(s *Sieve) { s.Skimmed(1, 3); s.Record("E1", 8) }, true, []int64{1}},
		"rejected-before":                   {func(s *Sieve) { s.Reject("E1"); s.Record("E2", 7); s.Record("E1", 7) }, false, []int64{1}},
		"another-wants-the-e-mail":          {func(s *Sieve) { s.Record("E1", 7); s.Record("E2", 7); s.Claim(claims("E3", "ANN@example.com")) }, true, []int64{1}},
		"nobody-rejected":                   {func(s *Sieve) { s.Record("E1", 7); s.Record("E2", 7); s.Reject("") }, false, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := NewSieve(rows)
			s.AllAsBefore()
			s.Restart()
			test.read(s)
			if again, err := s.Again(t.Context()); again != test.again || err != nil {
				t.Errorf("Again: %v, %v", again, err)
			}
			if concerned := s.Concerned(); !slices.Equal(concerned, test.concerned) {
				t.Errorf("concerned: %v, want %v", concerned, test.concerned)
			}
			if test.again {
				s.Restart()
				if s.Record("E1", 7) {
					t.Error("the second read passes E1 over once more")
				}
			}
		})
	}
}

// Where nobody can tell who claims a login or an e-mail, nobody is passed over for good.
func TestSieveCannotTell(t *testing.T) {
	rows := agreed{{}, {Digests: Digests{Key: KeyOf("E1"), Record: 7}}}
	s := NewSieve(broken{rows})
	s.AllAsBefore()
	s.Restart()
	s.Record("E1", 7)
	if again, err := s.Again(t.Context()); again || err != nil {
		t.Errorf("nothing is claimed, and yet: %v, %v", again, err)
	}
	s.Claim(user.User{ExternalID: "E2"})
	if _, err := s.Again(t.Context()); err == nil {
		t.Error("the error was lost")
	}
}
