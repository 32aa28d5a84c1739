package connectycube_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"cubesync/sink/connectycube"
	"cubesync/sync/account"
)

// One account that the Admin API won't delete is that account's trouble, whoever comes first; a key that is refused is
// everybody's.
func TestAdminKeyOrOneAccount(t *testing.T) {
	const words = `{"errors":{"base":["Forbidden"]}}`
	for name, test := range map[string]struct {
		refuses func(id string) bool
		missing int // the status of who doesn't exist, where it isn't refused; 0: that of the emulator
		kinds   [3]account.Kind
		hint    string
	}{
		"the-first": {only(0), 0, [3]account.Kind{account.Forbidden, done, done}, "not for this account"},
		"the-last":  {only(2), 0, [3]account.Kind{done, done, account.Forbidden}, "not for this account"},
		// Who doesn't exist is a 403, too: the key counts as refused until it has deleted somebody.
		"the-first-of-a-server-that-tells-nothing": {only(0), 403, [3]account.Kind{account.Unauthenticated, done, done}, "connectycube.admin_key"},
		"the-last-of-a-server-that-tells-nothing":  {only(2), 403, [3]account.Kind{done, done, account.Forbidden}, "not for this account"},
		"the-key": {
			func(string) bool { return true }, 0, [3]account.Kind{account.Unauthenticated, account.Unauthenticated, account.Unauthenticated}, "connectycube.admin_key",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, options := open(t)
			s := newClient(t, options).Service(owner())
			made := []account.Account{signUp(t, s, "E0"), signUp(t, s, "E1"), signUp(t, s, "E2")}
			base, refusal := options.Base, answering(new([]string), http.StatusForbidden, words)
			options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
				id, admin := strings.CutPrefix(r.URL.Path, "/admin/user/")
				known := false
				for i, a := range made {
					if id == fmt.Sprint(a.ID) {
						id, known = fmt.Sprint(i), true
					}
				}
				if admin && (test.refuses(id) || !known && test.missing != 0) {
					return refusal(r)
				}
				return base.RoundTrip(r)
			})
			s = newClient(t, options).Service(connectycube.Authority{Deletes: connectycube.DeletesAsAdmin})
			for i, a := range made {
				err := s.Delete(t.Context(), a)
				if test.kinds[i] == done {
					if err != nil || len(find(t, s, account.ByID, fmt.Sprint(a.ID))) != 0 {
						t.Errorf("account %d: error %v", i, err)
					}
					continue
				}
				failed, ok := errors.AsType[*account.Error](err)
				if !ok || failed.Kind != test.kinds[i] || failed.Status != http.StatusForbidden || !strings.Contains(failed.Hint, test.hint) {
					t.Errorf("account %d: error %v", i, err)
				}
			}
		})
	}
}

// done stands for no error.
const done = account.Kind(255)

func only(i int) func(id string) bool {
	return func(id string) bool { return id == fmt.Sprint(i) }
}
