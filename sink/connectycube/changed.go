package connectycube

import (
	"context"
	"fmt"
	"strings"
	"time"

	"cubesync/sync/account"
)

// changes are the accounts that carry a tag and were changed at a moment or later. Everybody who is changed joins them,
// on a busy day all the time, and only who loses the tag or is deleted leaves them. So the list may grow while it is
// read: who joins behind the reader is the next call's.
type changes struct {
	*walk[account.Account]
	tagged  filter
	since   time.Time
	counted int  // who carry the tag
	coarse  bool // the server compares moments, but not by the second
}

// listChanged yields the accounts with the tag that were changed since, perhaps among others with the tag, and returns
// how many carry it. It lists them all where the server can't be asked for changes.
func (c *Client) listChanged(ctx context.Context, tag string, since time.Time, yield func(account.Account) error) (int, error) {
	tagged := carriers(tag)
	l := &changes{walk: c.accounts("list changed users", listCall, tagged, yield), tagged: tagged, since: since.Truncate(time.Second)}
	err := c.edition.read(ctx, c, tagged, l.pages, func(ctx context.Context) error { return l.everybody(ctx, l.oldPages) })
	return l.counted, err
}

func (l *changes) pages(ctx context.Context) error {
	if l.since.IsZero() {
		return l.everybody(ctx, l.walk.pages)
	}
	l.grows, l.also = true, l.wasChanged
	err := l.unmoved(ctx, l.once)
	if account.KindOf(err) == account.Invalid && l.last == 0 { // the reader has got nobody yet
		return l.everybody(ctx, l.walk.pages)
	}
	return err
}

// everybody reads all who carry the tag.
func (l *changes) everybody(ctx context.Context, read func(context.Context) error) error {
	l.what, l.grows, l.also = l.tagged, false, nil
	err := read(ctx)
	l.counted = l.total
	return err
}

// once counts and then lists. So whoever signs up in between is listed and not counted: the total falls short, as it
// does where somebody was deleted, and the caller takes notice. The other way round a sign-up in between would be
// counted in the place of a deletion, and nobody would notice either.
func (l *changes) once(ctx context.Context) error {
	counted, err := l.ask(ctx, l.tagged.v2, 0, 1)
	if err != nil {
		return err
	}
	if (counted.total == 0) != (len(counted.items) == 0) {
		return &movedError{fmt.Sprintf("of %d users it showed %d", counted.total, len(counted.items))}
	}
	for _, a := range counted.items {
		if err := l.fits(ctx, a); err != nil {
			return err
		}
	}
	l.counted = counted.total
	l.what.v2 = l.tagged.v2 + notBefore(l.since)
	return l.walk.once(ctx)
}

func notBefore(moment time.Time) string {
	return "&" + strings.Join(FieldUpdatedAt.NotBefore(moment).term().terms(), "&")
}

// wasChanged checks that the server heeds the moment. Where it lists as many as carry the tag, it needn't: that is
// everybody. Where it lists nobody for a moment to come, it does, though in a way of its own, by the day perhaps.
func (l *changes) wasChanged(ctx context.Context, a account.Account) error {
	if a.UpdatedAt.IsZero() || !a.UpdatedAt.Before(l.since) || l.coarse || l.total >= l.counted {
		return nil
	}
	now := l.client.exchange.clock()
	if now.Before(l.since) {
		now = l.since
	}
	later, err := l.ask(ctx, l.tagged.v2+notBefore(now.AddDate(1, 0, 0)), 0, 1)
	if l.coarse = err == nil && later.total == 0; l.coarse {
		return nil
	}
	return ignored(l.name, FieldUpdatedAt.sortName(), a.ID, hintQueries)
}
