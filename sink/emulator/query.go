package emulator

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The most and the usual number of users on a page, and the number that start_with forces. Documented.
const (
	pageSize      = 100
	startWithSize = 5
)

// query is what GET /users/v2 asks for: all conditions must hold.
type query struct {
	conditions    []condition
	offset, limit int
	sortBy        string // "" is by id
	descending    bool
}

// condition is field[op]=values.
type condition struct {
	field, op string
	values    []string
	instant   int64 // of the compare operators: Unix seconds, or an id
	folds     bool  // case doesn't matter: values are in lower case
}

// fieldKind says which operators a field takes, as the documentation's list of valid and invalid queries shows:
//
//	standAlone   equal, in, start_with; nin       enough for a query, unless with nin only; ids have no start
//	tagField     equal, in; nin                   enough for a query, unless with nin only
//	timeField    equal; gt, gte, lt, lte          only beside another
type fieldKind int

const (
	unknownField fieldKind = iota
	standAlone
	tagField
	timeField
)

func kindOf(field string) fieldKind {
	switch field {
	case "id", "login", "email", "full_name", "phone", "external_id", "facebook_id", "twitter_id":
		return standAlone
	case "user_tags":
		return tagField
	case "created_at", "updated_at", "last_request_at":
		return timeField
	}
	return unknownField
}

// primary reports whether a condition is enough for a query.
func (c condition) primary() bool {
	kind := kindOf(c.field)
	return (kind == standAlone || kind == tagField) && (c.op == "equal" || c.op == "in" || c.op == "start_with")
}

// parseQuery reads a query string, its brackets plain or percent-encoded, and names everything that is wrong with it.
// A condition with more than inValues values is refused, unless that is 0.
func parseQuery(raw string, inValues int) (query, error) {
	q := query{limit: pageSize}
	params, err := url.ParseQuery(raw)
	if err != nil {
		return q, malformed("The query string can't be read: %v", err)
	}
	wrong := problems{}
	for key, values := range params {
		if inValues > 0 && len(values) > inValues {
			return q, malformed("%s has %d values, and takes %d", key, len(values), inValues)
		}
		switch key {
		case "offset":
			q.offset = wholeParam(key, values[0], 0, wrong)
		case "limit":
			q.limit = min(wholeParam(key, values[0], 1, wrong), pageSize)
		case "sort_asc", "sort_desc":
			q.sort(key, values[0], wrong)
		default:
			q.conditions = append(q.conditions, parseCondition(key, values, wrong))
		}
	}
	if !slices.ContainsFunc(q.conditions, condition.primary) {
		wrong.add("base", "At least one stand-alone field with a primary operator is required")
	}
	if slices.ContainsFunc(q.conditions, func(c condition) bool { return c.op == "start_with" }) {
		q.limit = startWithSize
	}
	return q, wrong.failure()
}

func wholeParam(name, text string, least int, wrong problems) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < least {
		wrong.add(name, "must be a whole number, at least %d", least)
	}
	return n
}

func (q *query) sort(key, field string, wrong problems) {
	if kind := kindOf(field); kind != standAlone && kind != timeField {
		wrong.add(key, "unknown field %q", field)
	}
	q.sorted(key, field, wrong)
}

func (q *query) sorted(key, field string, wrong problems) {
	if q.sortBy != "" {
		wrong.add("base", "sort_asc and sort_desc exclude each other")
	}
	q.sortBy, q.descending = field, key == "sort_desc"
}

func parseCondition(key string, values []string, wrong problems) condition {
	c := condition{op: "equal", values: values}
	name, rest, bracket := strings.Cut(key, "[")
	c.field = name
	if bracket {
		c.op = strings.TrimSuffix(strings.TrimSuffix(rest, "[]"), "]")
	}
	kind := kindOf(name)
	if kind == unknownField {
		wrong.add("base", "unknown field %q", name)
		return c
	}
	if !c.allowed(kind) {
		wrong.add(name, "doesn't take the operator %q", c.op)
		return c
	}
	c.checkValues(kind, wrong)
	return c
}

func (c condition) allowed(kind fieldKind) bool {
	switch c.op {
	case "equal":
		return true
	case "in", "nin":
		return kind == standAlone || kind == tagField
	case "start_with":
		return kind == standAlone && c.field != "id"
	case "gt", "gte", "lt", "lte":
		return kind == timeField
	}
	return false
}

func (c *condition) checkValues(kind fieldKind, wrong problems) {
	switch {
	case len(c.values) > 1 && c.op != "in" && c.op != "nin":
		wrong.add(c.field, "is given more than once")
	case c.op == "start_with" && utf8.RuneCountInString(c.values[0]) < 4:
		wrong.add(c.field, "start_with needs at least 4 characters")
	case kind == timeField:
		instant, ok := parseInstant(c.values[0])
		if !ok {
			wrong.add(c.field, "must be a time like 2019-11-06T09:21:41Z or Unix seconds")
		}
		c.instant = instant
	case c.field == "id":
		for i, text := range c.values {
			c.values[i] = strconv.Itoa(wholeParam("id", text, 0, wrong))
		}
	}
}

func parseInstant(text string) (int64, bool) {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return seconds, true
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02", "2006.01.02"} { // the dates are v1's
		if t, err := time.Parse(layout, text); err == nil {
			return t.Unix(), true
		}
	}
	return 0, false
}
