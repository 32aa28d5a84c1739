package connectycube

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"cubesync/sync/account"
)

// edition is which edition of the reading calls the server has, found out once. Servers of one's own may be too old for
// GET /users/v2; new applications refuse the deprecated calls. A server that ever answered v2 is never asked for v1.
type edition struct {
	turn  turn
	known atomic.Int32
}

const (
	editionUnknown int32 = iota
	editionV2
	editionV1
)

// read reads with v2, or with v1 on a server that has nothing else. A single 404 proves nothing: v1 must answer.
func (e *edition) read(ctx context.Context, c *Client, what filter, v2, v1 func(ctx context.Context) error) error {
	if e.known.Load() == editionV1 && what.field != "" {
		return v1(ctx)
	}
	err := v2(ctx)
	if account.KindOf(err) != account.NotFound || what.field == "" || !e.isV1(ctx, c) {
		return err
	}
	return v1(ctx)
}

// isV1 asks for a list of v1, unless somebody did.
func (e *edition) isV1(ctx context.Context, c *Client) bool {
	if e.turn.enter(ctx) != nil {
		return false
	}
	defer e.turn.leave()
	if e.known.Load() == editionUnknown {
		var got page[User]
		_, err := c.do(ctx, &call{
			name: "ask for the deprecated list", kind: lookUpCall, method: http.MethodGet, path: "/users.json", query: "page=1&per_page=1",
			shared: true, hint: hintServiceUser, read: userForm().oldPage(&got),
		})
		if err == nil && e.known.CompareAndSwap(editionUnknown, editionV1) {
			c.log.Info("the server has no GET /users/v2; the deprecated calls are used instead")
		}
	}
	return e.known.Load() == editionV1
}

// oldPages reads the list with the deprecated calls.
func (w *walk[T]) oldPages(ctx context.Context) error {
	for _, question := range oldQuestions(w.what) {
		if err := w.unmoved(ctx, func(ctx context.Context) error { return w.oldOnce(ctx, question) }); err != nil {
			return err
		}
	}
	return nil
}

// oldQuestion is one list of v1: who holds one of the values.
type oldQuestion struct {
	path, query string
	values      []string
}

// oldQuestions says how v1 is asked, in the forms that are documented and that the JavaScript SDK sends: tags one at a
// time, everything else by filter[]=type+field+operator+values. A value with a comma can't stand among others.
func oldQuestions(what filter) []oldQuestion {
	var all []oldQuestion
	if what.field == FieldTags.name() {
		for _, tag := range what.values {
			all = append(all, oldQuestion{"/users/by_tags.json", "tags=" + url.QueryEscape(tag), []string{tag}})
		}
		return all
	}
	kind := "string"
	if what.field == FieldID.name() {
		kind = "number"
	}
	ask := func(operator string, values []string) {
		if len(values) > 0 {
			condition := strings.Join([]string{kind, what.field, operator, strings.Join(values, ",")}, " ")
			query := url.QueryEscape("filter[]") + "=" + url.QueryEscape(condition) + "&order=" + url.QueryEscape("asc number id")
			all = append(all, oldQuestion{"/users.json", query, values})
		}
	}
	var plain []string
	for _, value := range what.values {
		if strings.Contains(value, ",") {
			ask("eq", []string{value})
		} else {
			plain = append(plain, value)
		}
	}
	ask("in", plain)
	return all
}

// oldOnce reads one list whole and yields it by rising id: not every list of v1 can be asked for in an order. Whoever
// doesn't hold what was asked for shows that the server ignored the question, and then nothing it said counts.
func (w *walk[T]) oldOnce(ctx context.Context, question oldQuestion) error {
	var items []T
	seen := map[int64]bool{}
	for number := 1; ; number++ {
		got, err := w.oldPage(ctx, question, number)
		if err != nil {
			return err
		}
		if number > 1 && got.total != w.total {
			return &movedError{fmt.Sprintf("it had %d users, then %d", w.total, got.total)}
		}
		w.total = got.total
		for _, item := range got.items {
			if !holdsAny(w.what.field, w.form.holds(item, w.what.field), question.values) {
				return ignored(w.name, w.what.field, w.id(item), "update the server to one with GET /users/v2")
			}
			if seen[w.id(item)] {
				return &movedError{fmt.Sprintf("user %d came twice", w.id(item))}
			}
			seen[w.id(item)] = true
		}
		items = append(items, got.items...)
		if len(items) >= got.total || len(got.items) == 0 {
			break
		}
	}
	if len(items) != w.total {
		return &movedError{fmt.Sprintf("of %d users it showed %d", w.total, len(items))}
	}
	slices.SortFunc(items, func(a, b T) int { return int(w.id(a) - w.id(b)) })
	for _, item := range items {
		if err := w.yield(item); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk[T]) oldPage(ctx context.Context, question oldQuestion, number int) (page[T], error) {
	var got page[T]
	_, err := w.client.do(ctx, &call{
		name: w.name, kind: w.kind, method: http.MethodGet, path: question.path, shared: true, hint: hintServiceUser,
		query: question.query + "&page=" + strconv.Itoa(number) + "&per_page=" + strconv.Itoa(pageSize),
		read:  w.form.oldPage(&got),
	})
	return got, err
}
