package sinktest

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

func findCases() []Case {
	return []Case{
		{"find-by-every-key", "an account is found by its id, external ID, login and e-mail", findByEveryKey},
		{"find-is-exact", "a look-up finds whole values of its own key only, and leaves out what nobody holds", findIsExact},
		{"find-takes-any-number", "look-ups take any number of values, more than one call carries, and find each account once", findTakesAnyNumber},
	}
}

func findByEveryKey(ctx context.Context, s *scene) error {
	u := s.person("ann")
	made, err := s.signUp(ctx, u)
	if err != nil {
		return err
	}
	return s.foundByAll(ctx, accountOf(made.ID, u))
}

func findIsExact(ctx context.Context, s *scene) error {
	ann, bob := s.person("ann"), s.person("bob")
	for _, u := range []user.User{ann, bob} {
		u.Values[user.Login] = user.Text("x" + u.ExternalID) // unlike the external ID
		if _, err := s.signUp(ctx, u); err != nil {
			return err
		}
	}
	found, err := s.find(ctx, account.ByExternalID)
	if err != nil {
		return err
	}
	if len(found) != 0 {
		return fmt.Errorf("no values were looked up, found was %s", numbers(found))
	}
	for key, values := range map[account.Key][]string{
		account.ByExternalID: {s.Tag, "x" + ann.ExternalID, ann.ExternalID + "x"},
		account.ByLogin:      {ann.ExternalID, "x" + s.Tag, "x" + ann.ExternalID + "x"},
		account.ByEmail:      {"x" + ann.Values[user.Email].Text, s.Tag + "@example.com"},
	} {
		for _, value := range values {
			if err := s.nobody(ctx, key, value); err != nil {
				return err
			}
		}
	}
	found, err = s.find(ctx, account.ByExternalID, s.Tag+"-nobody", bob.ExternalID, s.Tag)
	if err == nil && (len(found) != 1 || found[0].ExternalID != bob.ExternalID) {
		err = fmt.Errorf("of one known value and two that nobody holds, found was %s", numbers(found))
	}
	return err
}

func findTakesAnyNumber(ctx context.Context, s *scene) error {
	crowd, err := s.crowd(ctx, s.Crowd)
	if err != nil {
		return err
	}
	const unknown = 120 // so that it takes more than one call, however small the crowd
	values := map[account.Key][]string{}
	for i := range max(unknown, len(crowd)) {
		if i < len(crowd) {
			for key, value := range keysOf(crowd[i]) {
				values[key] = append(values[key], value)
			}
		}
		if i < unknown {
			nobody := fmt.Sprintf("%s-nobody-%d", s.Tag, i)
			values[account.ByExternalID] = append(values[account.ByExternalID], nobody)
			values[account.ByLogin] = append(values[account.ByLogin], nobody)
			values[account.ByEmail] = append(values[account.ByEmail], nobody+"@example.com")
			values[account.ByID] = append(values[account.ByID], strconv.Itoa(2_147_000_000+i)) // a small service has no such ids
		}
	}
	for key, asked := range values {
		asked = append(asked, asked[:10]...) // some of them twice
		found, err := s.find(ctx, key, asked...)
		if err != nil {
			return err
		}
		slices.SortFunc(found, byID)
		if got, want := idsOf(found), idsOf(crowd); !slices.Equal(got, want) {
			return fmt.Errorf("%d values of %s: found %d accounts, want %d, each once", len(asked), key, len(got), len(want))
		}
	}
	return nil
}

func keysOf(a account.Account) map[account.Key]string {
	return map[account.Key]string{
		account.ByID: idOf(a), account.ByExternalID: a.ExternalID,
		account.ByLogin: a.Values[user.Login].Text, account.ByEmail: a.Values[user.Email].Text,
	}
}
