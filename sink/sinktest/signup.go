package sinktest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

func signUpCases() []Case {
	return []Case{
		{"sign-up-keeps-every-field", "a user gets every field that was sent, tags included, and the answer says so", signUpKeepsEveryField},
		{"sign-up-with-a-login-only", "what wasn't sent, or sent empty, is an empty field of the account, not an unknown one", signUpWithALoginOnly},
		{"odd-characters-survive", "Unicode, quotes, + and & arrive as they are, and are found by", oddCharactersSurvive},
		{"five-tags", "a user carries five tags, the owner tag included, and never more", fiveTags},
		{"invalid-sign-up", "what breaks the service's rules is refused as invalid, by field, and makes nobody", invalidSignUp},
		{"errors-keep-passwords", "no error shows a password", errorsKeepPasswords},
	}
}

func signUpKeepsEveryField(ctx context.Context, s *scene) error {
	u := s.person("ann")
	made, err := s.signUp(ctx, u)
	if err != nil {
		return err
	}
	if made.ID <= 0 {
		return fmt.Errorf("the new account has the id %d", made.ID)
	}
	return errors.Join(differences(made, accountOf(made.ID, u)), s.stands(ctx, accountOf(made.ID, u)))
}

func signUpWithALoginOnly(ctx context.Context, s *scene) error {
	u := s.bare("ann")
	u.Values[user.Phone], u.Values[user.CustomData] = user.Text(""), user.Text("")
	made, err := s.signUp(ctx, u)
	if err != nil {
		return err
	}
	return errors.Join(differences(made, accountOf(made.ID, u)), s.stands(ctx, accountOf(made.ID, u)))
}

// oddCharactersSurvive tries each oddity by itself: the service may refuse one, but not write another.
func oddCharactersSurvive(ctx context.Context, s *scene) error {
	set := func(field user.Field, suffix string) func(u *user.User) {
		return func(u *user.User) { u.Values[field] = user.Text(u.Values[field].Text + suffix) }
	}
	oddTag := s.Tag + " ü&+%"
	oddities := []func(u *user.User){
		set(user.Login, "+a&b=c%20d#e?f"),
		set(user.Login, `"ü" ł 日本`),
		set(user.FullName, " O'Neill-Łukasz “Zoë” \"x\" \\ <b>&amp;</b> 日本 👩‍🚀"),
		set(user.Website, "?a=b&c=%20+d#e"),
		func(u *user.User) { u.Values[user.Email] = user.Text("a+b'c&d=" + u.Values[user.Email].Text) },
		func(u *user.User) {
			u.Values[user.CustomData] = user.Text(`{"ü":"a\"b\\\n<&>","n":12345678901234567890}`)
		},
		func(u *user.User) { u.Values[user.Tags] = user.Text(user.JoinTags([]string{s.Tag, oddTag})) },
		func(u *user.User) { u.ExternalID += `+&"ü` },
	}
	for i, makeOdd := range oddities {
		u := s.person(fmt.Sprint("odd-", i))
		makeOdd(&u)
		made, err := s.create(ctx, u)
		if account.KindOf(err) == account.Invalid {
			known := s.Facts.AnyCharacters.check("any characters are welcome", false)
			if known != nil {
				known = errors.Join(known, err)
			}
			if err := errors.Join(known, s.unmade(ctx, u)); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("signing %s up: %w", u.ExternalID, err)
		}
		if err := s.foundByAll(ctx, accountOf(made.ID, u)); err != nil {
			return err
		}
		if made.HasTag(oddTag) {
			listed, err := s.list(ctx, oddTag)
			if err == nil && (len(listed) != 1 || listed[0].ID != made.ID) {
				err = fmt.Errorf("the tag %q lists %s, want account %d", oddTag, numbers(listed), made.ID)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// foundByAll proves that the account is found by each of its keys.
func (s *scene) foundByAll(ctx context.Context, want account.Account) error {
	return errors.Join(
		s.stands(ctx, want),
		s.shows(ctx, account.ByExternalID, want.ExternalID, want),
		s.shows(ctx, account.ByLogin, want.Values[user.Login].Text, want),
		s.shows(ctx, account.ByEmail, want.Values[user.Email].Text, want),
	)
}

func fiveTags(ctx context.Context, s *scene) error {
	tags := []string{s.Tag, "b", "c", "d", "e"}
	u := s.bare("five")
	u.Values[user.Tags] = user.Text(user.JoinTags(tags))
	made, err := s.signUp(ctx, u)
	if err != nil {
		return err
	}
	if err := s.stands(ctx, accountOf(made.ID, u)); err != nil {
		return err
	}
	u = s.bare("six")
	u.Values[user.Tags] = user.Text(user.JoinTags(append(tags, "f")))
	made, err = s.create(ctx, u)
	if err != nil {
		return errors.Join(refused(err, account.Invalid), s.unmade(ctx, u))
	}
	found, err := s.find(ctx, account.ByID, idOf(made))
	if err == nil && (len(found) != 1 || len(user.SplitTags(found[0].Values[user.Tags].Text)) > account.MaxTags) {
		err = errors.New("six tags were taken, where five are allowed")
	}
	return err
}

func invalidSignUp(ctx context.Context, s *scene) error {
	u := s.person("ann")
	u.Values[user.Login] = user.Text(strings.Repeat("x", 71)) // the documentation allows 3 to 70
	_, err := s.create(ctx, u)
	if wrong := refused(err, account.Invalid); wrong != nil {
		return errors.Join(wrong, s.unmade(ctx, u))
	}
	if failed, _ := errors.AsType[*account.Error](err); failed.Field != "login" || failed.Words == "" {
		return fmt.Errorf("this is about the field %q, want login, with the service's words: %w", failed.Field, err)
	}
	return s.unmade(ctx, u)
}

func errorsKeepPasswords(ctx context.Context, s *scene) error {
	u := s.person("ann")
	if _, err := s.signUp(ctx, u); err != nil {
		return err
	}
	_, err := s.create(ctx, u)
	if err == nil {
		return errors.New("the same user was signed up twice")
	}
	if strings.Contains(err.Error(), s.Password(u.ExternalID)) {
		return errors.New("the error of a sign-up shows the password")
	}
	return nil
}
