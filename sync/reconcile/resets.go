package reconcile

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// Resets say how e-mails for new passwords are sent to those who were signed up.
type Resets struct {
	Service account.Resets
	Pause   time.Duration // between two of them, besides the service's own limit; 0: none
}

// resets is the phase in which e-mails for new passwords are sent, each at most once.
type resets struct {
	*run
	mu     sync.Mutex
	ended  []state.Outcome
	inVain int // in a row
}

// sendResets sends the e-mails that are due, from this run and earlier ones. Somebody's intent is durable before theirs is
// sent; what a killed run left in doubt is told once, and never sent again.
func (r *run) sendResets(ctx context.Context) {
	if r.Resets == nil || r.Run.Status != state.Applied {
		return
	}
	s := &resets{run: r}
	if err := s.send(ctx); err != nil {
		r.stop(ctx, err)
	}
	slices.SortStableFunc(s.ended, func(a, b state.Outcome) int { return strings.Compare(a.Operation.ExternalID, b.Operation.ExternalID) })
	r.later = append(r.later, s.ended...)
}

func (s *resets) send(ctx context.Context) error {
	doubtful, err := s.store.Resets(ctx, state.ResetTried)
	if err != nil {
		return err
	}
	for _, one := range doubtful {
		if err := s.doubt(ctx, one, "the run that sent it was broken off"); err != nil {
			return err
		}
	}
	due, err := s.store.Resets(ctx, state.ResetDue)
	if err != nil {
		return err
	}
	if s.order.RetryRefused {
		refused, err := s.store.Resets(ctx, state.ResetRefused)
		if err != nil {
			return err
		}
		due = append(due, refused...)
	}
	due = slices.DeleteFunc(due, func(one state.ResetFor) bool {
		if one.Email == "" {
			s.Run.Tally.Resets.Waiting++
		}
		return one.Email == ""
	})
	if len(due) == 0 {
		return nil
	}
	s.order.Progress.Phase("password e-mails", len(due))
	return s.sendAll(ctx, due)
}

func (s *resets) sendAll(ctx context.Context, due []state.ResetFor) error {
	group := errgroup.Group{}
	group.SetLimit(max(1, s.Workers))
	for i, one := range due {
		if i > 0 && s.Resets.Pause > 0 {
			s.pause(ctx)
		}
		if s.halted(ctx) {
			s.mu.Lock()
			s.Run.Tally.Resets.NotAttempted += len(due) - i
			s.mu.Unlock()
			break
		}
		group.Go(func() error { return s.one(ctx, one) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if s.stopped(ctx) {
		return context.Canceled
	}
	return nil
}

// pause waits until the next one may be sent, or until none may.
func (s *resets) pause(ctx context.Context) {
	next := time.NewTimer(s.Resets.Pause)
	defer next.Stop()
	select {
	case <-next.C:
	case <-s.order.Stop:
	case <-ctx.Done():
	}
}

// halted reports whether no more may be sent.
func (s *resets) halted(ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped(ctx) || s.inVain >= resetsInVain
}

// resetsInVain is after how many e-mails in a row that the service couldn't send no more are asked for.
const resetsInVain = 10

// one sends one e-mail. An error means that the state can't be written.
func (s *resets) one(ctx context.Context, to state.ResetFor) error {
	if err := s.store.SetReset(ctx, to.ExternalID, state.Reset{State: state.ResetTried, Run: s.Run.ID}); err != nil {
		return err
	}
	err := s.Resets.Service.ResetPassword(ctx, to.Email)
	kind := account.KindOf(err)
	s.mu.Lock()
	if err != nil && (kind.Unusable() || kind == account.Forbidden || kind == account.Ambiguous) {
		s.inVain++
	} else {
		s.inVain = 0
	}
	s.mu.Unlock()
	switch {
	case err == nil:
		s.end(to, state.DoneApplied, "")
		return s.now(ctx, to, state.ResetSent)
	case kind == account.Ambiguous:
		return s.doubt(ctx, to, err.Error())
	case kind.Unusable(), kind == account.Forbidden: // nothing was sent, and it isn't about this user
		s.end(to, state.DoneFailed, err.Error()+"; the next run tries again")
		return s.now(ctx, to, state.ResetDue)
	default:
		s.end(to, state.DoneFailed, err.Error())
		return s.now(ctx, to, state.ResetRefused)
	}
}

// doubt tells that an e-mail may have been sent.
func (s *resets) doubt(ctx context.Context, to state.ResetFor, why string) error {
	s.end(to, state.DoneUnknown, why+"; it may have been sent, so it isn't sent again")
	return s.now(ctx, to, state.ResetInDoubt)
}

// now writes down how far an e-mail is.
func (s *resets) now(ctx context.Context, to state.ResetFor, is state.ResetState) error {
	return s.store.SetReset(context.WithoutCancel(ctx), to.ExternalID, state.Reset{State: is, Run: s.Run.ID})
}

// end takes in how an e-mail ended.
func (s *resets) end(to state.ResetFor, ending state.Ending, words string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Run.Tally.Resets.Count(ending)
	s.order.Progress.Step(1)
	if ending != state.DoneApplied {
		s.ended = append(s.ended, state.Outcome{
			Operation: plan.Operation{Kind: plan.Create, ExternalID: to.ExternalID, AccountID: to.AccountID},
			Ending:    ending, Words: "password e-mail: " + words,
		})
	}
}
