package reconcile

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/spool"
	"cubesync/sync/user"
)

// slowFinder answers when nobody has anything else left to do.
type slowFinder struct {
	account.Service
	has     []account.Account
	planned func() int

	meanwhile int // planned when the first look-up was answered
}

func (s *slowFinder) Find(_ context.Context, key account.Key, _ []string) ([]account.Account, error) {
	synctest.Wait()
	if s.meanwhile == 0 {
		s.meanwhile = s.planned()
	}
	if key == account.ByEmail {
		return s.has, nil
	}
	return nil, nil
}

// newcomers is a source of so many people whom nobody knows.
func newcomers(t *testing.T, r *run, count int) *source {
	t.Helper()
	s := &source{users: spool.NewUsers(r.StateDir), crowd: &plan.Crowd{}, verdict: record.Verdict{Completeness: record.Proven}}
	for i := range count {
		u := user.User{ExternalID: fmt.Sprint(i)}
		u.Values[user.Email] = user.Text(u.ExternalID + "@example.com")
		s.crowd.Record(&u)
		if err := s.users.Add(&plan.Desired{User: u}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// Newcomers are planned while they are looked up; whoever is found is planned with all others after all.
func TestNewcomersArePlannedMeanwhile(t *testing.T) {
	const all = 50
	stranger := account.Account{ID: 1, ExternalID: "x"}
	stranger.Values[user.Email] = user.Text("7@example.com")
	for name, has := range map[string][]account.Account{"nobody-is-found": nil, "one-is-found": {stranger}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				finder := &slowFinder{has: has}
				r := (&Pipeline{Service: finder, Workers: 1, StateDir: t.TempDir(), Policy: plan.Policy{OwnerTag: "staff"}}).newRun(nil, Order{})
				finder.planned = func() int {
					if r.aside == nil {
						return 0
					}
					return r.aside.Len()
				}
				s := newcomers(t, r, all)
				defer s.users.Close()
				others, err := r.planAll(t.Context(), s, nil, plan.Input{
					Observed: none[account.Account](), Known: none[plan.Known](), Policy: r.Policy,
				})
				if err != nil {
					t.Fatal(err)
				}
				if finder.meanwhile != all {
					t.Errorf("while they were looked up, %d of %d newcomers were planned", finder.meanwhile, all)
				}
				if n := r.Plan.Count(plan.Create); n != all-len(has) || len(others) != len(has) || len(r.Plan.Rejects) != len(has) {
					t.Errorf("%d sign-ups, %d others, %d rejects", n, len(others), len(r.Plan.Rejects))
				}
			})
		})
	}
}

// A stop doesn't wait until a million newcomers are planned.
func TestStopEndsThePlanningOfNewcomers(t *testing.T) {
	r := (&Pipeline{Service: &slowFinder{}, Workers: 1, StateDir: t.TempDir(), Policy: plan.Policy{OwnerTag: "staff"}}).newRun(nil, Order{})
	s := newcomers(t, r, 50)
	defer s.users.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.planAll(ctx, s, nil, plan.Input{Observed: none[account.Account](), Known: none[plan.Known](), Policy: r.Policy})
	if !errors.Is(err, context.Canceled) || r.aside.Len() != 0 {
		t.Errorf("%d were planned, and then: %v", r.aside.Len(), err)
	}
}

func none[T any]() iter.Seq[T] { return func(func(T) bool) {} }
