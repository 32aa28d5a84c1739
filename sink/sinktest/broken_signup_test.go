package sinktest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

func brokenSignUps() []breach {
	return []breach{
		{"a foreign tag is left out", "owner", "sign-up-keeps-every-field", sending(func(u *user.User) {
			u.Values[user.Tags].Text = strings.TrimPrefix(u.Values[user.Tags].Text, "staff,")
		})},
		{"the phone is left out of what is stored, not of the answer", "owner", "sign-up-keeps-every-field", func(m *memory, next account.Service) broken {
			return broken{create: func(ctx context.Context, u user.User, password string) (account.Account, error) {
				made, err := next.Create(ctx, u, password)
				m.write(made.ID, func(a *account.Account) { a.Values[user.Phone] = user.Text("") })
				return made, err
			}}
		}},
		{"empty fields are unset in the answer", "owner", "sign-up-with-a-login-only", func(_ *memory, next account.Service) broken {
			return broken{create: func(ctx context.Context, u user.User, password string) (account.Account, error) {
				made, err := next.Create(ctx, u, password)
				for field, value := range made.Values {
					made.Values[field].Set = value.Text != ""
				}
				return made, err
			}}
		}},
		{"a + becomes a space", "owner", "odd-characters-survive", sending(func(u *user.User) {
			u.Values[user.Login].Text = strings.ReplaceAll(u.Values[user.Login].Text, "+", " ")
		})},
		{"text is escaped for HTML", "owner", "odd-characters-survive", sending(func(u *user.User) {
			u.Values[user.FullName].Text = strings.ReplaceAll(u.Values[user.FullName].Text, "<", "&lt;")
		})},
		{"the fifth tag is left out", "owner", "five-tags", sending(func(u *user.User) {
			tags := user.SplitTags(u.Values[user.Tags].Text)
			u.Values[user.Tags].Text = strings.Join(tags[:min(4, len(tags))], ",")
		})},
		{"six tags are refused, but the user is made", "owner", "five-tags", func(_ *memory, next account.Service) broken {
			return broken{create: func(ctx context.Context, u user.User, password string) (account.Account, error) {
				made, err := next.Create(ctx, u, password)
				if account.KindOf(err) == account.Invalid && u.Values[user.Tags].Set {
					u.Values[user.Tags].Text = strings.Join(user.SplitTags(u.Values[user.Tags].Text)[:1], ",")
					_, _ = next.Create(ctx, u, password)
				}
				return made, err
			}}
		}},
		{"a refusal is ambiguous", "owner", "invalid-sign-up", instead(account.Invalid, account.Ambiguous, "login")},
		{"a refusal doesn't say which field", "owner", "invalid-sign-up", instead(account.Invalid, account.Invalid, "")},
		{"refusals aren't an account.Error", "owner", "invalid-sign-up", rewriting(func(err error) error {
			if err == nil {
				return nil
			}
			return errors.New(err.Error())
		})},
		{"the error of a sign-up repeats what was sent", "owner", "errors-keep-passwords", func(_ *memory, next account.Service) broken {
			return broken{create: func(ctx context.Context, u user.User, password string) (account.Account, error) {
				made, err := next.Create(ctx, u, password)
				if failed, ok := errors.AsType[*account.Error](err); ok {
					failed.Words += fmt.Sprintf(": you sent %v with %s", u, password)
				}
				return made, err
			}}
		}},
		{"a taken login is an invalid one", "owner", "login-is-unique", instead(account.Conflict, account.Invalid, "login")},
		{"a conflict doesn't say which field", "owner", "login-is-unique", instead(account.Conflict, account.Conflict, "")},
		{"a taken login gets a number", "owner", "login-is-unique", func(_ *memory, next account.Service) broken {
			return broken{create: func(ctx context.Context, u user.User, password string) (account.Account, error) {
				made, err := next.Create(ctx, u, password)
				if account.KindOf(err) == account.Conflict {
					u.Values[user.Login].Text += "-2"
					return next.Create(ctx, u, password)
				}
				return made, err
			}}
		}},
		{"a taken login's user is taken for the new one", "owner", "same-sign-up-again", func(_ *memory, next account.Service) broken {
			return broken{create: func(ctx context.Context, u user.User, password string) (account.Account, error) {
				made, err := next.Create(ctx, u, password)
				if account.KindOf(err) == account.Conflict {
					if there, err := next.Find(ctx, account.ByLogin, []string{u.Values[user.Login].Text}); err == nil && len(there) == 1 {
						return there[0], nil
					}
				}
				return made, err
			}}
		}},
		{"two users may have one login", "owner", "racing-sign-ups", func(m *memory, _ account.Service) broken {
			m.repeatLogins = true
			return broken{}
		}},
		{"a taken e-mail is a conflict, but the user is made without it", "owner", "email-is-unique-or-not", takenButMade(account.ByEmail)},
		{"a taken external ID is a conflict, but the user is made without it", "owner", "external-id-is-unique-or-not", takenButMade(account.ByExternalID)},
	}
}

func takenButMade(key account.Key) func(*memory, account.Service) broken {
	return func(_ *memory, next account.Service) broken {
		return broken{create: func(ctx context.Context, u user.User, password string) (account.Account, error) {
			made, err := next.Create(ctx, u, password)
			if failed, ok := errors.AsType[*account.Error](err); ok && failed.Field == string(key) {
				if key == account.ByEmail {
					u.Values[user.Email].Text = ""
				} else {
					u.ExternalID = ""
				}
				_, _ = next.Create(ctx, u, password)
			}
			return made, err
		}}
	}
}
