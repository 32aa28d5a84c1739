package sinktest

import (
	"context"
	"errors"
	"fmt"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

type changeFunc = func(now account.Account) (account.Write, error)

func updateCases() []Case {
	return []Case{
		{"update-changes-only-that-field", "an update writes what change returns and leaves every other field alone", updateChangesOnlyThatField},
		{"update-clears-a-field", "an empty value clears its field", updateClearsAField},
		{"update-merges", "change sees the account as it is now, so that what others wrote meanwhile, tags and custom_data, can be kept", updateMerges},
		{"update-of-nothing", "when change returns no value nothing is written", updateOfNothing},
		{"update-external-id", "a written external ID is taken, or the answer shows the one that stays", updateExternalID},
		{"update-returns-changes-error", "the error of change comes back as it is, and nothing is written", updateReturnsChangesError},
		{"update-conflict", "a taken login is a conflict about the login, and neither account changes", updateConflict},
	}
}

// setting returns a change that sets the field.
func setting(field user.Field, text string) changeFunc {
	return func(account.Account) (account.Write, error) {
		var values user.Values
		values[field] = user.Text(text)
		return account.Write{Values: values}, nil
	}
}

// updateField updates one field as owner, and proves that the account is as wanted afterwards, whoever looks.
func (s *scene) updateField(ctx context.Context, before account.Account, field user.Field, text string) (account.Account, error) {
	var seen account.Account
	want := with(before, field, text)
	updated, err := s.update(ctx, s.Owner, before, func(now account.Account) (account.Write, error) {
		seen = now
		return setting(field, text)(now)
	})
	if err != nil {
		return updated, fmt.Errorf("setting %s to %q: %w", field, text, err)
	}
	if err := differences(seen, before); err != nil {
		return updated, fmt.Errorf("what change saw before setting %s: %w", field, err)
	}
	if err := errors.Join(differences(updated, want), s.stands(ctx, want)); err != nil {
		return updated, fmt.Errorf("after setting %s to %q: %w", field, text, err)
	}
	return want, nil
}

func updateChangesOnlyThatField(ctx context.Context, s *scene) error {
	u := s.person("ann")
	made, err := s.signUp(ctx, u)
	if err != nil {
		return err
	}
	now := accountOf(made.ID, u)
	others := user.Values{
		user.Login: user.Text(s.Tag + "-new"), user.Email: user.Text("new-" + u.Values[user.Email].Text),
		user.FullName: user.Text("Zoë Lee"), user.Phone: user.Text("+49 40 7654321"), user.Website: user.Text("http://example.net"),
		user.CustomData: user.Text(`{"team":"R&D"}`), user.Tags: user.Text(user.JoinTags([]string{s.Tag, "moved"})),
	}
	for _, field := range user.Fields() {
		if now, err = s.updateField(ctx, now, field, others[field].Text); err != nil {
			return err
		}
	}
	return errors.Join(
		s.foundByAll(ctx, now),
		s.nobody(ctx, account.ByLogin, u.Values[user.Login].Text),
		s.nobody(ctx, account.ByEmail, u.Values[user.Email].Text),
	)
}

func updateClearsAField(ctx context.Context, s *scene) error {
	u := s.person("ann")
	made, err := s.signUp(ctx, u)
	if err != nil {
		return err
	}
	now := accountOf(made.ID, u)
	for _, field := range []user.Field{user.Email, user.FullName, user.Phone, user.Website, user.CustomData, user.Tags} {
		if now, err = s.updateField(ctx, now, field, ""); err != nil {
			return err
		}
	}
	return s.nobody(ctx, account.ByEmail, u.Values[user.Email].Text)
}

func updateMerges(ctx context.Context, s *scene) error {
	u := s.person("ann")
	made, err := s.signUp(ctx, u)
	if err != nil {
		return err
	}
	before := accountOf(made.ID, u)
	_, err = s.update(ctx, s.Owner, before, func(account.Account) (account.Write, error) {
		var values user.Values
		values[user.Tags] = user.Text(user.JoinTags([]string{s.Tag, "staff", "theirs"}))
		values[user.CustomData] = user.Text(`{"team":"sales","theirs":true}`)
		return account.Write{Values: values}, nil
	})
	if err != nil {
		return err
	}
	updated, err := s.update(ctx, s.Owner, before, func(now account.Account) (account.Write, error) {
		var values user.Values
		tags := append(user.SplitTags(now.Values[user.Tags].Text), "ours")
		values[user.Tags] = user.Text(user.JoinTags(tags))
		merged, ok := user.MergeJSON(now.Values[user.CustomData].Text, `{"team":1}`, `{"ours":1}`)
		if !ok {
			return account.Write{}, fmt.Errorf("custom_data isn't an object: %q", now.Values[user.CustomData].Text)
		}
		values[user.CustomData] = user.Text(merged)
		return account.Write{Values: values}, nil
	})
	if err != nil {
		return err
	}
	want := with(before, user.Tags, user.JoinTags([]string{s.Tag, "ours", "staff", "theirs"}))
	want = with(want, user.CustomData, `{"ours":1,"theirs":true}`)
	return errors.Join(differences(updated, want), s.stands(ctx, want))
}

func updateOfNothing(ctx context.Context, s *scene) error {
	before, want, err := s.changedMeanwhile(ctx)
	if err != nil {
		return err
	}
	now, err := s.update(ctx, s.Owner, before, func(account.Account) (account.Write, error) { return account.Write{}, nil })
	if err != nil {
		return err
	}
	return errors.Join(differences(now, want), s.stands(ctx, want))
}

func updateExternalID(ctx context.Context, s *scene) error {
	u := s.person("ann")
	made, err := s.signUp(ctx, u)
	if err != nil {
		return err
	}
	before := accountOf(made.ID, u)
	want := with(before, user.FullName, "Zoë Lee")
	another := before.ExternalID + "-moved"
	updated, err := s.update(ctx, s.Owner, before, func(now account.Account) (account.Write, error) {
		w, err := setting(user.FullName, "Zoë Lee")(now)
		w.ExternalID = another
		return w, err
	})
	if err != nil {
		return err
	}
	if updated.ExternalID == another {
		want.ExternalID = another
	}
	wrong := errors.Join(differences(updated, want), s.stands(ctx, want))
	// Back again: the password, and with it the clean-up as owner, hangs on it.
	_, err = s.update(ctx, s.Owner, before, func(account.Account) (account.Write, error) {
		return account.Write{ExternalID: before.ExternalID}, nil
	})
	return errors.Join(wrong, err)
}

func updateReturnsChangesError(ctx context.Context, s *scene) error {
	before, want, err := s.changedMeanwhile(ctx)
	if err != nil {
		return err
	}
	skip := errors.New("not now")
	_, err = s.update(ctx, s.Owner, before, func(now account.Account) (account.Write, error) { return account.Write{Values: now.Values}, skip })
	if err != skip { //nolint:errorlint // as it is, the contract says
		return errors.Join(errors.New("this should be the error of change, as it is"), err)
	}
	return s.stands(ctx, want)
}

// changedMeanwhile returns an account as it was, and as it has become since.
func (s *scene) changedMeanwhile(ctx context.Context) (before, now account.Account, err error) {
	u := s.person("ann")
	made, err := s.signUp(ctx, u)
	if err != nil {
		return before, now, err
	}
	before = accountOf(made.ID, u)
	if _, err := s.update(ctx, s.Owner, before, setting(user.FullName, "Zoë Lee")); err != nil {
		return before, now, err
	}
	return before, with(before, user.FullName, "Zoë Lee"), nil
}

func updateConflict(ctx context.Context, s *scene) error {
	ann, bob := s.person("ann"), s.person("bob")
	one, err := s.signUp(ctx, ann)
	if err != nil {
		return err
	}
	two, err := s.signUp(ctx, bob)
	if err != nil {
		return err
	}
	_, err = s.update(ctx, s.Owner, accountOf(two.ID, bob), setting(user.Login, ann.Values[user.Login].Text))
	return errors.Join(taken(err, "login"), s.stands(ctx, accountOf(one.ID, ann)), s.stands(ctx, accountOf(two.ID, bob)))
}
