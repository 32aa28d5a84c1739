package reconcile_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// between stands between the client and the server.
type between func(request *http.Request, next http.RoundTripper) (*http.Response, error)

func (w *world) put(t *testing.T, b between) {
	t.Helper()
	next := w.server.Transport()
	client, err := connectycube.New(connectycube.Options{
		Endpoint: "http://emulator.invalid", ApplicationID: "1", AuthKey: emulator.DefaultAuthKey, AdminKey: emulator.DefaultAdminKey,
		Base: roundTrip(func(r *http.Request) (*http.Response, error) { return b(r, next) }),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Service = client.Service(connectycube.Authority{
		Updates: connectycube.UpdatesAsOwner, Deletes: connectycube.DeletesAsAdmin,
		Passwords: func(externalID string) []string {
			password, _ := w.Password(externalID) // derived: it can't fail
			return []string{password}
		},
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// lowerTags is a service that keeps some tags in small letters.
func lowerTags(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		text := strings.NewReplacer(`"VIP"`, `"vip"`, `"Gold"`, `"gold"`).Replace(string(body))
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	}
	return next.RoundTrip(r)
}

func TestServiceThatRewritesTags(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.put(t, lowerTags)
	w.source.persons = staff(3)
	for _, step := range []struct{ wants, has string }{
		{"VIP", "staff-sync,vip"}, {"VIP;Gold", "gold,staff-sync,vip"}, {"Gold", "gold,staff-sync"}, {"", "staff-sync"},
	} {
		w.source.persons[1][6] = step.wants
		if step.wants == "" {
			w.source.persons[1][6] = "x"
			step.has = "staff-sync,x"
		}
		w.sync(t)
		if got := w.find(t, account.ByExternalID, "e0001").Values[user.Tags].Text; got != step.has {
			t.Errorf("%q became %q, want %q", step.wants, got, step.has)
		}
		before := w.writes()
		if again := w.sync(t); w.writes() != before || again.Run.Tally.Ignored > 0 {
			t.Errorf("%q: the second run wrote %d times and ignored %d", step.wants, w.writes()-before, again.Run.Tally.Ignored)
		}
	}
}

// A record that was rejected has written nothing, so what it wanted isn't ours.
func TestARejectedRecordClaimsNothing(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(3)
	w.sync(t)
	_, err := w.Service.Update(t.Context(), w.find(t, account.ByExternalID, "e0001"), func(account.Account) (account.Write, error) {
		return account.Write{Values: user.Values{user.CustomData: user.Text(`{"desk":1,"note":"the user's own"}`)}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	good := w.source.persons[1]
	w.source.persons[1][7] = `{"desk":1,"note":"from HR"}`
	w.source.persons[1][2] = w.source.persons[0][2] // somebody else's e-mail
	if rejected := w.sync(t).Run.Tally.Rejected; rejected != 2 {
		t.Fatalf("%d rejected, want 2", rejected)
	}
	w.source.persons[1] = good
	w.sync(t)
	got := w.find(t, account.ByExternalID, "e0001").Values[user.CustomData].Text
	if want := `{"desk":1,"note":"the user's own"}`; !user.CustomData.Equal(got, want) {
		t.Errorf("custom_data is %s, want %s", got, want)
	}
}

// Users that can't be updated don't keep others from being signed up, tonight or any night.
func TestUsersThatCantBeUpdatedStarveNobody(t *testing.T) {
	for name, status := range map[string]int{"forbidden": http.StatusForbidden, "in-doubt": http.StatusInternalServerError} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, t.TempDir())
			w.Workers = 12 // all of them at once, since each in doubt is tried for seconds
			all := staff(41)
			w.source.persons = all[:40]
			w.sync(t)
			w.put(t, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
				if r.Method == http.MethodPut {
					return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(nil))}, nil
				}
				return next.RoundTrip(r)
			})
			for i := range 12 {
				all[i][3] = "New"
			}
			w.source.persons = all
			first := w.sync(t)
			wantStatus(t, first, state.Unusable)
			if n := first.Run.Tally.Done[plan.Create]; n != 1 {
				t.Errorf("%d signed up, want 1", n)
			}
			if status == http.StatusForbidden { // they are known now, and the rest is tried
				w.sync(t)
				wantStatus(t, w.sync(t), state.Applied)
			}
		})
	}
}
