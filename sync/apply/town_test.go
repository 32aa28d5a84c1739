package apply_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/apply"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

const ownerTag = "staff"

// town is an application over the real client and the emulator, whose users are updated as themselves, and a source. Its
// nights know nothing of each other.
type town struct {
	server  *emulator.Server
	service *faultyService
	source  map[string]logon
	policy  plan.Policy
	known   []plan.Known
	last    []state.Outcome // of the last night
}

// logon is what a person signs in with.
type logon struct{ login, email string }

func password(externalID string) string {
	return user.DerivePassword("a secret of the tests", externalID)
}

func newTown(t *testing.T, residents map[string]logon) *town {
	t.Helper()
	w := openTown(t, emulator.Options{}, connectycube.UpdatesAsOwner)
	w.source = residents
	for outcome, n := range w.night(t) {
		if !strings.HasSuffix(outcome, string(state.DoneApplied)) {
			t.Fatalf("settling in: %s: %d", outcome, n)
		}
	}
	return w
}

// openTown has nobody in it.
func openTown(t *testing.T, options emulator.Options, updates connectycube.Updates) *town {
	t.Helper()
	options.Users = []emulator.SeedUser{{Login: "service", Password: "the service's own"}}
	server, err := emulator.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	client, err := connectycube.New(connectycube.Options{
		Endpoint: "http://emulator.invalid", ApplicationID: "1", AuthKey: emulator.DefaultAuthKey, Base: server.Transport(),
		User: &connectycube.Credentials{Login: "service", Password: "the service's own"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	return &town{server: server, policy: plan.Policy{OwnerTag: ownerTag, Leavers: plan.KeepLeavers},
		service: &faultyService{Service: client.Service(connectycube.Authority{
			Updates:   updates,
			Passwords: func(externalID string) []string { return []string{password(externalID)} },
		})}}
}

// plan reads everything afresh and decides.
func (w *town) plan(t *testing.T) *plan.Plan {
	t.Helper()
	var desired []plan.Desired
	for n, externalID := range slices.Sorted(maps.Keys(w.source)) {
		d := plan.Desired{User: user.User{ExternalID: externalID}, Position: record.Position(fmt.Sprintf("users.csv:%d", n+2))}
		who := w.source[externalID]
		d.User.Values[user.Login], d.User.Values[user.Email] = user.Text(who.login), user.Text(who.email)
		desired = append(desired, d)
	}
	var observed []account.Account
	err := w.service.List(t.Context(), ownerTag, func(a account.Account) error {
		observed = append(observed, a)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(observed, func(a, b account.Account) int { return strings.Compare(a.ExternalID, b.ExternalID) })
	survey := plan.NewSurvey(plan.Input{
		Desired: slices.Values(desired), Observed: slices.Values(observed), Known: slices.Values(w.known),
		Policy: w.policy, Now: time.Now(),
	})
	return survey.Build(w.found(t, survey.Lookups()))
}

func (w *town) found(t *testing.T, lookups plan.Lookups) []account.Account {
	t.Helper()
	var found []account.Account
	for key, values := range map[account.Key][]string{
		account.ByID: lookups.IDs, account.ByExternalID: lookups.ExternalIDs, account.ByLogin: lookups.Logins, account.ByEmail: lookups.Emails,
	} {
		if len(values) == 0 {
			continue
		}
		some, err := w.service.Find(t.Context(), key, values)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, some...)
	}
	return found
}

// night plans and applies, without any state but what the test gives, and counts the endings by external ID, step and
// ending.
func (w *town) night(t *testing.T) map[string]int {
	t.Helper()
	return w.carryOut(t, w.plan(t))
}

func (w *town) carryOut(t *testing.T, p *plan.Plan) map[string]int {
	t.Helper()
	endings := map[string]int{}
	w.last = nil
	applier := &apply.Applier{
		Service: w.service, Journal: forgetfulJournal{}, OwnerTag: ownerTag, Workers: 1,
		Password: func(externalID string) (string, error) { return password(externalID), nil },
		Observe: func(o state.Outcome) {
			endings[fmt.Sprintf("%s%s %s", o.Operation.ExternalID, o.Operation.Step, o.Ending)]++
			w.last = append(w.last, o)
			if o.Ending != state.DoneApplied {
				t.Logf("%s: %s: %s", o.Operation, o.Ending, o.Words)
			}
		},
	}
	if err := applier.Apply(t.Context(), nil, p.Operations); err != nil {
		t.Logf("the run ended early: %v", err)
	}
	return endings
}

// is checks that everybody has what the source says, and that nothing is left to do.
func (w *town) is(t *testing.T) {
	t.Helper()
	for externalID, want := range w.source {
		a := w.find(t, externalID)
		if got := (logon{a.Values[user.Login].Text, a.Values[user.Email].Text}); got != want {
			t.Errorf("%s has %+v, want %+v", externalID, got, want)
		}
	}
	if p := w.plan(t); len(p.Operations) > 0 {
		t.Errorf("there is more to do: %v", p.Operations)
	}
}

func (w *town) find(t *testing.T, externalID string) account.Account {
	t.Helper()
	found, err := w.service.Find(t.Context(), account.ByExternalID, []string{externalID})
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %d accounts, %v", externalID, len(found), err)
	}
	return found[0]
}

// nobodyIsLockedOut signs in as everybody, with what their account has now.
func (w *town) nobodyIsLockedOut(t *testing.T, residents map[string]logon) {
	t.Helper()
	for externalID := range residents {
		a := w.find(t, externalID)
		_, err := w.service.Service.Update(t.Context(), a, func(account.Account) (account.Write, error) { return account.Write{}, nil })
		if err != nil {
			t.Errorf("%s can't sign in any more: %v", externalID, err)
		}
	}
}

// lose lets somebody change an account's external ID by hand; "" takes it away.
func (w *town) lose(t *testing.T, a account.Account, externalID string) {
	t.Helper()
	text := "null"
	if externalID != "" {
		text = fmt.Sprintf("%q", externalID)
	}
	session := w.call(t, http.MethodPost, "/session.json", "", fmt.Sprintf(`{"application_id":1,"auth_key":%q}`, emulator.DefaultAuthKey))
	w.call(t, http.MethodPost, "/login.json", session, fmt.Sprintf(`{"login":%q,"password":%q}`, a.Values[user.Login].Text, password(a.ExternalID)))
	w.call(t, http.MethodPut, fmt.Sprintf("/users/%d.json", a.ID), session, `{"user":{"external_id":`+text+`}}`)
}

// call makes one request and returns the token of a session that it made.
func (w *town) call(t *testing.T, method, path, token, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://emulator.invalid"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("CB-Token", token)
	}
	answer, err := w.server.Transport().RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var got struct {
		Session struct {
			Token string `json:"token"`
		} `json:"session"`
	}
	text, err := io.ReadAll(answer.Body)
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil || answer.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: %d %s: %v", method, path, answer.StatusCode, text, err)
	}
	return got.Session.Token
}

type forgetfulJournal struct{}

func (forgetfulJournal) Intend(context.Context, int64, []plan.Operation) error { return nil }
func (forgetfulJournal) Record(context.Context, int64, []state.Outcome) error  { return nil }

// faultyService lets one write go wrong: the n-th from when it was told to.
type faultyService struct {
	account.Service
	fail   int // counts down; 0: none
	before error
	after  error
}

func (s *faultyService) Update(ctx context.Context, known account.Account, change func(account.Account) (account.Write, error)) (account.Account, error) {
	struck := false
	now, err := s.Service.Update(ctx, known, func(now account.Account) (account.Write, error) {
		w, err := change(now)
		if err != nil || w == (account.Write{}) || s.fail == 0 {
			return w, err
		}
		if s.fail--; s.fail > 0 {
			return w, nil
		}
		struck = true
		return w, s.before
	})
	if struck && err == nil {
		return account.Account{}, s.after
	}
	return now, err
}
