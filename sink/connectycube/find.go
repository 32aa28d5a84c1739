package connectycube

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"cubesync/sync/account"
)

// What one look-up carries at most. How many values the service takes isn't documented; a page holds a hundred.
const (
	maxValues = 100
	maxQuery  = 6 << 10 // bytes
)

const lookUpName = "look up users"

// find looks accounts up in as few calls as the limits allow.
func (c *Client) find(ctx context.Context, key account.Key, values []string) ([]account.Account, error) {
	f := &finder[account.Account]{client: c, field: string(key), open: c.accounts}
	return f.all(ctx, values)
}

// FindUsers returns the records that hold one of the values in the field, in any order; values that nobody holds are
// left out. Any number of values may be given: they are asked for a hundred at a time.
func (c *Client) FindUsers(ctx context.Context, field Field, values ...string) ([]User, error) {
	f := &finder[User]{client: c, field: field.name(), open: c.users}
	return f.all(ctx, values)
}

// finder gathers accounts or records, each once: two values may find the same one where the server ignores case.
type finder[T any] struct {
	client *Client
	field  string
	open   func(name string, kind kind, what filter, yield func(T) error) *walk[T]
	seen   map[int64]bool
	found  []T
}

func (f *finder[T]) all(ctx context.Context, values []string) ([]T, error) {
	f.seen = map[int64]bool{}
	asked := make(map[string]bool, len(values))
	var left []string
	for _, value := range values {
		if value != "" && !asked[value] {
			asked[value] = true
			left = append(left, value)
		}
	}
	for len(left) > 0 {
		n := f.client.fits(f.field, left)
		if err := f.lookUp(ctx, left[:n]); err != nil {
			return nil, err
		}
		left = left[n:]
	}
	return f.found, nil
}

// Fits returns how many of the first of these values one look-up by the key carries.
func (c *Client) Fits(key account.Key, values []string) int { return c.fits(string(key), values) }

func (c *Client) fits(field string, values []string) int {
	most, size := int(c.inValues.Load()), 0
	for i, value := range values {
		size += len(inTerm(field, value)) + 1
		if i > 0 && (i >= most || size > maxQuery) {
			return i
		}
	}
	return len(values)
}

// lookUp asks for the values, and for each half of them where the service refuses so many. When both halves pass, it
// was the number, and later calls carry no more.
func (f *finder[T]) lookUp(ctx context.Context, values []string) error {
	err := f.ask(ctx, values)
	if len(values) < 2 || !refusesQuery(err) {
		return err
	}
	half := len(values) / 2
	if err := f.lookUp(ctx, values[:half]); err != nil {
		return err
	}
	if err := f.lookUp(ctx, values[half:]); err != nil {
		return err
	}
	f.client.lowerInValues(int64(len(values) - half))
	return nil
}

// lowerInValues remembers how many values passed, unless fewer were learned already.
func (c *Client) lowerInValues(passed int64) {
	for {
		known := c.inValues.Load()
		if passed >= known || c.inValues.CompareAndSwap(known, passed) {
			return
		}
	}
}

func refusesQuery(err error) bool {
	failed, ok := errors.AsType[*account.Error](err)
	if !ok {
		return false
	}
	switch failed.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong:
		return true
	}
	return false
}

// ask reads all pages: keys that ought to be unique may not be.
func (f *finder[T]) ask(ctx context.Context, values []string) error {
	var w *walk[T]
	w = f.open(lookUpName, lookUpCall, isIn(f.field, values), func(item T) error {
		if id := w.id(item); !f.seen[id] {
			f.seen[id] = true
			f.found = append(f.found, item)
		}
		return nil
	})
	return w.all(ctx)
}

// filter says whom a list is about, for both editions of the API.
type filter struct {
	v2     string   // encoded
	field  string   // for v1: who holds one of the values in the field; "" where v1 has no such question
	values []string // not encoded
}

// isIn is about those who hold one of the values in the field.
func isIn(field string, values []string) filter {
	terms := make([]string, len(values))
	for i, value := range values {
		terms[i] = inTerm(field, value)
	}
	return filter{strings.Join(terms, "&"), field, values}
}

func inTerm(field, value string) string {
	return url.QueryEscape(field+"[in][]") + "=" + url.QueryEscape(value)
}
