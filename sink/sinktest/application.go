// Package sinktest is the conformance suite of account.Service: small cases, each of which proves one promise of the
// contract or one fact about ConnectyCube that cubesync rests on. It runs over the emulator in this repository's own
// tests, and by hand over a live application.
//
// It tests what an implementation does, not how: no requests are counted, and where the documentation leaves both
// answers open, both are accepted, as long as what is said and what is seen agree. It doesn't test what the service is
// like; finding out what credentials may do on an application is another tool's job.
//
// Cases return errors instead of failing a test, so that the suite itself can be proven to fail.
package sinktest

import (
	"fmt"
	"time"
	"unicode/utf8"

	"cubesync/sync/account"
)

// Application is an application as one case uses it. The case signs throw-away accounts up and changes and deletes
// those, never another account.
type Application struct {
	// Tag is on every account of the case, and begins its login and its external ID. Nobody else may use it, before or
	// after, for what bears it is deleted in the end. 8 to 32 characters: ASCII letters, digits and "-".
	Tag string

	Owner  account.Service // updates and deletes as each account's own user; signs up and reads, too
	Shared account.Service // updates and deletes as the user of the shared session; nil where there is none
	Admin  account.Service // deletes as admin; nil where there is no key

	// Password is the one that Owner opens the user of the external ID with.
	Password func(externalID string) string

	Lag   time.Duration // how long lists and look-ups may show the time before a write
	Tick  time.Duration // how finely the service tells when an account was changed; 0: no case waits for the next moment, and less is proven
	Crowd int           // accounts of the cases that need many, at least 3; more than 100 fill more than a page
	Facts Facts
}

// Facts are what is known of an application where the documentation is silent. What is unknown may be either way.
type Facts struct {
	SharedWrites      Answer // the shared session's user may update and delete others
	AdminDeletes      Answer // the Admin API is there and takes the key
	UniqueEmails      Answer
	UniqueExternalIDs Answer
	AnyCharacters     Answer // no text is refused for its characters
}

// Answer is what is known about a yes-or-no question.
type Answer uint8

// The answers; the zero value is not to know.
const (
	Unknown Answer = iota
	Yes
	No
)

// Known is the answer of somebody who knows.
func Known(yes bool) Answer {
	if yes {
		return Yes
	}
	return No
}

func (a Answer) check(question string, yes bool) error {
	if a != Unknown && a != Known(yes) {
		return fmt.Errorf("%s: it turned out to be %t, which is known to be wrong", question, yes)
	}
	return nil
}

func (a *Application) check() error {
	for _, r := range a.Tag {
		if r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return fmt.Errorf("sinktest: tag %q: only ASCII letters, digits and - are safe everywhere", a.Tag)
		}
	}
	switch n := utf8.RuneCountInString(a.Tag); {
	case n < 8 || n > 32:
		return fmt.Errorf("sinktest: tag %q has %d characters; it takes 8 to be nobody else's, and more than 32 don't fit a login", a.Tag, n)
	case a.Owner == nil || a.Password == nil:
		return fmt.Errorf("sinktest: Owner and Password are required")
	case a.Crowd < 3:
		return fmt.Errorf("sinktest: a crowd of %d is none", a.Crowd)
	}
	return nil
}
