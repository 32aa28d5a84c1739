package connectycube

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"cubesync/sync/account"
)

// Query asks GET /users/v2 for users. It is made by Where, which makes none that the service would refuse as
// malformed: a field takes only its own operators, and the first condition is one that stands alone. So the service
// can't be asked for everybody; the documentation leaves no way to.
type Query struct{ conditions, sort string }

// Where makes a query whose conditions must all hold. It fails where a value is missing, is too short, or is one of
// too many, and where two conditions would overwrite each other.
func Where(first Primary, more ...Condition) (Query, error) {
	var terms []string
	used := map[string]bool{}
	for _, each := range append([]Condition{first}, more...) {
		c := each.term()
		if c.err != nil {
			return Query{}, fmt.Errorf("query of users: %w", c.err)
		}
		if used[c.key] {
			return Query{}, fmt.Errorf("query of users: %s stands twice; make it one condition", c.key)
		}
		used[c.key] = true
		terms = append(terms, c.terms()...)
	}
	return Query{conditions: strings.Join(terms, "&")}, nil
}

// Ascending returns the query, sorted by the field. Unsorted, the order is undefined, as documented.
func (q Query) Ascending(by SortField) Query {
	q.sort = "&sort_asc=" + url.QueryEscape(by.sortName())
	return q
}

// Descending returns the query, sorted by the field, the last one first.
func (q Query) Descending(by SortField) Query {
	q.sort = "&sort_desc=" + url.QueryEscape(by.sortName())
	return q
}

// UserPage is a part of the answer to a query.
type UserPage struct {
	Total int // of all users that meet the query
	Users []User
}

// Users returns at most limit users that meet the query, leaving out the first ones, as many as offset says. The
// service gives a hundred at most; a limit of 0 is that.
func (c *Client) Users(ctx context.Context, q Query, offset, limit int) (UserPage, error) {
	if limit == 0 {
		limit = pageSize
	}
	if q.conditions == "" || offset < 0 || limit < 0 || limit > pageSize {
		return UserPage{}, &account.Error{
			Kind: account.Invalid, Call: queryName,
			Words: fmt.Sprintf("no query, offset %d or limit %d: make it with Where, from 0 on, of 1 to %d users", offset, limit, pageSize),
		}
	}
	var got page[User]
	_, err := c.do(ctx, &call{
		name: queryName, kind: lookUpCall, method: http.MethodGet, path: "/users/v2.json", shared: true, hint: hintServiceUser,
		query: q.conditions + q.sort + "&limit=" + strconv.Itoa(limit) + "&offset=" + strconv.Itoa(offset),
		read:  userForm().page(&got),
	})
	if err != nil {
		return UserPage{}, err
	}
	return UserPage{got.total, got.items}, nil
}

// AllUsers yields every user that meets the query, once each, by rising id, whatever order the query has. It returns an
// error rather than a list that may have gaps, and stops early with the error that yield returns. It is not for
// StartWith, of which the service gives only the first few.
func (c *Client) AllUsers(ctx context.Context, q Query, yield func(User) error) error {
	if q.conditions == "" {
		return &account.Error{Kind: account.Invalid, Call: queryName, Words: "there is no query; make it with Where"}
	}
	return c.users(queryName, listCall, filter{v2: q.conditions}, yield).all(ctx)
}

const queryName = "query users"
