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
	now     string // what a setting other than the default means, with %s in its place
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

// Key is the switch's name in a configuration.
func (s Switch) Key() string { return strings.ReplaceAll(s.Name, "-", "_") }

// Says is what a switch that isn't at its default makes the server do.
func (s Switch) Says() string { return strings.ReplaceAll(s.now, "%s", s.String()) }

// onOff is a switch that is off by default. What it changes is what it does when it is on.
func onOff(name, changes string, on *bool) Switch {
	return Switch{name, changes, "false", changes, (*boolean)(on)}
}

// Switches is the table of all switches. Setting one changes the options it was taken from.
func (o *Options) Switches() []Switch {
	return []Switch{
		onOff("write-others", "a user session may update and delete other users", &o.WriteOthers),
		{"others-answer", "a refused write to another user answers 403 or 404", "403", "a refused write to another user answers %s", choice{&o.OthersAnswer, "403|404"}},
		onOff("no-admin-api", "the Admin API refuses every key, as on smaller plans", &o.NoAdminAPI),
		onOff("shared-external-ids", "several users may have one external ID", &o.SharedExternalIDs),
		onOff("shared-emails", "several users may have one e-mail", &o.SharedEmails),
		onOff("shared-social-ids", "several users may have one Facebook or Twitter id", &o.SharedSocialIDs),
		onOff("fixed-external-ids", "PUT /users/{id} ignores external_id", &o.FixedExternalIDs),
		onOff("any-case-logins", "logins that differ in case only are one", &o.AnyCaseLogins),
		onOff("keeps-email-case", "e-mails are shown as written, not in lower case", &o.KeepsEmailCase),
		onOff("keeps-spaces", "the spaces around a text stay", &o.KeepsSpaces),
		onOff("any-password", "a password may have any length", &o.AnyPassword),
		onOff("deny-on-the-fly", "POST /session makes no users of unknown logins", &o.DenyOnTheFly),
		onOff("login-creates-users", "POST /login makes users of unknown logins too", &o.LoginCreatesUsers),
		onOff("sign-in-ends-others", "a sign-in ends the user's other sessions", &o.SignInEndsOthers),
		onOff("sign-in-updates", "a sign-in moves the user's updated_at", &o.SignInUpdates),
		onOff("activity-updates", "a user's sign-ins and requests move updated_at", &o.ActivityUpdates),
		onOff("no-retry-after", "429 comes without Retry-After", &o.NoRetryAfter),
		{"list-lag", "lists show a write only so long after it", "0s", "lists show a write %s after it", (*span)(&o.ListLag)},
		onOff("newest-first", "lists begin with the newest user unless a sort is asked for", &o.NewestFirst),
		{"tags", "tags are an array in v2 lists and text elsewhere (mixed), or always one of them", "mixed", "tags are always shown as %s", choice{&o.Tags, "mixed|array|text"}},
		{"in-values", "how many values [in] and [nin] take, more are refused with 400; 0: any number", "0", "[in] and [nin] take at most %s values, more are refused with 400", (*whole)(&o.InValues)},
		onOff("require-signature", "POST /session must be signed", &o.RequireSignature),
		{"reset-by", "the methods that reset a password; another answers 405", "both", "only the method %s resets a password, another answers 405", choice{&o.ResetBy, "both|get|post"}},
		onOff("empty-answers", "calls with nothing to tell answer nothing instead of {}", &o.EmptyAnswers),
		onOff("no-v1", "the deprecated reads of v1 are forbidden, as in new applications", &o.NoV1),
		onOff("no-v2", "GET /users/v2 doesn't exist, as on old servers of one's own", &o.NoV2),
	}
}

// Check says what no server can work with: an application id that isn't a number, a switch with a setting that it can't
// have, an impossible identity provider. Open refuses it too.
func (o Options) Check() error {
	if id, _ := strconv.ParseInt(o.ApplicationID, 10, 64); o.ApplicationID != "" && (id < 1 || strconv.FormatInt(id, 10) != o.ApplicationID) {
		return fmt.Errorf("the application id %q must be a number above 0, as the service's are", o.ApplicationID)
	}
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
