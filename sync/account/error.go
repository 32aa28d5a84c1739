package account

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind sorts what can go wrong with a call by what has to be done about it.
type Kind uint8

// The kinds of error. The zero Kind is what can't be classified, and is treated as Ambiguous.
const (
	Ambiguous       Kind = iota // it may have happened, or happen yet: find out before anything else
	Invalid                     // refused for what it says; the same call is refused again
	Conflict                    // a value that must be unique is taken
	NotFound                    // no such user, or not ours to see: never proof that somebody is gone
	Unauthenticated             // the credentials of the application or of the service user are refused
	PasswordNotOurs             // the user signs in with another password than the one we can derive
	Forbidden                   // the credentials don't permit it
	Throttled                   // too many requests, even after waiting
	Unavailable                 // the service can't be reached or is in trouble; nothing happened
)

var kindNames = [...]string{
	"ambiguous", "invalid", "conflict", "not found", "unauthenticated", "password not ours", "forbidden", "throttled", "unavailable",
}

func (k Kind) String() string { return kindNames[k] }

// Unusable reports whether the whole service, not one user, is concerned: a run can't go on.
func (k Kind) Unusable() bool {
	return k == Unauthenticated || k == Throttled || k == Unavailable
}

// Error is a call that failed. It never holds a secret.
type Error struct {
	Kind      Kind
	Call      string        // what was called: "sign up", "list users"
	Field     string        // for Invalid and Conflict: the field that the service complains of, as it names it
	Words     string        // the service's own words, or what kept it from answering
	Hint      string        // what to do, "" where the words say it
	Status    int           // HTTP status, 0 without an answer
	RequestID string        // the service's number of the request, where it gave one
	Delay     time.Duration // for Throttled: how long the service asked to wait, 0 where it didn't say
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Call)
	b.WriteString(": ")
	b.WriteString(e.Kind.String())
	if e.Status != 0 {
		fmt.Fprintf(&b, " (HTTP %d)", e.Status)
	}
	if e.Words != "" {
		b.WriteString(": " + strings.TrimRight(e.Words, "."))
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// KindOf returns the kind of an error of a Service; what isn't an *Error is Ambiguous.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Ambiguous
}
