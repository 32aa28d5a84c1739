package connectycube

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Field is a field that users can be looked up by.
type Field interface{ name() string }

// SortField is a field that a query can be sorted by: every one but the tags.
type SortField interface{ sortName() string }

// IDField is the user's id.
type IDField string

// TextField is a text that stands alone in a query.
type TextField string

// NameField is a text whose beginning can be asked for, too.
type NameField string

// TagField is the user's tags.
type TagField string

// TimeField is a moment. It can be asked for only beside another field.
type TimeField string

// The fields of a query, as documented.
const (
	FieldID            IDField   = "id"
	FieldLogin         TextField = "login"
	FieldEmail         TextField = "email"
	FieldFullName      NameField = "full_name"
	FieldPhone         TextField = "phone"
	FieldExternalID    TextField = "external_id"
	FieldFacebookID    TextField = "facebook_id"
	FieldTwitterID     TextField = "twitter_id"
	FieldTags          TagField  = "user_tags"
	FieldCreatedAt     TimeField = "created_at"
	FieldUpdatedAt     TimeField = "updated_at"
	FieldLastRequestAt TimeField = "last_request_at"
)

func (f IDField) name() string   { return string(f) }
func (f TextField) name() string { return string(f) }
func (f NameField) name() string { return string(f) }
func (f TagField) name() string  { return string(f) }

func (f IDField) sortName() string   { return string(f) }
func (f TextField) sortName() string { return string(f) }
func (f NameField) sortName() string { return string(f) }
func (f TimeField) sortName() string { return string(f) }

// Condition narrows a query.
type Condition interface{ term() condition }

// Primary is a condition that is enough for a query.
type Primary interface {
	Condition
	primary()
}

// condition is what one condition adds to the query string.
type condition struct {
	key    string // before it is escaped
	values []string
	err    error
}

func (c condition) term() condition { return c }

type primary struct{ condition }

func (primary) primary() {}

func (c condition) terms() []string {
	terms := make([]string, len(c.values))
	for i, value := range c.values {
		terms[i] = url.QueryEscape(c.key) + "=" + url.QueryEscape(value)
	}
	return terms
}

// equal and in make the conditions that most fields take. An empty value is refused: a server may take it for none.
func equal(field, value string) Primary { return primary{checked(field, field, value)} }

func in(field string, values []string) Primary {
	return primary{checked(field, field+"[in][]", values...)}
}

func checked(field, key string, values ...string) condition {
	c := condition{key: key, values: values}
	switch {
	case len(values) == 0 || slices.Contains(values, ""):
		c.err = fmt.Errorf("%s: a value is missing", field)
	case len(values) > maxValues:
		c.err = fmt.Errorf("%s: %d values, of at most %d; look users up with FindUsers", field, len(values), maxValues)
	}
	return c
}

// Equal asks for the user with the id.
func (f IDField) Equal(id int64) Primary { return equal(string(f), strconv.FormatInt(id, 10)) }

// In asks for the users with one of the ids, a hundred at most.
func (f IDField) In(ids ...int64) Primary {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.FormatInt(id, 10)
	}
	return in(string(f), texts)
}

// Equal asks for the users with the value.
func (f TextField) Equal(value string) Primary { return equal(string(f), value) }

// In asks for the users with one of the values, a hundred at most.
func (f TextField) In(values ...string) Primary { return in(string(f), values) }

// Equal asks for the users of the name.
func (f NameField) Equal(value string) Primary { return equal(string(f), value) }

// In asks for the users of one of the names, a hundred at most.
func (f NameField) In(values ...string) Primary { return in(string(f), values) }

// StartWith asks for the users whose name starts with the text, of four characters or more. The service gives at most
// five of them at once, as documented.
func (f NameField) StartWith(text string) Primary {
	c := checked(string(f), string(f)+"[start_with]", text)
	if c.err == nil && utf8.RuneCountInString(text) < 4 {
		c.err = fmt.Errorf("%s: %q has fewer than four characters to start with", f, text)
	}
	return primary{c}
}

// Equal asks for the users with the tag.
func (f TagField) Equal(tag string) Primary { return equal(string(f), tag) }

// In asks for the users with one of the tags, a hundred at most.
func (f TagField) In(tags ...string) Primary { return in(string(f), tags) }

// NotIn leaves out the users with one of the tags.
func (f TagField) NotIn(tags ...string) Condition {
	return checked(string(f), string(f)+"[nin][]", tags...)
}

// After keeps the users whose moment is later. Moments count in whole seconds; so do the next three.
func (f TimeField) After(moment time.Time) Condition { return f.compare("gt", moment) }

// NotBefore keeps the users whose moment is that or later.
func (f TimeField) NotBefore(moment time.Time) Condition { return f.compare("gte", moment) }

// Before keeps the users whose moment is earlier.
func (f TimeField) Before(moment time.Time) Condition { return f.compare("lt", moment) }

// NotAfter keeps the users whose moment is that or earlier.
func (f TimeField) NotAfter(moment time.Time) Condition { return f.compare("lte", moment) }

func (f TimeField) compare(operator string, moment time.Time) Condition {
	c := checked(string(f), string(f)+"["+operator+"]", moment.UTC().Format(time.RFC3339))
	if moment.IsZero() {
		c.err = errors.New(string(f) + ": the moment is missing")
	}
	return c
}
