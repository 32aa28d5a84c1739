package sinktest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"cubesync/sink/sinktest"
	"cubesync/sync/account"
	"cubesync/sync/user"
)

const tag = "throw-away"

// application is the memory with all authorities, and a breach if there is one.
func application(m *memory, wrong breach) *sinktest.Application {
	service := func(who string) account.Service {
		next := account.Service(as{m, who})
		if who != wrong.who {
			return next
		}
		b := wrong.breaks(m, next)
		b.Service = next
		return b
	}
	return &sinktest.Application{
		Tag: tag, Owner: service("owner"), Shared: service("shared"), Admin: service("admin"),
		Password: passwordOf, Tick: time.Second, Crowd: 103,
	}
}

// An application that keeps its promises passes, whatever it answers where both answers are allowed.
func TestWorkingApplicationsPass(t *testing.T) {
	for name, answer := range map[string]func(*memory){
		"strict":              func(*memory) {},
		"shared-writes":       func(m *memory) { m.sharedWrites = true },
		"no-admin":            func(m *memory) { m.noAdmin = true },
		"plain-logins":        func(m *memory) { m.plainLogins = true },
		"repeat-emails":       func(m *memory) { m.repeatEmails = true },
		"repeat-external-ids": func(m *memory) { m.repeatExternalIDs = true },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			answer(m)
			facts := sinktest.Facts{
				SharedWrites: sinktest.Known(m.sharedWrites), AdminDeletes: sinktest.Known(!m.noAdmin),
				UniqueEmails: sinktest.Known(!m.repeatEmails), UniqueExternalIDs: sinktest.Known(!m.repeatExternalIDs),
				AnyCharacters: sinktest.Known(!m.plainLogins),
			}
			for _, known := range []sinktest.Facts{facts, {}} {
				sinktest.Run(t, func(*testing.T) *sinktest.Application {
					app := application(m, breach{})
					app.Facts, app.Tick = known, 0
					return app
				})
			}
			if len(m.accounts) != 0 {
				t.Errorf("%d accounts are left", len(m.accounts))
			}
		})
	}
}

// Nor does one fail where the cases wait for the next moment.
func TestWorkingApplicationPassesInTime(t *testing.T) {
	for _, c := range sinktest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if err := c.Prove(t.Context(), application(newMemory(), breach{})); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func cases() map[string]sinktest.Case {
	byName := map[string]sinktest.Case{}
	for _, c := range sinktest.Cases() {
		byName[c.Name] = c
	}
	return byName
}

// Every case turns red over some application that breaks one rule, and every broken rule turns its case red.
func TestBrokenApplicationsFail(t *testing.T) {
	all, red := cases(), map[string]bool{}
	for _, wrong := range breaches() {
		t.Run(kebab(wrong.rule), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // some broken calls take a minute
				err := all[wrong.caught].Prove(t.Context(), application(newMemory(), wrong))
				if err == nil {
					t.Fatalf("%s doesn't notice", wrong.caught)
				}
				t.Log(err)
			})
		})
		red[wrong.caught] = true
	}
	for name := range all {
		if !red[name] {
			t.Errorf("nothing proves that %s can fail", name)
		}
	}
	if len(all) != len(sinktest.Cases()) {
		t.Error("two cases have one name")
	}
}

func kebab(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), "-")
}

// What is known of an application is held against it.
func TestKnownFactsMustHold(t *testing.T) {
	for name, wrong := range map[string]sinktest.Facts{
		"update-as-shared":             {SharedWrites: sinktest.Yes},
		"delete-as-shared":             {SharedWrites: sinktest.Yes},
		"delete-as-admin":              {AdminDeletes: sinktest.No},
		"email-is-unique-or-not":       {UniqueEmails: sinktest.No},
		"external-id-is-unique-or-not": {UniqueExternalIDs: sinktest.No},
		"odd-characters-survive":       {AnyCharacters: sinktest.Yes},
	} {
		t.Run(name, func(t *testing.T) {
			app := application(&memory{plainLogins: true, accounts: map[int64]account.Account{}, passwords: map[int64]string{}}, breach{})
			app.Facts = wrong
			if err := cases()[name].Prove(t.Context(), app); err == nil || !strings.Contains(err.Error(), "known to be wrong") {
				t.Errorf("got error %v", err)
			}
		})
	}
}

func TestCasesRemoveTheirAccounts(t *testing.T) {
	t.Run("also-when-they-fail", func(t *testing.T) {
		for _, wrong := range brokenSignUps() {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory()
				if err := cases()[wrong.caught].Prove(t.Context(), application(m, wrong)); err == nil || len(m.accounts) != 0 {
					t.Errorf("%s: error %v; %d accounts are left", wrong.rule, err, len(m.accounts))
				}
			})
		}
	})
	t.Run("what-is-left-fails-the-case", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			app := application(m, breach{})
			nothing := broken{Service: app.Owner}
			nothing.delete = deleting(func(*memory, account.Service, account.Account) error { return nil })(m, nil).delete
			app.Owner, app.Admin = nothing, nothing
			err := cases()["find-by-every-key"].Prove(t.Context(), app)
			if err == nil || !strings.Contains(err.Error(), "account 1 can't be removed") {
				t.Errorf("got error %v", err)
			}
		})
	})
	t.Run("who-may-be-there-is-named", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			app := application(newMemory(), breach{})
			lost := broken{Service: app.Owner}
			lost.create = func(context.Context, user.User, string) (account.Account, error) {
				return account.Account{}, &account.Error{Kind: account.Ambiguous, Call: "sign up", Words: "lost"}
			}
			app.Owner = lost
			err := cases()["find-by-every-key"].Prove(t.Context(), app)
			if err == nil || !strings.Contains(err.Error(), "an account of the login throw-away-ann can't be removed") {
				t.Errorf("got error %v", err)
			}
		})
	})
	t.Run("as-owner-where-admin-is-refused", func(t *testing.T) {
		m := newMemory()
		m.noAdmin = true
		if err := cases()["find-by-every-key"].Prove(t.Context(), application(m, breach{})); err != nil || len(m.accounts) != 0 {
			t.Errorf("error %v; %d accounts are left", err, len(m.accounts))
		}
	})
	t.Run("nobody-else", func(t *testing.T) {
		m := newMemory()
		bystander := account.Account{ID: 7, ExternalID: "somebody"}
		m.accounts[7], m.lastID = bystander, 7
		everybody := breach{who: "owner", breaks: listed(func(m *memory, _ string, _ []account.Account) []account.Account { return m.sorted() })}
		_ = cases()["find-by-every-key"].Prove(t.Context(), application(m, everybody))
		if len(m.accounts) != 1 || m.accounts[7] != bystander {
			t.Errorf("left are %v", m.accounts)
		}
	})
}

func TestMissingAuthorityIsNotAFailure(t *testing.T) {
	for name, without := range map[string]func(*sinktest.Application){
		"update-as-shared": func(app *sinktest.Application) { app.Shared = nil },
		"delete-as-shared": func(app *sinktest.Application) { app.Shared = nil },
		"delete-as-admin":  func(app *sinktest.Application) { app.Admin = nil },
	} {
		t.Run(name, func(t *testing.T) {
			app := application(newMemory(), breach{})
			without(app)
			if err := cases()[name].Prove(t.Context(), app); !errors.Is(err, sinktest.ErrNotHere) {
				t.Errorf("got error %v", err)
			}
		})
	}
	t.Run("alone", func(t *testing.T) {
		sinktest.Run(t, func(*testing.T) *sinktest.Application {
			app := application(newMemory(), breach{})
			app.Shared, app.Admin, app.Tick = nil, nil, 0
			return app
		})
	})
}

func TestApplicationIsChecked(t *testing.T) {
	for name, spoil := range map[string]func(*sinktest.Application){
		"no-tag":      func(app *sinktest.Application) { app.Tag = "" },
		"short-tag":   func(app *sinktest.Application) { app.Tag = "hr" },
		"long-tag":    func(app *sinktest.Application) { app.Tag = strings.Repeat("x", 33) },
		"odd-tag":     func(app *sinktest.Application) { app.Tag = "throw,away" },
		"no-owner":    func(app *sinktest.Application) { app.Owner = nil },
		"no-password": func(app *sinktest.Application) { app.Password = nil },
		"no-crowd":    func(app *sinktest.Application) { app.Crowd = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			app := application(m, breach{})
			spoil(app)
			if err := sinktest.Cases()[0].Prove(t.Context(), app); err == nil || !strings.HasPrefix(err.Error(), "sinktest: ") || m.lastID != 0 {
				t.Errorf("error %v; %d accounts were made", err, m.lastID)
			}
		})
	}
}
