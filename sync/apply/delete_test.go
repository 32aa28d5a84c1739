package apply

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

func TestDelete(t *testing.T) {
	ann := person(1, "E1")
	for _, test := range []struct {
		name    string
		arrange func(*scriptedService)
		script  func(string, string, int) fault
		want    state.Ending
		words   string
		gone    bool
		sent    int
	}{
		{"deleted-and-gone", nil, nil, state.DoneApplied, "", true, 1},
		{"gone-before", func(s *scriptedService) { delete(s.accounts, 1) }, nil, state.DoneApplied, "gone already", true, 0},
		{"answered-and-still-there", nil, once("delete", 1, fault{lies: true}), state.DoneUnknown, "still there", false, 1},
		{"lost-answer-and-gone", nil, once("delete", 1, fault{lost: true}), state.DoneApplied, "", true, 1},
		{"lost-and-still-there", nil, once("delete", 1, fault{never: true}), state.DoneUnknown, "in doubt", false, 1},
		{"refused", nil, once("delete", 1, fault{err: kind(account.Forbidden)}), state.DoneFailed, "forbidden", false, 1},
		{"not-found-is-no-proof", nil, once("delete", 1, fault{err: kind(account.NotFound)}), state.DoneFailed, "not found", false, 1},
		{"tag-lost", changed(user.Tags, "web"), nil, state.DoneSkipped, "isn't ours any more", false, 0},
		{"external-id-moved", renamed("E9"), nil, state.DoneSkipped, "isn't ours any more", false, 0},
		{"look-up-before-fails", nil, once("find", 1, fault{err: errLost}), state.DoneFailed, "not sent", false, 0},
		{"look-up-after-fails", nil, once("find", 2, fault{err: errLost}), state.DoneUnknown, "look-up failed", true, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(ann)
				s.service.script = test.script
				if test.arrange != nil {
					test.arrange(s.service)
				}
				outcomes, err := s.apply(t, remove(ann))
				got := outcomes["E1"]
				if err != nil || got.Ending != test.want || !strings.Contains(got.Words, test.words) {
					t.Errorf("%v: %s %q, want %s %q", err, got.Ending, got.Words, test.want, test.words)
				}
				if _, there := s.service.accounts[1]; there == test.gone {
					t.Errorf("the account is there: %v", there)
				}
				if len(s.service.log) != test.sent {
					t.Errorf("sent %v, want %d", s.service.log, test.sent)
				}
			})
		})
	}
}

// slowDeletes lets each delete take 100 ms more.
func slowDeletes(call, _ string, _ int) fault {
	if call == "delete" {
		return fault{during: func() { time.Sleep(100 * time.Millisecond) }}
	}
	return fault{}
}

func TestDeleteLooksAgainInALongGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts, deletes := persons(100)
		s := newStage(accounts...)
		s.workers = 1
		s.service.script = both(func(call, externalID string, _ int) fault {
			if call == "delete" && externalID == "E0030" {
				return fault{during: func() { s.service.change(100, user.Tags, "rescued") }}
			}
			return fault{}
		}, slowDeletes)
		outcomes, err := s.apply(t, deletes...)
		if got := outcomes["E0099"]; err != nil || got.Ending != state.DoneSkipped || len(s.service.accounts) != 1 {
			t.Errorf("%v: %s %q, %d accounts left", err, got.Ending, got.Words, len(s.service.accounts))
		}
		if n := count(outcomes)[state.DoneApplied]; n != 99 {
			t.Errorf("%d deleted", n)
		}
		if n := s.service.count["find "]; n > 13 { // one a second, and the last
			t.Errorf("%d look-ups in 11 s", n)
		}
	})
}

// watchedService notes how old the look-up of an account is when its delete is sent.
type watchedService struct {
	*scriptedService
	looked map[int64]time.Time
	ages   []time.Duration
}

func (w *watchedService) Find(ctx context.Context, key account.Key, values []string) ([]account.Account, error) {
	asked := time.Now()
	found, err := w.scriptedService.Find(ctx, key, values)
	for _, a := range found {
		w.looked[a.ID] = asked
	}
	return found, err
}

func (w *watchedService) Delete(ctx context.Context, known account.Account) error {
	w.ages = append(w.ages, time.Since(w.looked[known.ID]))
	return w.scriptedService.Delete(ctx, known)
}

func TestEveryDeleteIsSentOnAFreshLookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts, deletes := persons(60)
		s := newStage(accounts...)
		s.service.script = slowDeletes
		watched := &watchedService{scriptedService: s.service, looked: map[int64]time.Time{}}
		a := &Applier{Service: watched, Journal: s.journal, Run: 1, OwnerTag: "staff", Workers: 1}
		if err := a.Apply(t.Context(), nil, deletes); err != nil || len(watched.ages) != 60 {
			t.Errorf("%v, %d deletes", err, len(watched.ages))
		}
		if oldest := slices.Max(watched.ages); oldest > time.Second {
			t.Errorf("a delete was sent %s after its look-up", oldest)
		}
	})
}

func TestLookUpThatFailsAmidDeletes(t *testing.T) {
	for _, test := range []struct {
		kind account.Kind
		rest state.Ending
	}{{account.Ambiguous, state.DoneFailed}, {account.Unavailable, state.NotAttempted}} {
		t.Run(test.kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				accounts, deletes := persons(30)
				s := newStage(accounts...)
				s.workers = 1
				s.service.script = both(slowDeletes, once("find", 2, fault{err: kind(test.kind)}))
				outcomes, err := s.apply(t, deletes...)
				n := count(outcomes)
				if n[state.DoneApplied] != 10 || n[test.rest] != 20 || len(s.service.log) != 10 {
					t.Errorf("%v: %v, %d sent", err, n, len(s.service.log))
				}
			})
		})
	}
}

// A look-up that shows a delete only a moment after it was answered is waited for.
func TestDeleteThatIsShownLate(t *testing.T) {
	for after, want := range map[time.Duration]state.Ending{2 * time.Second: state.DoneApplied, time.Minute: state.DoneUnknown} {
		t.Run(after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ann := person(1, "E1")
				s := newStage(ann)
				s.service.script = once("delete", 1, fault{lies: true, during: func() {
					time.AfterFunc(after, func() {
						s.service.mu.Lock()
						defer s.service.mu.Unlock()
						delete(s.service.accounts, 1)
					})
				}})
				outcomes, err := s.apply(t, remove(ann))
				if got := outcomes["E1"]; err != nil || got.Ending != want {
					t.Errorf("%v: %s %q, want %s", err, got.Ending, got.Words, want)
				}
				if n := len(s.service.log); n != 1 {
					t.Errorf("%d deletes were sent", n)
				}
			})
		})
	}
}
