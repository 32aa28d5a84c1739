package connectycube

import (
	"context"
	"net/http"
	"sync/atomic"
)

// token makes calls as the shared session: the session is made on first need, and renewed once for all callers,
// shortly before it expires or when the service no longer knows it. A call that was refused with 401 is repeated
// once. Calls that bring a credential of their own, or none, pass untouched.
type token struct {
	next sender
	open func(ctx context.Context) (*session, error)

	current  atomic.Pointer[session]
	turn     turn          // of the one who makes the session
	attempts atomic.Uint64 // at making one; written by the one whose turn it is
	failure  error         // of the last attempt; belongs to the one whose turn it is
}

func newToken(next sender, open func(ctx context.Context) (*session, error)) *token {
	return &token{next: next, open: open, turn: newTurn()}
}

func (t *token) send(ctx context.Context, c *call) (*answer, error) {
	if !c.shared {
		return t.next.send(ctx, c)
	}
	s, err := t.session(ctx, nil)
	if err != nil {
		return nil, err
	}
	got, err := t.sendAs(ctx, c, s)
	if err != nil || got.status != http.StatusUnauthorized {
		return got, err
	}
	if s, err = t.session(ctx, s); err != nil {
		return nil, err
	}
	return t.sendAs(ctx, c, s)
}

func (t *token) sendAs(ctx context.Context, c *call, s *session) (*answer, error) {
	c.pass = s.pass()
	got, err := t.next.send(ctx, c)
	if err == nil && got.status != http.StatusUnauthorized {
		s.prolong(got)
	}
	return got, err
}

// session returns the shared session, and never the dead one. Who waited while an attempt failed shares its failure:
// otherwise each of them would try in turn, and an endpoint that is down would take them all many times as long.
func (t *token) session(ctx context.Context, dead *session) (*session, error) {
	if s := t.usable(dead); s != nil {
		return s, nil
	}
	before := t.attempts.Load()
	if err := t.turn.enter(ctx); err != nil {
		return nil, &unsentError{err}
	}
	defer t.turn.leave()
	if s := t.usable(dead); s != nil {
		return s, nil
	}
	if t.attempts.Load() != before && t.failure != nil {
		return nil, t.failure
	}
	s, err := t.open(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, err // given up by this caller: the others try for themselves
	}
	t.failure = err
	t.attempts.Add(1)
	if err != nil {
		return nil, err
	}
	t.current.Store(s)
	return s, nil
}

func (t *token) usable(dead *session) *session {
	if s := t.current.Load(); s != nil && s != dead && !s.expiring() {
		return s
	}
	return nil
}

// forget returns the shared session, if there is one, and uses it no longer.
func (t *token) forget() *session { return t.current.Swap(nil) }
