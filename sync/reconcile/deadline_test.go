package reconcile_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/reconcile"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// slowService takes its time with each sign-up and with the list.
type slowService struct {
	account.Service
	list, create time.Duration
}

func (s slowService) List(ctx context.Context, tag string, yield func(account.Account) error) error {
	if err := wait(ctx, s.list); err != nil {
		return err
	}
	return s.Service.List(ctx, tag, yield)
}

func (s slowService) Create(ctx context.Context, u user.User, password string) (account.Account, error) {
	if err := wait(ctx, s.create); err != nil {
		return account.Account{}, &account.Error{Kind: account.Ambiguous, Call: "sign up", Words: err.Error()}
	}
	return s.Service.Create(ctx, u, password)
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// slowSource takes its time before the first record.
type slowSource struct {
	record.Source
	takes time.Duration
}

func (s slowSource) Open(ctx context.Context) (record.Reader, error) {
	if err := wait(ctx, s.takes); err != nil {
		return nil, err
	}
	return s.Source.Open(ctx)
}

func TestDeadline(t *testing.T) {
	for _, test := range []struct {
		name               string
		read, list, create time.Duration
		max                time.Duration
		stop               time.Duration // 0: never
		status             state.Status
		writes             int64 // of 40, by 4 workers
		within             time.Duration
	}{
		{"none", time.Hour, time.Hour, time.Hour, 0, 0, state.Applied, 40, 12*time.Hour + time.Minute},
		{"not-reached", 0, 0, time.Second, time.Minute, 0, state.Applied, 40, 11 * time.Second},
		{"while-it-reads", time.Hour, 0, 0, time.Minute, 0, state.Late, 0, time.Minute},
		{"while-it-lists", 0, time.Hour, 0, time.Minute, 0, state.Late, 0, time.Minute},
		{"while-it-applies", 0, 0, 2 * time.Second, 5 * time.Second, 0, state.Late, 12, 7 * time.Second},
		{"counts-from-the-start", 2 * time.Second, 2 * time.Second, 2 * time.Second, 5 * time.Second, 0, state.Late, 4, 7 * time.Second},
		{"drains-a-minute-at-most", 0, 0, time.Hour, 5 * time.Second, 0, state.Late, 0, 65 * time.Second},
		{"stopped-before", 0, 0, 2 * time.Second, 5 * time.Second, 3 * time.Second, state.Interrupted, 8, 5 * time.Second},
		{"stopped-after", 0, 0, 4 * time.Second, 5 * time.Second, 6 * time.Second, state.Late, 8, 9 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, t.TempDir())
				defer func() { _ = w.server.Close() }()
				defer func() { _ = w.client.Close(t.Context()) }()
				w.source.persons = staff(40)
				fast, source := w.Service, w.Source
				w.Service, w.Source = slowService{fast, test.list, test.create}, slowSource{source, test.read}
				w.MaxDuration = test.max
				order := reconcile.Order{Stop: make(chan struct{})}
				if test.stop > 0 {
					stop := make(chan struct{})
					order.Stop = stop
					time.AfterFunc(test.stop, func() { close(stop) })
				}
				began := time.Now()
				result := w.order(t, order)
				if took := time.Since(began); took > test.within+500*time.Millisecond {
					t.Errorf("it took %s", took)
				}
				wantStatus(t, result, test.status)
				if n := w.writes(); n != test.writes {
					t.Errorf("%d writes, want %d", n, test.writes)
				}
				tally := result.Run.Tally
				if test.status != state.Applied && tally.NotAttempted+tally.Unknown != tally.Read-int(test.writes) {
					t.Errorf("%+v", tally)
				}
				w.Service, w.Source, w.MaxDuration = fast, source, 0
				wantStatus(t, w.sync(t), state.Applied)
				if n := w.writes(); n != 40 {
					t.Errorf("%d writes in both runs", n)
				}
			})
		})
	}
}

// A saved plan has its deadline too, and can be taken up again.
func TestDeadlineOfASavedPlan(t *testing.T) {
	for name, hold := range map[string]bool{"aside": false, "held": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { deadlineOfASavedPlan(t, hold) })
		})
	}
}

func deadlineOfASavedPlan(t *testing.T, hold bool) {
	w := newWorld(t, t.TempDir())
	defer func() { _ = w.server.Close() }()
	defer func() { _ = w.client.Close(t.Context()) }()
	w.source.persons = staff(40)
	file := w.save(t)
	apply := func() *reconcile.Result {
		again := reread(t, file)
		if again.Plan.SignUps == nil || again.Plan.SignUps.Count != 40 {
			t.Fatalf("aside are %+v", again.Plan.SignUps)
		}
		if hold {
			if err := again.Plan.Hold(); err != nil {
				t.Fatal(err)
			}
		}
		return w.apply(t, again)
	}
	fast := w.Service
	w.Service, w.MaxDuration = slowService{fast, 0, 2 * time.Second}, 5*time.Second
	late := apply()
	wantStatus(t, late, state.Late)
	w.Service, w.MaxDuration = fast, 0
	again := apply()
	wantStatus(t, again, state.Applied)
	if tally := again.Run.Tally; late.Run.Tally.Applied == 0 || tally.Skipped > 0 || tally.Unchanged != late.Run.Tally.Applied {
		t.Errorf("first %+v, then %+v", late.Run.Tally, tally)
	}
	if n := w.writes(); n != 40 {
		t.Errorf("%d writes in both runs", n)
	}
}
