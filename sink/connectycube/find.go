package connectycube

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"cubesync/sync/account"
)

// What one look-up carries at most. How many values the service takes isn't documented; a page holds a hundred.
const (
	maxValues = 100
	maxQuery  = 6 << 10 // bytes
)

// find looks values up in as few calls as the limits allow.
func (c *Client) find(ctx context.Context, key account.Key, values []string) ([]account.Account, error) {
	f := &finder{client: c, prefix: url.QueryEscape(string(key)+"[in][]") + "=", seen: map[int64]bool{}}
	asked := make(map[string]bool, len(values))
	var terms []string
	size := 0
	for _, value := range values {
		if value == "" || asked[value] {
			continue
		}
		asked[value] = true
		term := f.prefix + url.QueryEscape(value)
		if len(terms) > 0 && (len(terms) >= int(c.inValues.Load()) || size+len(term) > maxQuery) {
			if err := f.lookUp(ctx, terms); err != nil {
				return nil, err
			}
			terms, size = terms[:0], 0
		}
		terms = append(terms, term)
		size += len(term) + 1
	}
	if len(terms) > 0 {
		if err := f.lookUp(ctx, terms); err != nil {
			return nil, err
		}
	}
	return f.found, nil
}

// finder gathers accounts, each once: two values may find the same one where the server ignores case.
type finder struct {
	client *Client
	prefix string
	seen   map[int64]bool
	found  []account.Account
}

// lookUp asks for the terms, and for each half of them where the service refuses so many. When both halves pass, it
// was the number, and later calls carry no more.
func (f *finder) lookUp(ctx context.Context, terms []string) error {
	err := f.ask(ctx, terms)
	if len(terms) < 2 || !refusesQuery(err) {
		return err
	}
	half := len(terms) / 2
	if err := f.lookUp(ctx, terms[:half]); err != nil {
		return err
	}
	if err := f.lookUp(ctx, terms[half:]); err != nil {
		return err
	}
	f.client.lowerInValues(int64(len(terms) - half))
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
func (f *finder) ask(ctx context.Context, terms []string) error {
	query := terms[0]
	for _, term := range terms[1:] {
		query += "&" + term
	}
	return f.client.walk(ctx, &walk{name: "look up users", kind: lookUpCall, filter: query, yield: func(a account.Account) error {
		if !f.seen[a.ID] {
			f.seen[a.ID] = true
			f.found = append(f.found, a)
		}
		return nil
	}})
}
