package apply

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// once scripts one fault, at the nth call of a kind about E1 (for a find: at the nth at all).
func once(call string, n int, f fault) func(string, string, int) fault {
	return func(c, _ string, i int) fault {
		if c == call && i == n {
			return f
		}
		return fault{}
	}
}

func always(call string, f fault) func(string, string, int) fault {
	return func(c, _ string, _ int) fault {
		if c == call {
			return f
		}
		return fault{}
	}
}

func both(scripts ...func(string, string, int) fault) func(string, string, int) fault {
	return func(call, externalID string, n int) fault {
		for _, script := range scripts {
			if f := script(call, externalID, n); !f.none() {
				return f
			}
		}
		return fault{}
	}
}

func TestCreate(t *testing.T) {
	stranger := with(person(5, ""), user.Login, "login-E1")
	for _, test := range []struct {
		name     string
		accounts []account.Account
		script   func(string, string, int) fault
		want     state.Ending
		words    string // contained in the outcome's
		made     int    // accounts with the external ID afterwards
		writes   int    // sign-ups that were sent
	}{
		{"signed-up", nil, nil, state.DoneApplied, "", 1, 1},
		{"lost-answer-after-commit", nil, once("create", 1, fault{lost: true}), state.DoneApplied, "", 1, 1},
		{"lost-before-commit-is-repeated", nil, once("create", 1, fault{never: true}), state.DoneApplied, "", 1, 2},
		{"late-commit", nil, once("create", 1, fault{late: 100 * time.Millisecond}), state.DoneApplied, "", 1, 2},
		{"commit-after-the-last-try", nil, always("create", fault{late: time.Hour}), state.DoneUnknown, "in doubt", 0, 4},
		{
			"list-lag-never-makes-a-second", nil, both(once("create", 1, fault{lost: true}), always("find", fault{hidden: true})),
			state.DoneUnknown, "in doubt", 1, 4,
		},
		{"stranger-holds-the-login", []account.Account{stranger}, nil, state.DoneFailed, "login has already been taken; account 5 holds", 0, 1},
		{"stranger-in-doubt", []account.Account{stranger}, once("create", 1, fault{never: true}), state.DoneFailed, "account 5 holds", 0, 1},
		{"conflict-that-no-look-up-explains", nil, always("create", fault{err: &account.Error{Kind: account.Conflict, Words: "phone is taken"}}), state.DoneFailed, "phone is taken", 0, 1},
		{"refused", nil, once("create", 1, fault{err: invalid("login: is too short")}), state.DoneFailed, "login: is too short", 0, 1},
		{"refused-after-doubt", nil, both(once("create", 1, fault{never: true}), once("create", 2, fault{err: invalid("no")})), state.DoneUnknown, "no", 0, 2},
		{
			"refused-after-doubt-while-look-ups-lag", nil,
			both(once("create", 1, fault{lost: true}), once("create", 2, fault{err: invalid("no")}), always("find", fault{hidden: true})), state.DoneUnknown, "no", 1, 2,
		},
		{
			"refused-after-doubt-yet-made", nil, both(once("create", 1, fault{lost: true}), once("create", 2, fault{err: invalid("existiert bereits")}), once("find", 1, fault{hidden: true}),
				once("find", 2, fault{hidden: true})), state.DoneApplied, "", 1, 2,
		},
		{
			"refused-after-doubt-and-the-look-up-fails", nil, both(once("create", 1, fault{never: true}), once("create", 2, fault{err: invalid("existiert bereits")}),
				once("find", 3, fault{err: errLost})), state.DoneUnknown, "look-up failed", 0, 2,
		},
		{
			"same-external-id-without-our-tag", []account.Account{with(with(person(5, "E1"), user.Tags, "web"), user.Login, "login-E1")}, nil,
			state.DoneFailed, "account 5 holds", 1, 1,
		},
		{"look-up-fails", nil, both(once("create", 1, fault{lost: true}), once("find", 1, fault{err: kind(account.Invalid)})), state.DoneUnknown, "look-up failed", 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(test.accounts...)
				s.service.script = test.script
				outcomes, err := s.apply(t, signUp("E1"))
				got := outcomes["E1"]
				if err != nil || got.Ending != test.want || !strings.Contains(got.Words, test.words) {
					t.Errorf("%v: %s %q, want %s %q", err, got.Ending, got.Words, test.want, test.words)
				}
				if made := s.service.of("E1"); len(made) != test.made {
					t.Errorf("%d accounts, want %d: %v", len(made), test.made, made)
				}
				if len(s.service.log) != test.writes {
					t.Errorf("%d sign-ups were sent, want %d", len(s.service.log), test.writes)
				}
				if got.Ending == state.DoneApplied && (got.Account == nil || got.Account.ExternalID != "E1") {
					t.Errorf("the outcome has no account: %+v", got.Account)
				}
				if (got.Ending == state.DoneFailed) != got.Refused {
					t.Errorf("%s, refused: %v", got.Ending, got.Refused)
				}
			})
		})
	}
}

// Whoever was signed up by a try after one in doubt, or wasn't although one is in doubt, may be signed up by that one yet.
func TestSignUpThatMayStillBeCarriedOut(t *testing.T) {
	stranger := []account.Account{with(with(person(5, "E1"), user.Tags, "web"), user.Login, "another")}
	for name, test := range map[string]struct {
		accounts []account.Account
		script   func(string, string, int) fault
		ending   state.Ending
		want     bool
	}{
		"answered":            {nil, nil, state.DoneApplied, false},
		"found":               {nil, once("create", 1, fault{lost: true}), state.DoneApplied, false},
		"answered-second":     {nil, once("create", 1, fault{late: time.Hour}), state.DoneApplied, true},
		"found-after-two":     {nil, both(once("create", 1, fault{late: time.Hour}), once("create", 2, fault{lost: true})), state.DoneApplied, true},
		"refused":             {nil, once("create", 1, fault{err: invalid("no")}), state.DoneFailed, false},
		"taken":               {stranger, once("create", 1, fault{err: kind(account.Conflict)}), state.DoneFailed, false},
		"taken-after-one":     {stranger, once("create", 1, fault{late: time.Hour}), state.DoneFailed, true},
		"taken-between-tries": {stranger, both(once("create", 1, fault{late: time.Hour}), once("find", 1, fault{hidden: true}), once("find", 2, fault{hidden: true}), once("create", 2, fault{err: kind(account.Conflict)})), state.DoneFailed, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(test.accounts...)
				s.service.script = test.script
				outcomes, err := s.apply(t, signUp("E1"))
				if got := outcomes["E1"]; err != nil || got.Ending != test.ending || got.Late != test.want {
					t.Errorf("%s %q, may still be carried out: %t, want %s and %t; %v", got.Ending, got.Words, got.Late, test.ending, test.want, err)
				}
			})
		})
	}
}

// An adoption that isn't repeated, as the account has moved meanwhile, may still be carried out as it was sent: it is in doubt.
func TestAdoptionThatMayStillBeCarriedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := ""
		stray := with(with(person(1, ""), user.Tags, "web"), user.Email, "ann@example.com")
		adopt := plan.Operation{Kind: plan.Adopt, ExternalID: "E1", AccountID: 1, Account: &stray, ExternalIDBefore: &before,
			Changes: []plan.Change{{Field: user.Tags, Before: "web", After: "staff,web"}}}
		s := newStage(stray)
		s.service.script = both(once("update", 1, fault{late: time.Hour}), once("update", 2, fault{during: func() {
			s.service.mu.Lock()
			defer s.service.mu.Unlock()
			s.service.accounts[1] = with(stray, user.Email, "another@example.com")
		}}))
		outcomes, err := s.apply(t, adopt)
		if got := outcomes["E1"]; err != nil || got.Ending != state.DoneUnknown || !strings.Contains(got.Words, "has another email now") {
			t.Errorf("%s %q; %v", got.Ending, got.Words, err)
		}
	})
}

func TestCreateWithoutLoginIsNeverRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.service.script = always("create", fault{late: time.Minute})
		op := plan.Operation{Kind: plan.Create, ExternalID: "E1", Changes: []plan.Change{{Field: user.Tags, After: "staff"}}}
		outcomes, _ := s.apply(t, op)
		time.Sleep(time.Hour)
		if made := s.service.of("E1"); len(made) != 1 || outcomes["E1"].Ending != state.DoneUnknown {
			t.Errorf("%d accounts, %s", len(made), outcomes["E1"].Ending)
		}
	})
}

func TestCreateWithoutPasswordIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		var outcome state.Outcome
		a := &Applier{
			Service: s.service, Journal: s.journal, OwnerTag: "staff", Workers: 1,
			Password: func(string) (string, error) { return "", invalid("no secret") },
			Observe:  func(o state.Outcome) { outcome = o },
		}
		if err := a.Apply(t.Context(), nil, []plan.Operation{signUp("E1")}); err != nil {
			t.Fatal(err)
		}
		if outcome.Ending != state.DoneFailed || outcome.Refused || len(s.service.log) > 0 {
			t.Errorf("%s, refused: %v, sent: %v", outcome.Ending, outcome.Refused, s.service.log)
		}
	})
}

func TestUpdate(t *testing.T) {
	ann := with(with(person(1, "E1"), user.Email, "ann@example.com"), user.CustomData, `{"theirs":1}`)
	toNew := change(ann, user.Email, "new@example.com")
	for _, test := range []struct {
		name    string
		op      plan.Operation
		arrange func(*scriptedService)
		script  func(string, string, int) fault
		want    state.Ending
		words   string
		field   user.Field
		value   string // of the field afterwards
	}{
		{"written", toNew, nil, nil, state.DoneApplied, "", user.Email, "new@example.com"},
		{"written-by-somebody-else-already", toNew, changed(user.Email, "NEW@example.com"), nil, state.DoneApplied, "", user.Email, "NEW@example.com"},
		{"only-case-moved", toNew, changed(user.Email, "Ann@example.com"), nil, state.DoneApplied, "", user.Email, "new@example.com"},
		{"value-moved", toNew, changed(user.Email, "ann@home.example"), nil, state.DoneSkipped, `email is "ann@home.example" now`, user.Email, "ann@home.example"},
		{"other-value-moved", toNew, changed(user.FullName, "Anna"), nil, state.DoneApplied, "", user.Email, "new@example.com"},
		{"tag-lost", toNew, changed(user.Tags, "web"), nil, state.DoneSkipped, "lost the tag", user.Email, "ann@example.com"},
		{"external-id-moved", toNew, renamed("E9"), nil, state.DoneSkipped, `has the external ID "E9" now`, user.Email, "ann@example.com"},
		{"account-gone", toNew, func(s *scriptedService) { delete(s.accounts, 1) }, nil, state.DoneFailed, "Couldn't find user", user.Email, ""},
		{"tags-merged", change(ann, user.Tags, "staff,vip"), changed(user.Tags, "beta,staff"), nil, state.DoneApplied, "", user.Tags, "beta,staff,vip"},
		{"tags-full-meanwhile", change(ann, user.Tags, "staff,vip"), changed(user.Tags, "a,b,c,d,staff"), nil, state.DoneSkipped, "tags is", user.Tags, "a,b,c,d,staff"},
		{
			"custom-data-merged", change(ann, user.CustomData, `{"ours":2,"theirs":1}`), changed(user.CustomData, `{"theirs":7,"more":1}`), nil,
			state.DoneApplied, "", user.CustomData, `{"more":1,"ours":2,"theirs":7}`,
		},
		{
			"custom-data-no-object-any-more", change(ann, user.CustomData, `{"ours":2}`), changed(user.CustomData, "hello"), nil,
			state.DoneSkipped, "custom_data is", user.CustomData, "hello",
		},
		{"released", release(ann), nil, nil, state.DoneApplied, "", user.Tags, ""},
		{"released-keeps-new-tags", release(ann), changed(user.Tags, "staff,web"), nil, state.DoneApplied, "", user.Tags, "web"},
		{"released-by-somebody-else-already", release(ann), changed(user.Tags, "web"), nil, state.DoneApplied, "", user.Tags, "web"},
		{"lost-after-commit-is-read-again", toNew, nil, once("update", 1, fault{lost: true}), state.DoneApplied, "", user.Email, "new@example.com"},
		{"lost-before-commit-is-repeated", toNew, nil, once("update", 1, fault{never: true}), state.DoneApplied, "", user.Email, "new@example.com"},
		{
			"refused-after-doubt-yet-written", change(ann, user.Login, "ann.new"), nil,
			both(once("update", 1, fault{lost: true}), once("update", 2, fault{early: kind(account.PasswordNotOurs)})), state.DoneApplied, "", user.Login, "ann.new",
		},
		{
			"refused-after-doubt-and-not-written", toNew, nil,
			both(once("update", 1, fault{never: true}), once("update", 2, fault{early: kind(account.PasswordNotOurs)})),
			state.DoneUnknown, "password not ours", user.Email, "ann@example.com",
		},
		{
			"refused-after-doubt-and-gone", toNew, func(s *scriptedService) { delete(s.accounts, 1) },
			once("update", 1, fault{early: errLost}), state.DoneUnknown, "Couldn't find user", user.Email, "",
		},
		{
			"refused-after-doubt-and-the-look-up-fails", toNew, nil,
			both(once("update", 1, fault{lost: true}), once("update", 2, fault{early: kind(account.PasswordNotOurs)}), always("find", fault{err: errLost})),
			state.DoneUnknown, "look-up failed", user.Email, "new@example.com",
		},
		{
			"in-doubt-and-then-another-value", toNew, func(s *scriptedService) {
				s.keeps = func(_ user.Field, _, sent string) string { return "x-" + sent }
			}, once("update", 1, fault{lost: true}), state.DoneUnknown, `email is "x-new@example.com" now`, user.Email, "x-new@example.com",
		},
		{"always-lost", toNew, nil, always("update", fault{never: true}), state.DoneUnknown, "in doubt", user.Email, "ann@example.com"},
		{"refused", toNew, nil, once("update", 1, fault{err: invalid("email: is not allowed")}), state.DoneFailed, "email: is not allowed", user.Email, "ann@example.com"},
		{"password-not-ours", toNew, nil, always("update", fault{err: kind(account.PasswordNotOurs)}), state.DoneFailed, "password not ours", user.Email, "ann@example.com"},
		{"email-of-another", toNew, func(s *scriptedService) { s.accounts[2] = with(person(2, "E2"), user.Email, "new@example.com") }, nil, state.DoneFailed, "already been taken", user.Email, "ann@example.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(ann)
				s.service.script = test.script
				if test.arrange != nil {
					test.arrange(s.service)
				}
				outcomes, err := s.apply(t, test.op)
				got := outcomes["E1"]
				if err != nil || got.Ending != test.want || !strings.Contains(got.Words, test.words) {
					t.Errorf("%v: %s %q, want %s %q", err, got.Ending, got.Words, test.want, test.words)
				}
				if value := s.service.accounts[1].Values[test.field].Text; value != test.value {
					t.Errorf("%s is %q, want %q", test.field, value, test.value)
				}
				if len(got.Learned) > 0 {
					t.Errorf("learned from a service that keeps what it gets: %+v", got.Learned)
				}
			})
		})
	}
}

func changed(field user.Field, text string) func(*scriptedService) {
	return func(s *scriptedService) { s.change(1, field, text) }
}

func renamed(externalID string) func(*scriptedService) {
	return func(s *scriptedService) {
		a := s.accounts[1]
		a.ExternalID = externalID
		s.accounts[1] = a
	}
}

func TestLostTagIsWrittenWithoutTheTag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bare := with(person(1, "E1"), user.Tags, "web")
		s := newStage(bare)
		op := change(bare, user.Tags, "staff,web")
		op.Reason = plan.LostTag
		outcomes, _ := s.apply(t, op)
		if got := outcomes["E1"]; got.Ending != state.DoneApplied || !s.service.accounts[1].HasTag("staff") {
			t.Errorf("%s %q", got.Ending, got.Words)
		}
	})
}

func TestUnusableInDoubt(t *testing.T) {
	ann := person(1, "E1")
	for _, op := range []plan.Operation{signUp("E2"), change(ann, user.FullName, "Ann")} {
		t.Run(string(op.Kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(ann)
				s.service.script = both(once(string(op.Kind), 1, fault{never: true}), once(string(op.Kind), 2, fault{err: kind(account.Unavailable)}))
				outcomes, err := s.apply(t, op)
				if got := outcomes[op.ExternalID].Ending; got != state.DoneUnknown || account.KindOf(err) != account.Unavailable {
					t.Errorf("%s, %v: the first try may have happened", got, err)
				}
			})
		})
	}
}

func TestWhatAnswersTeach(t *testing.T) {
	ann := with(person(1, "E1"), user.Tags, "staff,web")
	singleSpaces := func(_ user.Field, _, sent string) string { return strings.Join(strings.Fields(sent), " ") }
	ignores := func(ignored user.Field) func(user.Field, string, string) string {
		return func(field user.Field, before, sent string) string {
			if field == ignored {
				return before
			}
			return sent
		}
	}
	name := change(ann, user.FullName, "Ann  Lee")
	for _, test := range []struct {
		name    string
		op      plan.Operation
		keeps   func(user.Field, string, string) string
		script  func(string, string, int) fault
		arrange func(*scriptedService)
		want    []plan.Learned
		ignored int
	}{
		{"normalised", name, singleSpaces, nil, nil, []plan.Learned{{Field: user.FullName, Sent: "Ann  Lee", Got: "Ann Lee"}}, 0},
		{"ignored", name, ignores(user.FullName), nil, nil, []plan.Learned{{Field: user.FullName, Sent: "Ann  Lee", Got: "Name", Ignored: true}}, 1},
		{"normalised-at-sign-up", signUp("E1", name.Changes...), singleSpaces, nil, func(s *scriptedService) { delete(s.accounts, 1) }, []plan.Learned{{Field: user.FullName, Sent: "Ann  Lee", Got: "Ann Lee"}}, 0},
		{
			"ignored-at-sign-up", signUp("E1", plan.Change{Field: user.Website, After: "a.example"}), ignores(user.Website), nil,
			func(s *scriptedService) { delete(s.accounts, 1) }, []plan.Learned{{Field: user.Website, Sent: "a.example", Ignored: true}}, 1,
		},
		{
			"nothing-of-a-look-up", signUp("E1", plan.Change{Field: user.FullName, After: "Ann"}), nil, once("create", 1, fault{lost: true}),
			func(s *scriptedService) {
				s.accounts[1] = with(with(person(1, "E1"), user.FullName, "Anna"), user.Login, "login-E1")
			}, nil, 0,
		},
		{"nothing-of-merged-tags", change(ann, user.Tags, "staff,vip,web"), nil, nil, changed(user.Tags, "beta,staff,web"), nil, 0},
		{"nothing-of-what-was-so-already", name, singleSpaces, nil, changed(user.FullName, "Ann  Lee"), nil, 0},
		{"what-was-sent-not-what-was-planned", change(ann, user.Tags, "staff,vip,web"), ignores(user.Tags), nil, changed(user.Tags, "beta,staff,web"),
			[]plan.Learned{{Field: user.Tags, Sent: "beta,staff,vip,web", Got: "beta,staff,web", Ignored: true}}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(ann)
				s.service.keeps, s.service.script = test.keeps, test.script
				if test.arrange != nil {
					test.arrange(s.service)
				}
				outcomes, _ := s.apply(t, test.op)
				got := outcomes["E1"]
				if got.Ending != state.DoneApplied {
					t.Errorf("%s %q", got.Ending, got.Words)
				}
				if diff := cmp.Diff(test.want, got.Learned); diff != "" || got.Ignored != test.ignored {
					t.Errorf("ignored %d, want %d; learned (-want +got):\n%s", got.Ignored, test.ignored, diff)
				}
				if said := strings.Contains(got.Words, "ignored"); said != (test.ignored > 0) {
					t.Errorf("words: %q", got.Words)
				}
			})
		})
	}
}

func TestReleaseThatIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann := person(1, "E1")
		s := newStage(ann)
		s.service.keeps = func(_ user.Field, before, _ string) string { return before }
		outcomes, err := s.apply(t, release(ann))
		got := outcomes["E1"]
		if err != nil || got.Ending != state.DoneFailed || !got.Refused || !strings.Contains(got.Words, `ignored tags: account 1 still carries "staff"`) {
			t.Errorf("%v: %s, refused %v, %q", err, got.Ending, got.Refused, got.Words)
		}
	})
}

// Every definite refusal is remembered, a lack of permission too: it must not stand in the way of others every night.
func TestWhatIsRemembered(t *testing.T) {
	ann := person(1, "E1")
	for _, k := range []account.Kind{account.Invalid, account.PasswordNotOurs, account.NotFound, account.Forbidden} {
		for _, op := range []plan.Operation{signUp("E1"), change(ann, user.FullName, "Ann"), release(ann), remove(ann)} {
			t.Run(strings.ReplaceAll(k.String(), " ", "-")+"-"+string(op.Kind), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStage(ann)
					call := string(op.Kind)
					if op.Kind == plan.Release {
						call = "update"
					}
					s.service.script = always(call, fault{err: kind(k)})
					outcomes, _ := s.apply(t, op)
					if got := outcomes["E1"]; got.Ending != state.DoneFailed || !got.Refused {
						t.Errorf("%s, refused %v", got.Ending, got.Refused)
					}
				})
			})
		}
	}
}

// notedSignIns notes as whom accounts are updated.
type notedSignIns struct {
	*scriptedService
	logins []string
}

func (s *notedSignIns) Update(ctx context.Context, known account.Account, change func(account.Account) (account.Write, error)) (account.Account, error) {
	s.logins = append(s.logins, known.Values[user.Login].Text)
	return s.scriptedService.Update(ctx, known, change)
}

// An update that may have changed the login is repeated by signing in with the login that the account has by then.
func TestUpdateInDoubtSignsInWithTheLoginOfNow(t *testing.T) {
	for name, test := range map[string]struct {
		fault fault
		again string
	}{"written": {fault{lost: true}, "ann.new"}, "not-written": {fault{never: true}, "ann"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ann := with(person(1, "E1"), user.Login, "ann")
				s := newStage(ann)
				s.service.script = once("update", 1, test.fault)
				service := &notedSignIns{scriptedService: s.service}
				a := &Applier{Service: service, Journal: s.journal, Run: 1, OwnerTag: "staff", Workers: 1}
				if err := a.Apply(t.Context(), nil, []plan.Operation{change(ann, user.Login, "ann.new")}); err != nil {
					t.Fatal(err)
				}
				if want := []string{"ann", test.again}; !slices.Equal(service.logins, want) {
					t.Errorf("signed in with %q, want %q", service.logins, want)
				}
			})
		})
	}
}
