package emulator

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// failure is a refusal: a status and a body in one of the shapes the service uses. All of them are made in this file.
type failure struct {
	status int
	body   any
	header [2]string // one more header, or empty
}

func (f *failure) Error() string { return fmt.Sprintf("%d: %v", f.status, f.body) }

// problems are the complaints about one request, by field; "base" holds those about the whole.
type problems map[string][]string

func (p problems) add(field, format string, args ...any) {
	p[field] = append(p[field], fmt.Sprintf(format, args...))
}

// failure is nil when there is nothing to complain about.
func (p problems) failure() error {
	if len(p) == 0 {
		return nil
	}
	return &failure{status: http.StatusUnprocessableEntity, body: fieldErrors{p}}
}

func (p problems) String() string {
	var parts []string
	for _, field := range slices.Sorted(maps.Keys(p)) {
		parts = append(parts, field+" "+strings.Join(p[field], ", "))
	}
	return strings.Join(parts, "; ")
}

type (
	fieldErrors struct {
		Errors problems `json:"errors"`
	}
	listErrors struct {
		Errors []string `json:"errors"`
	}
	message struct {
		Message string `json:"message"`
	}
)

func baseFailure(status int, format string, args ...any) error {
	return &failure{status: status, body: fieldErrors{problems{"base": {fmt.Sprintf(format, args...)}}}}
}

func noSession() error {
	return baseFailure(http.StatusUnauthorized, "Required session does not exist")
}

func wrongCredential(parameter, complaint string) error {
	return &failure{status: http.StatusUnauthorized, body: fieldErrors{problems{parameter: {complaint}}}}
}

func wrongPassword() error {
	return &failure{status: http.StatusUnauthorized, body: listErrors{[]string{"Unauthorized"}}}
}

func needUser() error { return baseFailure(http.StatusForbidden, "Forbidden. Need user.") }

func needAdminKey() error {
	return baseFailure(http.StatusForbidden, "Forbidden. CB-Administration-API-Key is missing or wrong.")
}

func noAdminAPI() error {
	return baseFailure(http.StatusForbidden, "Forbidden. The Admin API isn't part of this plan.")
}

// noV1 has the documented words; its status isn't documented.
func noV1() error {
	return baseFailure(http.StatusForbidden, "Users retrieving forbidden in admin panel, application settings.")
}

// badAuthentication is what the service says when a Custom Identity Provider doesn't vouch for a sign-in; its words and
// status were seen in ConnectyCube/connectycube-reactnative-samples issue 88.
func badAuthentication(format string, args ...any) error {
	return &failure{status: http.StatusUnprocessableEntity,
		body: listErrors{[]string{"Bad Authentication data. " + fmt.Sprintf(format, args...)}}}
}

func notYours() error {
	return &failure{status: http.StatusForbidden,
		body: listErrors{[]string{"You don't have appropriate permissions to perform this operation"}}}
}

func noUser() error { return baseFailure(http.StatusNotFound, "Couldn't find user.") }

func noBlob() error { return baseFailure(http.StatusNotFound, "Couldn't find blob.") }

func noRoute(method, path string) error {
	return &failure{status: http.StatusNotFound,
		body: message{fmt.Sprintf("E_ROUTE_NOT_FOUND: Cannot %s:%s", method, path)}}
}

func wrongMethod(method, path string, allowed []string) error {
	return &failure{status: http.StatusMethodNotAllowed,
		body:   message{fmt.Sprintf("E_METHOD_NOT_ALLOWED: Cannot %s:%s", method, path)},
		header: [2]string{"Allow", strings.Join(allowed, ", ")}}
}

func malformed(format string, args ...any) error {
	return baseFailure(http.StatusBadRequest, format, args...)
}

func tooLarge() error {
	return baseFailure(http.StatusRequestEntityTooLarge, "The body is larger than %d bytes", maxBody)
}

func (s *Server) tooMany() error {
	f := &failure{status: http.StatusTooManyRequests, body: listErrors{[]string{"Too many requests"}}}
	if s.options.RequestsPerSecond > 0 {
		f.body = listErrors{[]string{fmt.Sprintf("Too many requests: the limit is %d a second", s.options.RequestsPerSecond)}}
	}
	if !s.options.NoRetryAfter {
		f.header = [2]string{"Retry-After", "1"}
	}
	return f
}

func broken(err error) error {
	return baseFailure(http.StatusInternalServerError, "%v", err)
}
