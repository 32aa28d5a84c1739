// Package account holds a user's entry in ConnectyCube and the contract of the service that keeps the entries. What
// speaks to a real server lives in sink/; nothing here does I/O.
package account

import (
	"context"
	"slices"
	"time"

	"cubesync/sync/user"
)

// MaxTags is how many tags the service lets a user carry, the owner tag included.
const MaxTags = 5

// Account is a user's entry in ConnectyCube, as the service last showed it. All its values are set.
type Account struct {
	ID         int64
	ExternalID string // "" where it has none
	Values     user.Values
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// HasTag reports whether the account carries the tag.
func (a Account) HasTag(tag string) bool {
	return slices.Contains(user.SplitTags(a.Values[user.Tags].Text), tag)
}

// Write is what an update changes. Its zero value changes nothing.
type Write struct {
	Values     user.Values // the set ones are written
	ExternalID string      // "" leaves the account's
	// Password is the user's new one, "" leaves theirs. The service wants the old one with it, so it can be written as
	// the account's user only; other authorities refuse it as Forbidden without a call.
	Password string
}

// Key is something that accounts can be looked up by.
type Key string

// The keys of a look-up, named as the service names them.
const (
	ByID         Key = "id"
	ByExternalID Key = "external_id"
	ByLogin      Key = "login"
	ByEmail      Key = "email"
)

// Service is one ConnectyCube application. Implementations are safe for concurrent use, keep within the
// application's rate limit by themselves, and repeat by themselves only what can't act twice. Every error that the
// service answered, or that kept it from answering, is an *Error, whose Kind says what to do.
type Service interface {
	// List yields every account that carries the tag, once each, by rising id. It returns an error rather than
	// a list that may have gaps. It stops early with the error that yield returns.
	List(ctx context.Context, tag string, yield func(Account) error) error

	// ListChanged yields the accounts that carry the tag and were changed in the second of since or later, by the
	// service's clock, once each, by rising id; others that carry it may be among them, and all of them are where since
	// is zero. It returns how many carry the tag in all, counted before the first was yielded: only that tells of who
	// lost the tag or was deleted. Like List it returns an error rather than leave gaps, but who is changed during the
	// call may be left to the next one. So that one's since must not be later than the beginning of this call, less the
	// time that a write may take to be listed.
	ListChanged(ctx context.Context, tag string, since time.Time, yield func(Account) error) (total int, err error)

	// Find returns the accounts that hold one of the values under the key, in any order; values that nobody
	// holds are left out. Any number of values may be given.
	Find(ctx context.Context, key Key, values []string) ([]Account, error)

	// Create signs a user up and returns the new account. An Ambiguous error means that the account may exist
	// now or later: repeat only with the same login.
	Create(ctx context.Context, u user.User, password string) (Account, error)

	// Update reads the account afresh under the authority that will write it and calls change with what it is
	// now. What change returns is written in one call, and the account after the write is returned: what the service
	// made of it, the old external ID for one that it doesn't take. When change returns the zero Write, or an error,
	// nothing is written; the error is returned as it is. An Ambiguous error means that the write may have happened.
	// Where it is done as the account's user, their password is that of known's ExternalID.
	Update(ctx context.Context, known Account, change func(now Account) (Write, error)) (Account, error)

	// Delete asks for the account's deletion. A nil error is only the service's word: whether the account is
	// gone is shown by Find.
	Delete(ctx context.Context, known Account) error

	// Clock returns what time it is by the service's clock, as its last answer told; zero where it never did.
	Clock() time.Time
}
