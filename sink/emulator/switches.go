package emulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Switch is one thing that the documentation leaves open, and how this server answers it. String is the setting, Set
// changes it and refuses what it can't be; Type is "bool", "int", "duration" or "string". So a Switch is a flag's value.
type Switch struct {
	Name    string
	Changes string
	Default string
	setting
}

type setting interface {
	String() string
	Set(string) error
	Type() string
	answers() []string
}

// Changed reports whether the switch isn't at its default.
func (s Switch) Changed() bool { return s.String() != s.Default }

// Switches is the table of all switches. Setting one changes the options it was taken from.
func (o *Options) Switches() []Switch {
	return []Switch{
		{"write-others", "a user session may update and delete other users", "false", (*boolean)(&o.WriteOthers)},
		{"others-answer", "a refused write to another user answers 403 or 404", "403", choice{&o.OthersAnswer, "403|404"}},
		{"no-admin-api", "the Admin API refuses every key, as on smaller plans", "false", (*boolean)(&o.NoAdminAPI)},
		{"shared-external-ids", "several users may have one external ID", "false", (*boolean)(&o.SharedExternalIDs)},
		{"shared-emails", "several users may have one e-mail", "false", (*boolean)(&o.SharedEmails)},
		{"shared-social-ids", "several users may have one Facebook or Twitter id", "false", (*boolean)(&o.SharedSocialIDs)},
		{"fixed-external-ids", "PUT /users/{id} ignores external_id", "false", (*boolean)(&o.FixedExternalIDs)},
		{"any-case-logins", "logins that differ in case only are one", "false", (*boolean)(&o.AnyCaseLogins)},
		{"keeps-email-case", "e-mails are shown as written, not in lower case", "false", (*boolean)(&o.KeepsEmailCase)},
		{"keeps-spaces", "the spaces around a text stay", "false", (*boolean)(&o.KeepsSpaces)},
		{"any-password", "a password may have any length", "false", (*boolean)(&o.AnyPassword)},
		{"deny-on-the-fly", "POST /session makes no users of unknown logins", "false", (*boolean)(&o.DenyOnTheFly)},
		{"login-creates-users", "POST /login makes users of unknown logins too", "false", (*boolean)(&o.LoginCreatesUsers)},
		{"sign-in-ends-others", "a sign-in ends the user's other sessions", "false", (*boolean)(&o.SignInEndsOthers)},
		{"sign-in-updates", "a sign-in moves the user's updated_at", "false", (*boolean)(&o.SignInUpdates)},
		{"activity-updates", "a user's sign-ins and requests move updated_at", "false", (*boolean)(&o.ActivityUpdates)},
		{"no-retry-after", "429 comes without Retry-After", "false", (*boolean)(&o.NoRetryAfter)},
		{"list-lag", "lists show a write only so long after it", "0s", (*span)(&o.ListLag)},
		{"newest-first", "lists begin with the newest user unless a sort is asked for", "false", (*boolean)(&o.NewestFirst)},
		{"tags", "tags are an array in v2 lists and text elsewhere (mixed), or always one of them", "mixed", choice{&o.Tags, "mixed|array|text"}},
		{"in-values", "how many values [in] and [nin] take, more are refused with 400; 0: any number", "0", (*whole)(&o.InValues)},
		{"require-signature", "POST /session must be signed", "false", (*boolean)(&o.RequireSignature)},
		{"reset-by", "the methods that reset a password; another answers 405", "both", choice{&o.ResetBy, "both|get|post"}},
		{"empty-answers", "calls with nothing to tell answer nothing instead of {}", "false", (*boolean)(&o.EmptyAnswers)},
		{"no-v1", "the deprecated reads of v1 are forbidden, as in new applications", "false", (*boolean)(&o.NoV1)},
		{"no-v2", "GET /users/v2 doesn't exist, as on old servers of one's own", "false", (*boolean)(&o.NoV2)},
	}
}

// check says which switch has a setting that it can't have, and what is wrong with the identity provider.
func (o Options) check() error {
	for _, s := range o.Switches() {
		if err := s.Set(s.String()); err != nil {
			return fmt.Errorf("switch %s: %w", s.Name, err)
		}
	}
	return o.Identity.Check()
}

type boolean bool

func (b *boolean) String() string { return strconv.FormatBool(bool(*b)) }
func (b *boolean) Type() string   { return "bool" }

func (b *boolean) Set(text string) error {
	v, err := strconv.ParseBool(text)
	if err != nil {
		return fmt.Errorf("%q: write true or false", text)
	}
	*b = boolean(v)
	return nil
}

type whole int

func (w *whole) String() string { return strconv.Itoa(int(*w)) }
func (w *whole) Type() string   { return "int" }

func (w *whole) Set(text string) error {
	v, err := strconv.Atoi(text)
	if err != nil || v < 0 {
		return fmt.Errorf("%q: write a whole number, 0 or more", text)
	}
	*w = whole(v)
	return nil
}

type span time.Duration

func (s *span) String() string { return time.Duration(*s).String() }
func (s *span) Type() string   { return "duration" }

func (s *span) Set(text string) error {
	v, err := time.ParseDuration(text)
	if err != nil || v < 0 {
		return fmt.Errorf("%q: write a duration like 2s, 0s or more", text)
	}
	*s = span(v)
	return nil
}

// choice is one of several words, separated by "|"; "" is the first.
type choice struct {
	word  *string
	words string
}

func (c choice) Type() string { return "string" }

func (c choice) String() string {
	if *c.word == "" {
		first, _, _ := strings.Cut(c.words, "|")
		return first
	}
	return *c.word
}

func (c choice) Set(text string) error {
	if !slices.Contains(strings.Split(c.words, "|"), text) {
		return fmt.Errorf("%q: write one of %s", text, c.words)
	}
	*c.word = text
	return nil
}
