package connectycube

import (
	"context"
	"errors"
	"time"

	"cubesync/sync/account"
)

// askedValues are the values that sdk/requests.mjs asks for, two for each field; the ids are those of ann and bob.
func askedValues() map[Field][]string {
	return map[Field][]string{
		FieldID: {"1", "2"}, FieldLogin: {"dora+1", "bob"}, FieldEmail: {"ann@example.com", "bob@example.com"},
		FieldFullName: {"Ünal & “Söhne”, 100%", "Bob Example"}, FieldPhone: {"+49 30 1", "+49 30 2"},
		FieldExternalID: {"0007", "E 2"}, FieldFacebookID: {"f-7", "f/8"}, FieldTwitterID: {"t-7", "t?8"},
		FieldTags: {"hr-sync", "staff"},
	}
}

func queryFields() []Field {
	return []Field{
		FieldID, FieldLogin, FieldEmail, FieldFullName, FieldPhone, FieldExternalID, FieldFacebookID, FieldTwitterID, FieldTags,
	}
}

// equalAndIn are the two conditions that every field takes, of the values of askedValues.
func equalAndIn(field Field) (equal, in Primary) {
	values := askedValues()[field]
	switch field := field.(type) {
	case IDField:
		return field.Equal(1), field.In(1, 2)
	case TextField:
		return field.Equal(values[0]), field.In(values...)
	case NameField:
		return field.Equal(values[0]), field.In(values...)
	case TagField:
		return field.Equal(values[0]), field.In(values...)
	}
	return nil, nil
}

func (k *caller) queries() {
	c := k.as("ann")
	where := func(first Primary, more ...Condition) Query {
		q, err := Where(first, more...)
		if err != nil {
			k.t.Fatal(err)
		}
		return q
	}
	ask := func(name string, q Query, offset, limit int) {
		k.call("v2/"+name, func(ctx context.Context) error { _, err := c.Users(ctx, q, offset, limit); return err })
	}
	moment := time.Date(2026, 11, 6, 9, 21, 41, 0, time.UTC)
	tagged := FieldTags.Equal("hr-sync")
	for _, each := range []struct {
		name  string
		query Query
	}{
		{"start_with", where(FieldFullName.StartWith("Ann "))},
		{"nin", where(FieldID.In(1, 2), FieldTags.NotIn("vip", "staff"))},
		{"gt", where(tagged, FieldCreatedAt.After(moment))},
		{"gte", where(tagged, FieldUpdatedAt.NotBefore(moment))},
		{"lt", where(tagged, FieldLastRequestAt.Before(moment))},
		{"lte", where(tagged, FieldUpdatedAt.NotAfter(moment))},
		{"between", where(tagged, FieldUpdatedAt.NotBefore(moment), FieldUpdatedAt.Before(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)))},
		{"sort_asc", where(tagged).Ascending(FieldFullName)},
		{"sort_desc", where(tagged).Descending(FieldUpdatedAt)},
	} {
		ask(each.name, each.query, 0, 100)
	}
	for _, field := range queryFields() {
		equal, in := equalAndIn(field)
		ask(field.name()+"-equal", where(equal), 0, 100)
		ask(field.name()+"-in", where(in), 0, 100)
	}
	ask("page", where(tagged).Ascending(FieldID), 20, 10)
	ask("usual-page", where(tagged), 0, 0)
}

func (k *caller) lookUps() {
	c := k.as("ann")
	for _, field := range queryFields() {
		k.lookUp("look-up/"+field.name(), c, field, askedValues()[field]...)
	}
	k.lookUp("look-up/a-single-value", c, FieldLogin, "ann")
	k.list("list", c)
}

func (k *caller) lookUp(name string, c *Client, field Field, values ...string) {
	k.call(name, func(ctx context.Context) error { _, err := c.FindUsers(ctx, field, values...); return err })
}

func (k *caller) list(name string, c *Client) {
	k.call(name, func(ctx context.Context) error {
		return c.list(ctx, "hr-sync", func(account.Account) error { return nil })
	})
}

// oldReads are made by a client that took the server for one without GET /users/v2.
func (k *caller) oldReads() {
	c := k.as("ann")
	k.call("v1/is-it-there", func(ctx context.Context) error {
		if !c.edition.isV1(ctx, c) {
			return errors.New("the deprecated list was refused")
		}
		return nil
	})
	k.list("v1/list", c)
	for _, field := range queryFields() {
		if field != FieldTags && field != FieldFullName {
			k.lookUp("v1/"+field.name(), c, field, askedValues()[field]...)
		}
	}
	k.lookUp("v1/full_name", c, FieldFullName, "Ann Example", "Bob Example")
	k.lookUp("v1/with-a-comma", c, FieldFullName, askedValues()[FieldFullName][0])
}
