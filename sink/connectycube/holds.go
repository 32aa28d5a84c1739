package connectycube

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"cubesync/sync/account"
	"cubesync/sync/user"

	"golang.org/x/text/unicode/norm"
)

// ignored is the error of a list that shows somebody who doesn't hold what was asked for. The server ignored the
// question, or never got it, and nothing of its answer counts: neither who is there nor who isn't.
func ignored(name, field string, id int64, hint string) error {
	return &ignoredError{account.Error{
		Kind: account.Unavailable, Call: name,
		Words: fmt.Sprintf("the server ignored the question for %s: it showed user %d", field, id), Hint: hint,
	}}
}

// ignoredError tells an ignored question from an outage.
type ignoredError struct{ failed account.Error }

func (e *ignoredError) Error() string { return e.failed.Error() }

func (e *ignoredError) Unwrap() error { return &e.failed }

// holdsAny reports whether one of the values that are held is one that was asked for. A server may find what it takes
// for the same: it may fold case and accents, trim outer space, and keep the digits of a phone number.
func holdsAny(field string, held, asked []string) bool {
	for _, same := range []func(a, b string) bool{
		func(a, b string) bool { return a == b }, // nearly always, and the cheapest
		strings.EqualFold,
		func(a, b string) bool { return loose(field, a) == loose(field, b) },
	} {
		if slices.ContainsFunc(held, func(value string) bool {
			return value != "" && slices.ContainsFunc(asked, func(want string) bool { return same(value, want) })
		}) {
			return true
		}
	}
	return false
}

// loose is the one spelling of all that a server may take for the same value.
func loose(field, text string) string {
	if field == FieldPhone.name() {
		return user.Phone.Canonical(text)
	}
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(user.Folded(text)))
	return strings.Join(strings.Fields(text), " ")
}

// holders looks up who has a value, on a session that isn't the shared one: that may not be there yet.
func (c *Client) holders(ctx context.Context, s *session, field TextField, value string) ([]User, error) {
	look := func(path, query string, read func(*page[User]) func([]byte) error) ([]User, error) {
		var got page[User]
		_, err := c.do(ctx, &call{
			name: "look up who has the " + field.name(), kind: sessionCall, method: http.MethodGet, path: path, query: query,
			pass: s.pass(), hint: hintApplication, read: read(&got),
		})
		for _, item := range got.items {
			if !holdsAny(field.name(), userHolds(item, field.name()), []string{value}) {
				return nil, ignored(lookUpName, field.name(), item.ID, hintEndpoint)
			}
		}
		return got.items, err
	}
	found, err := look("/users/v2.json", strings.Join(field.Equal(value).term().terms(), "&"), userForm().page)
	if account.KindOf(err) != account.NotFound || err == nil {
		return found, err
	}
	old := oldQuestions(isIn(field.name(), []string{value}))[0]
	return look(old.path, old.query+"&page=1&per_page="+strconv.Itoa(pageSize), userForm().oldPage)
}

// heeds reports whether the server answers what it is asked: then whoever it shows is who it takes for the one, though
// it doesn't show the value, folds it in a way of its own, or lags. An id is an id.
func (w *walk[T]) heeds(ctx context.Context) bool {
	if w.heeded || w.what.field == FieldID.name() {
		return w.heeded
	}
	got, err := w.ask(ctx, isIn(w.what.field, []string{"nobody-" + strings.ToLower(rand.Text())}).v2, 0, 1)
	w.heeded = err == nil && got.total == 0
	return w.heeded
}
