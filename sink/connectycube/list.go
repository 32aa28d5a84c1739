package connectycube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"cubesync/sync/account"
)

const (
	pageSize  = 100          // the most that the service gives at once
	pageStep  = pageSize - 1 // pages overlap by one
	listReads = 3            // of a list that moves, before giving up
)

// list yields every account with the tag.
func (c *Client) list(ctx context.Context, tag string, yield func(account.Account) error) error {
	return c.accounts("list users", listCall, carriers(tag), yield).all(ctx)
}

// carriers is about those who carry the tag.
func carriers(tag string) filter {
	return filter{"user_tags=" + url.QueryEscape(tag), FieldTags.name(), []string{tag}}
}

// walk reads a list page by page. Each page starts with the last id of the one before, ids rise, and the total holds
// still; otherwise somebody signed up or left meanwhile, a page may have missed a user, and the list is read anew from
// its start. What was yielded before isn't yielded again.
type walk[T any] struct {
	client *Client
	name   string
	kind   kind
	what   filter
	form   form[T]
	yield  func(T) error
	grows  bool                           // see changes
	also   func(context.Context, T) error // checks more of who is shown; may be nil

	heeded  bool
	yielded []int64 // rising
	total   int     // in this reading
	last    int64   // id, in this reading
}

// accounts walks the accounts that meet the filter.
func (c *Client) accounts(name string, kind kind, what filter, yield func(account.Account) error) *walk[account.Account] {
	return &walk[account.Account]{client: c, name: name, kind: kind, what: what, form: accountForm(), yield: yield}
}

// users walks the records that meet the filter.
func (c *Client) users(name string, kind kind, what filter, yield func(User) error) *walk[User] {
	return &walk[User]{client: c, name: name, kind: kind, what: what, form: userForm(), yield: yield}
}

func (w *walk[T]) id(item T) int64 { return w.form.id(item) }

// movedError is a list that changed while it was read.
type movedError struct{ how string }

func (e *movedError) Error() string { return e.how }

// all yields everything, once each, by rising id.
func (w *walk[T]) all(ctx context.Context) error {
	return w.client.edition.read(ctx, w.client, w.what, w.pages, w.oldPages)
}

// pages reads the list, and again while it moves.
func (w *walk[T]) pages(ctx context.Context) error { return w.unmoved(ctx, w.once) }

// unmoved repeats a reading that found the list to move.
func (w *walk[T]) unmoved(ctx context.Context, once func(ctx context.Context) error) error {
	var moved *movedError
	for range listReads {
		err := once(ctx)
		var ok bool
		if moved, ok = errors.AsType[*movedError](err); !ok {
			return err
		}
		w.client.log.Debug("a list moved while it was read", "how", moved.how)
	}
	return &account.Error{
		Kind: account.Unavailable, Call: w.name,
		Words: fmt.Sprintf("the list kept moving while it was read, %d times; at last %s", listReads, moved.how),
		Hint:  "run again when fewer users are signed up or deleted",
	}
}

// once reads the list once. The pages after the first are fetched as many at a time as are of use, and used in order.
func (w *walk[T]) once(ctx context.Context) error {
	first, err := w.page(ctx, 0)
	if err != nil {
		return err
	}
	w.total, w.last = first.total, 0
	if err := w.use(ctx, first, 0); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var fetching sync.WaitGroup
	defer fetching.Wait()
	defer cancel()
	type result struct {
		number int
		page   page[T]
		err    error
	}
	arrived := make(chan result, MaxWidth)
	early := map[int]result{} // by number: those that arrived before their turn
	final, fetched, underWay := lastPage(w.total), 0, 0
	fetch := func(used int) {
		width := w.client.Width()
		for fetched < min(final, used+2*width) && underWay < width { // twice: a late one holds up nobody
			fetched++
			underWay++
			number := fetched
			fetching.Go(func() {
				got, err := w.page(ctx, number)
				arrived <- result{number, got, err}
			})
		}
	}
	for number := 1; number <= final; number++ {
		for early[number].number == 0 {
			fetch(number - 1)
			got := <-arrived
			underWay--
			early[got.number] = got
		}
		got := early[number]
		delete(early, number)
		if got.err != nil {
			return got.err
		}
		fetch(number)
		used, err := got.page, w.use(ctx, got.page, number)
		if _, moved := errors.AsType[*movedError](err); moved && w.grows {
			used, err = w.again(ctx, number) // it may have been fetched before the page before it
		}
		if err != nil {
			return err
		}
		if w.grows {
			final = max(final, lastPage(used.total))
		}
	}
	return nil
}

// again fetches a page again and uses that.
func (w *walk[T]) again(ctx context.Context, number int) (page[T], error) {
	got, err := w.page(ctx, number)
	if err != nil {
		return got, err
	}
	return got, w.use(ctx, got, number)
}

// lastPage returns the number of the last page, from 0.
func lastPage(total int) int {
	return max(0, total-pageSize+pageStep-1) / pageStep
}

func (w *walk[T]) page(ctx context.Context, number int) (page[T], error) {
	return w.ask(ctx, w.what.v2, number*pageStep, pageSize)
}

// ask asks for a part of those who meet the encoded conditions.
func (w *walk[T]) ask(ctx context.Context, conditions string, offset, limit int) (page[T], error) {
	var got page[T]
	_, err := w.client.do(ctx, &call{
		name: w.name, kind: w.kind, method: http.MethodGet, path: "/users/v2.json", shared: true, hint: hintServiceUser,
		query: conditions + "&sort_asc=id&limit=" + strconv.Itoa(limit) + "&offset=" + strconv.Itoa(offset),
		read:  w.form.page(&got),
	})
	if err == nil {
		w.client.edition.known.CompareAndSwap(editionUnknown, editionV2)
	}
	return got, err
}
