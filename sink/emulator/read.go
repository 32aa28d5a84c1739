package emulator

import (
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The deprecated reads of API v1. A single user is {"user":…}; a list wraps each of its users like that.

type wrappedBody struct {
	Page    int        `json:"current_page"`
	PerPage int        `json:"per_page"`
	Total   int        `json:"total_entries"`
	Items   []userBody `json:"items"`
}

// The usual size of a page of v1. Documented.
const oldPageSize = 10

// showUser is GET /users/{id}.
func showUser(s *Server, c *call) (answer, error) { return s.showOne(s.users.byID(c.id)) }

// showExternal is GET /users/external/{id}, by the deprecated number.
func showExternal(s *Server, c *call) (answer, error) {
	return s.showOne(s.users.lookUp("external_user_id", strconv.FormatInt(c.id, 10)))
}

func (s *Server) showOne(p *person) (answer, error) {
	if p == nil {
		return answer{}, noUser()
	}
	return answer{status: http.StatusOK, body: userBody{s.single(p)}, shows: p.sequence}, nil
}

// showBy makes the handler of GET /users/by_…?field=…, which answers the user with the lowest id.
func showBy(field string) func(*Server, *call) (answer, error) {
	return func(s *Server, c *call) (answer, error) {
		text := c.r.URL.Query().Get(field)
		wrong := problems{}
		if text == "" {
			wrong.add(field, "can't be blank")
			return answer{}, wrong.failure()
		}
		page, _, _ := s.users.search(query{limit: 1, conditions: []condition{{field: field, op: "equal", values: []string{text}}}})
		if len(page) == 0 {
			return answer{}, noUser()
		}
		return s.showOne(page[0])
	}
}

// listByName is GET /users/by_full_name?full_name=…
func listByName(s *Server, c *call) (answer, error) {
	return s.listOld(c, "full_name", func(params url.Values) condition {
		return condition{field: "full_name", op: "contains", values: params["full_name"]}
	})
}

// listByTags is GET /users/by_tags?tags=a,b: users with any of the tags.
func listByTags(s *Server, c *call) (answer, error) {
	return s.listOld(c, "tags", func(params url.Values) condition {
		return condition{field: "user_tags", op: "in", values: tags(value{text: strings.Join(append(params["tags"], params["tags[]"]...), ",")})}
	})
}

// listOld lists the users that meet one condition, made of the parameter that must be there.
func (s *Server) listOld(c *call, needed string, meet func(url.Values) condition) (answer, error) {
	q, wrong := query{}, problems{}
	params := c.r.URL.Query()
	if params.Get(needed) == "" && params.Get(needed+"[]") == "" {
		wrong.add(needed, "can't be blank")
	} else {
		q.conditions = []condition{meet(params)}
	}
	return s.answerOld(q, params, wrong)
}

// listOldUsers is GET /users: everybody, or those that pass every filter.
func listOldUsers(s *Server, c *call) (answer, error) {
	q, wrong := query{}, problems{}
	params := c.r.URL.Query()
	for _, key := range slices.Sorted(maps.Keys(params)) { // filter[], and filter[gt] as well
		if name, _, _ := strings.Cut(key, "["); name != "filter" {
			continue
		}
		for _, text := range params[key] {
			q.conditions = append(q.conditions, parseFilter(text, wrong)...)
		}
	}
	return s.answerOld(q, params, wrong)
}

func (s *Server) answerOld(q query, params url.Values, wrong problems) (answer, error) {
	page := 1
	q.limit = oldPageSize
	if text := params.Get("page"); text != "" {
		page = wholeParam("page", text, 1, wrong)
	}
	if text := params.Get("per_page"); text != "" {
		q.limit = min(wholeParam("per_page", text, 1, wrong), pageSize)
	}
	if text := params.Get("order"); text != "" {
		q.order(text, wrong)
	}
	if err := wrong.failure(); err != nil {
		return answer{}, err
	}
	q.offset = min(page-1, math.MaxInt/q.limit) * q.limit
	found, total, sequence := s.users.search(q)
	body := wrappedBody{Page: page, PerPage: q.limit, Total: total, Items: make([]userBody, len(found))}
	for i, p := range found {
		body.Items[i] = userBody{s.single(p)}
	}
	return answer{status: http.StatusOK, body: body, shows: sequence}, nil
}

// order reads "asc string login": direction, type (which says nothing new), field.
func (q *query) order(text string, wrong problems) {
	parts := strings.Fields(text)
	if len(parts) != 3 || parts[0] != "asc" && parts[0] != "desc" {
		wrong.add("order", "must look like: asc string login")
		return
	}
	if kind := oldKindOf(parts[2]); kind == unknownField || kind == tagField {
		wrong.add("order", "unknown field %q", parts[2])
		return
	}
	q.sorted("sort_"+parts[0], parts[2], wrong)
}

// oldKindOf is kindOf for v1, which knows all fields but custom_data.
func oldKindOf(field string) fieldKind {
	if kind := kindOf(field); kind != unknownField || field == "custom_data" || (&person{}).field(field) == nil {
		return kind
	}
	return standAlone
}

// parseFilter reads "string login in a,b": type (which says nothing new), field, operator, value.
func parseFilter(text string, wrong problems) []condition {
	parts := strings.SplitN(text, " ", 4)
	if len(parts) != 4 {
		wrong.add("filter", "must look like: string login in a,b")
		return nil
	}
	c := condition{field: parts[1], op: parts[2], values: []string{parts[3]}}
	kind := oldKindOf(c.field)
	if kind == unknownField || kind == tagField {
		wrong.add("filter", "unknown field %q", c.field)
		return nil
	}
	switch c.op {
	case "eq":
		c.op = "equal"
	case "in":
		c.values = strings.Split(parts[3], ",")
	case "ge":
		c.op = "gte"
	case "le":
		c.op = "lte"
	case "gt", "lt", "ne":
	case "between":
		return between(c, kind, wrong)
	default:
		wrong.add("filter", "unknown operator %q", c.op)
		return nil
	}
	c.checkOld(kind, wrong)
	return []condition{c}
}

// between is from,to with both ends.
func between(c condition, kind fieldKind, wrong problems) []condition {
	from, to, _ := strings.Cut(c.values[0], ",")
	low := condition{field: c.field, op: "gte", values: []string{from}}
	high := condition{field: c.field, op: "lte", values: []string{to}}
	low.checkOld(kind, wrong)
	high.checkOld(kind, wrong)
	return []condition{low, high}
}

// checkOld reads the values as the field needs them: v1 also compares ids, and takes a time for what it is equal to.
func (c *condition) checkOld(kind fieldKind, wrong problems) {
	compares := c.op != "equal" && c.op != "in" && c.op != "ne"
	if compares && c.field != "id" && kind != timeField || kind == timeField && c.op == "in" {
		wrong.add("filter", "%s doesn't take the operator %q", c.field, c.op)
		return
	}
	c.checkValues(kind, wrong)
	if compares && c.field == "id" {
		c.instant, _ = strconv.ParseInt(c.values[0], 10, 64) // checked above
	}
}
