package connectycube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"

	"cubesync/sync/account"
)

const (
	pageSize  = 100          // the most that the service gives at once
	pageStep  = pageSize - 1 // pages overlap by one
	pageAhead = 4            // pages that are fetched at the same time
	listReads = 3            // of a list that moves, before giving up
)

// list yields every account with the tag.
func (c *Client) list(ctx context.Context, tag string, yield func(account.Account) error) error {
	filter := "user_tags=" + url.QueryEscape(tag)
	return c.walk(ctx, &walk{name: "list users", kind: listCall, filter: filter, yield: yield})
}

// walk reads a list page by page. Each page starts with the last id of the one before, ids rise, and the total holds
// still; otherwise somebody signed up or left meanwhile, a page may have missed a user, and the list is read anew from
// its start. What was yielded before isn't yielded again.
type walk struct {
	name   string
	kind   kind
	filter string
	yield  func(account.Account) error

	yielded []int64 // rising
	total   int     // in this reading
	last    int64   // id, in this reading
}

// movedError is a list that changed while it was read.
type movedError struct{ how string }

func (e *movedError) Error() string { return e.how }

func (c *Client) walk(ctx context.Context, w *walk) error {
	var moved *movedError
	for range listReads {
		err := c.read(ctx, w)
		var ok bool
		if moved, ok = errors.AsType[*movedError](err); !ok {
			return err
		}
		c.log.Debug("a list moved while it was read", "how", moved.how)
	}
	return &account.Error{
		Kind: account.Unavailable, Call: w.name,
		Words: fmt.Sprintf("the list kept moving while it was read, %d times; at last %s", listReads, moved.how),
		Hint:  "run again when fewer users are signed up or deleted",
	}
}

// read reads the list once. The pages after the first are fetched a few at a time and used in order.
func (c *Client) read(ctx context.Context, w *walk) error {
	first, err := c.page(ctx, w, 0)
	if err != nil {
		return err
	}
	w.total, w.last = first.total, 0
	if err := w.use(first, 0); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var fetching sync.WaitGroup
	defer fetching.Wait()
	defer cancel()
	type result struct {
		page page
		err  error
	}
	var results [pageAhead]chan result
	fetch := func(number int) {
		into := make(chan result, 1)
		results[number%pageAhead] = into
		fetching.Go(func() {
			got, err := c.page(ctx, w, number)
			into <- result{got, err}
		})
	}
	final := lastPage(w.total)
	for number := 1; number <= min(final, pageAhead); number++ {
		fetch(number)
	}
	for number := 1; number <= final; number++ {
		got := <-results[number%pageAhead]
		if got.err != nil {
			return got.err
		}
		if number+pageAhead <= final {
			fetch(number + pageAhead)
		}
		if err := w.use(got.page, number); err != nil {
			return err
		}
	}
	return nil
}

// lastPage returns the number of the last page, from 0.
func lastPage(total int) int {
	return max(0, total-pageSize+pageStep-1) / pageStep
}

func (c *Client) page(ctx context.Context, w *walk, number int) (page, error) {
	var got page
	_, err := c.do(ctx, &call{
		name: w.name, kind: w.kind, method: http.MethodGet, path: "/users/v2.json", shared: true, hint: hintServiceUser,
		query: w.filter + "&sort_asc=id&limit=" + strconv.Itoa(pageSize) + "&offset=" + strconv.Itoa(number*pageStep),
		read:  readPage(&got),
	})
	return got, err
}

// use checks that the page follows the one before, and yields what is new.
func (w *walk) use(got page, number int) error {
	if got.total != w.total {
		return &movedError{fmt.Sprintf("it had %d users, then %d", w.total, got.total)}
	}
	if expected := min(pageSize, w.total-number*pageStep); len(got.accounts) != expected {
		return &movedError{fmt.Sprintf("page %d of %d users had %d, where %d were due", number+1, w.total, len(got.accounts), expected)}
	}
	accounts := got.accounts
	if number > 0 {
		if accounts[0].ID != w.last {
			return &movedError{fmt.Sprintf("page %d started with user %d, where %d was due", number+1, accounts[0].ID, w.last)}
		}
		accounts = accounts[1:]
	}
	for _, a := range accounts {
		if a.ID <= w.last {
			return &movedError{fmt.Sprintf("user %d came after user %d", a.ID, w.last)}
		}
		w.last = a.ID
		if err := w.give(a); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) give(a account.Account) error {
	if n := len(w.yielded); n > 0 && a.ID <= w.yielded[n-1] {
		if _, known := slices.BinarySearch(w.yielded, a.ID); !known {
			return &movedError{fmt.Sprintf("user %d turned up among those that were read before", a.ID)}
		}
		return nil
	}
	if err := w.yield(a); err != nil {
		return err
	}
	w.yielded = append(w.yielded, a.ID)
	return nil
}
