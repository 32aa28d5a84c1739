package doctor_test

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/cmd/cubesync/internal/doctor"
	"cubesync/sink/connectycube"
	"cubesync/sync/account"

	"github.com/google/go-cmp/cmp"
)

const base = `connectycube:
  endpoint: http://127.0.0.1:8390
  application_id: "1"
  auth_key: some-auth-key
  service_user:
    login: service
    password: some-password
    id: 7
  admin_key: some-admin-key
pipelines:
  - name: staff
    owner_tag: staff-sync
    source: {csv: {path: users.csv, completeness: plausible}}
    mapping:
      external_id: {column: id}
      email: {column: email}
    passwords: {derive: {secret: a-secret-of-at-least-32-characters}}
    creates: key
    updates: owner
    deletes: admin
    leavers: delete
    vanished: leave
`

// load reads the base with some texts replaced.
func load(t *testing.T, swaps ...string) *config.Config {
	t.Helper()
	text := base
	for i := 0; i < len(swaps); i += 2 {
		if !strings.Contains(text, swaps[i]) {
			t.Fatalf("there is no %q", swaps[i])
		}
		text = strings.Replace(text, swaps[i], swaps[i+1], 1)
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("my.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(filepath.Base("my.yaml"), func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// facts are the usual answers but for some.
func facts(changes map[doctor.Question]doctor.Answer) doctor.Facts {
	all := usual()
	all[doctor.SessionMakesUsers] = doctor.No
	maps.Copy(all, changes)
	f := doctor.Facts{Session: &connectycube.Session{ID: 1, UserID: 7}}
	for _, q := range doctor.Questions() {
		c := doctor.Check{Question: q, Answer: all[q]}
		if c.Answer == doctor.No || c.Answer == doctor.Unknown {
			c.Words, c.Refused = "said the service", c.Answer == doctor.No
		}
		f.Checks = append(f.Checks, c)
	}
	return f
}

func TestDiagnose(t *testing.T) {
	type changes = map[doctor.Question]doctor.Answer
	const (
		random  = "{random: true}"
		derived = "{derive: {secret: a-secret-of-at-least-32-characters}}"
	)
	cases := map[string]struct {
		config  []string
		answers changes
		want    doctor.Verdict
		say     []string
	}{
		"all-is-well": {want: doctor.Sound},
		"updates-as-shared": {
			config: []string{"updates: owner", "updates: shared"}, want: doctor.ConfigMustChange,
			say: []string{"my.yaml:19: updates: shared: the service lets a session write its own user only; write updates: owner"},
		},
		"updates-as-shared-permitted": {
			config: []string{"updates: owner", "updates: shared"}, answers: changes{doctor.UpdateShared: doctor.Yes}, want: doctor.Sound,
		},
		"updates-as-shared-without-derive": {
			config: []string{"updates: owner", "updates: shared", derived, random}, want: doctor.ConfigMustChange,
			say: []string{"my.yaml:19: updates: shared: the service lets a session write its own user only; write updates: off, or write updates: owner and in my.yaml:17 write passwords: {derive: {secret: file:PATH}}, which updates only those who are signed up from then on: who is there keeps the password that they have"},
		},
		"updates-by-nobody": {
			answers: changes{doctor.UpdateOwner: doctor.No}, want: doctor.ConfigMustChange,
			say: []string{"my.yaml:19: updates: owner: the service doesn't let users update their own account: said the service; write updates: off"},
		},
		"releases-by-nobody": {
			config:  []string{"leavers: delete\n    vanished: leave", "leavers: release"},
			answers: changes{doctor.UpdateOwner: doctor.No}, want: doctor.ConfigMustChange,
			say: []string{"my.yaml:19: updates: owner: the service doesn't let users update their own account: said the service; write updates: off and in my.yaml:21 write leavers: keep"},
		},
		"updates-as-owner-refused": {
			answers: changes{doctor.UpdateOwner: doctor.No, doctor.UpdateShared: doctor.Yes}, want: doctor.ConfigMustChange,
			say: []string{"my.yaml:19: updates: owner: the service doesn't let users update their own account: said the service; write updates: shared"},
		},
		"updates-off": {
			config: []string{"updates: owner", "updates: off"}, answers: changes{doctor.UpdateOwner: doctor.No}, want: doctor.Sound,
		},
		"updates-unknown": {
			answers: changes{doctor.UpdateOwner: doctor.Unknown}, want: doctor.ServiceUnusable,
			say: []string{`my.yaml:19: updates: owner: "update as owner" couldn't be found out: said the service; run doctor again`},
		},
		"admin-key-refused": {
			answers: changes{doctor.DeleteAdmin: doctor.No}, want: doctor.ConfigMustChange,
			say: []string{"my.yaml:9: connectycube.admin_key: the service refuses the Admin API key: said the service; check it (the Admin API is part of larger plans only), or in my.yaml:20 write deletes: owner"},
		},
		"admin-key-refused-and-nobody-else": {
			config: []string{derived, random, "updates: owner", "updates: off"}, answers: changes{doctor.DeleteAdmin: doctor.No}, want: doctor.ConfigMustChange,
			say: []string{"my.yaml:9: connectycube.admin_key: the service refuses the Admin API key: said the service; check it (the Admin API is part of larger plans only), or in my.yaml:21 write leavers: keep"},
		},
		"admin-key-refused-but-not-needed": {
			config:  []string{"leavers: delete\n    vanished: leave", "leavers: keep"},
			answers: changes{doctor.DeleteAdmin: doctor.No}, want: doctor.Sound,
			say: []string{"my.yaml:20: deletes: admin: the service refuses the Admin API key: said the service; with leavers: keep nobody is deleted, so it may stay"},
		},
		"deletes-as-shared": {
			config: []string{"deletes: admin", "deletes: shared"}, want: doctor.ConfigMustChange,
			say: []string{"my.yaml:20: deletes: shared: the service lets a session delete its own user only; write deletes: admin"},
		},
		"deletes-as-shared-and-nobody-else": {
			config: []string{derived, random, "updates: owner", "updates: off", "deletes: admin", "deletes: shared"}, answers: changes{doctor.DeleteAdmin: doctor.No}, want: doctor.ConfigMustChange,
			say: []string{"my.yaml:20: deletes: shared: the service lets a session delete its own user only; in my.yaml:21 write leavers: keep"},
		},
		"a-guest-is-nobody-to-write-as": {
			config:  []string{"login: service\n    password: some-password\n    id: 7", "guest: Ann"},
			answers: changes{doctor.UpdateOwner: doctor.No, doctor.UpdateShared: doctor.Yes, doctor.DeleteAdmin: doctor.No, doctor.DeleteShared: doctor.Yes, doctor.DeleteOwner: doctor.No},
			want:    doctor.ConfigMustChange,
			say: []string{
				"my.yaml:17: updates: owner: the service doesn't let users update their own account: said the service; write updates: off",
				"my.yaml:7: connectycube.admin_key: the service refuses the Admin API key: said the service; check it (the Admin API is part of larger plans only), or in my.yaml:19 write leavers: keep",
			},
		},
		"lists-lag-too-far": {
			answers: changes{doctor.ListByTag: doctor.No, doctor.ListAtOnce: doctor.No, doctor.UpdateOwner: doctor.Unknown, doctor.FindByLogin: doctor.Unknown, doctor.DeleteAdmin: doctor.Unknown},
			want:    doctor.ServiceUnusable,
			say:     []string{"every pipeline needs to list by tag: said the service; ask ConnectyCube's support about it"},
		},
		"deletes-as-owner-refused": {
			config: []string{"deletes: admin", "deletes: owner"}, want: doctor.ConfigMustChange,
			answers: changes{doctor.DeleteOwner: doctor.No, doctor.DeleteAdmin: doctor.NotTried, doctor.DeleteShared: doctor.Yes},
			say:     []string{"my.yaml:20: deletes: owner: the service doesn't let users delete their own account: said the service; write deletes: shared"},
		},
		"sign-ups-with-the-key-refused": {
			answers: changes{doctor.SignUpKey: doctor.No}, want: doctor.ConfigMustChange,
			say: []string{"my.yaml:18: creates: key: the service refuses sign-ups with the auth key: said the service; write creates: shared"},
		},
		"sign-ups-as-shared-refused": {
			config: []string{"creates: key", "creates: shared"}, answers: changes{doctor.SignUpShared: doctor.No}, want: doctor.ConfigMustChange,
			say: []string{"my.yaml:18: creates: shared: the service refuses sign-ups as the service user: said the service; write creates: key"},
		},
		"sign-ups-refused": {
			answers: changes{
				doctor.SignUpKey: doctor.No, doctor.SignUpShared: doctor.No, doctor.UpdateOwner: doctor.Unknown, doctor.ListByTag: doctor.Unknown,
			},
			want: doctor.ServiceUnusable,
			say:  []string{"nobody can be signed up: the service refuses sign-ups with the auth key: said the service; ask ConnectyCube's support how this application's users are signed up"},
		},
		"sign-ups-unknown": {
			answers: changes{doctor.SignUpKey: doctor.Unknown, doctor.SignUpShared: doctor.NotTried}, want: doctor.ServiceUnusable,
			say: []string{`my.yaml:18: creates: key: "sign up with the auth key" couldn't be found out: said the service; run doctor again`},
		},
		"logins-not-unique": {
			answers: changes{doctor.UniqueLogins: doctor.No}, want: doctor.ServiceUnusable,
			say: []string{"logins aren't unique here (said the service): after a lost answer, somebody could be signed up twice; ask ConnectyCube's support about it before anybody is synced"},
		},
		"no-look-up-by-email": {
			answers: changes{doctor.FindByEmail: doctor.No}, want: doctor.ServiceUnusable,
			say: []string{"every pipeline needs to look up by e-mail: said the service; ask ConnectyCube's support about it"},
		},
		"no-look-up-by-email-and-none-mapped": {
			config: []string{"email: {column: email}", "full_name: {column: name}"}, answers: changes{doctor.FindByEmail: doctor.No}, want: doctor.Sound,
		},
		"other-ids-are-shared": {
			answers: changes{doctor.UniqueExternalIDs: doctor.No, doctor.UniqueEmails: doctor.No, doctor.PutExternalID: doctor.No, doctor.UploadFile: doctor.No},
			want:    doctor.Sound,
		},
		"no-id": {
			config: []string{"    id: 7\n", ""}, want: doctor.Sound,
			say: []string{"under my.yaml:5: connectycube.service_user.id: without it, a sign-in that ends at another user isn't noticed; write id: 7"},
		},
		"users-on-the-fly": {
			answers: changes{doctor.SessionMakesUsers: doctor.Yes, doctor.LoginMakesUsers: doctor.Yes}, want: doctor.Sound,
			say: []string{
				"the application lets anybody create users on the fly: POST /session makes a user of an unknown login; deny it among the application's permissions, in ConnectyCube's dashboard",
				"POST /login makes a user of an unknown login, and cubesync removes those that its own sign-ins make; deny it among the application's permissions, in ConnectyCube's dashboard",
			},
		},
		"must-change-comes-first": {
			config: []string{"updates: owner", "updates: shared", "    id: 7\n", ""}, want: doctor.ConfigMustChange,
			answers: changes{doctor.UniqueLogins: doctor.No},
			say: []string{
				"my.yaml:18: updates: shared: the service lets a session write its own user only; write updates: owner",
				"logins aren't unique here (said the service): after a lost answer, somebody could be signed up twice; ask ConnectyCube's support about it before anybody is synced",
				"under my.yaml:5: connectycube.service_user.id: without it, a sign-in that ends at another user isn't noticed; write id: 7",
			},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			cfg := load(t, c.config...)
			report := doctor.NewReport(cfg, "my.yaml", facts(c.answers))
			check(t, report, c.want, c.say)
		})
	}
}

func check(t *testing.T, report doctor.Report, want doctor.Verdict, say []string) {
	t.Helper()
	if got := report.Verdict(); got != want {
		t.Errorf("verdict %s, want %s", got, want)
	}
	var got []string
	for _, f := range report.Findings {
		got = append(got, f.String())
	}
	if diff := cmp.Diff(got, say); diff != "" {
		t.Errorf("findings: got (-), want (+):\n%s", diff)
	}
}

func TestDiagnoseTrouble(t *testing.T) {
	failed := func(kind account.Kind, status int, field string) error {
		return &account.Error{Kind: kind, Call: "open a session", Status: status, Words: "no", Field: field}
	}
	cases := map[string]struct {
		config  []string
		trouble doctor.Trouble
		want    doctor.Verdict
		say     []string
	}{
		"no-way": {
			trouble: doctor.Trouble{Err: failed(account.Unavailable, 0, "")}, want: doctor.ServiceUnusable,
			say: []string{"my.yaml:2: connectycube.endpoint: open a session: no; check it"},
		},
		"redirected": {
			trouble: doctor.Trouble{Err: failed(account.Unavailable, 301, "")}, want: doctor.ServiceUnusable,
			say: []string{"my.yaml:2: connectycube.endpoint: open a session: HTTP 301: no; check it"},
		},
		"service-in-trouble": {
			trouble: doctor.Trouble{Err: failed(account.Unavailable, 503, "")}, want: doctor.ServiceUnusable,
			say: []string{"open a session: HTTP 503: no; try again later"},
		},
		"auth-key": {
			trouble: doctor.Trouble{Err: failed(account.Unauthenticated, 401, "auth_key")}, want: doctor.ServiceUnusable,
			say: []string{"my.yaml:4: connectycube.auth_key: open a session: HTTP 401: no; check it"},
		},
		"application-or-key": {
			trouble: doctor.Trouble{Err: failed(account.Unauthenticated, 401, "")}, want: doctor.ServiceUnusable,
			say: []string{
				"my.yaml:3: connectycube.application_id: open a session: HTTP 401: no; check it",
				"my.yaml:4: connectycube.auth_key: open a session: HTTP 401: no; check it",
			},
		},
		"signature": {
			config:  []string{"  auth_key: some-auth-key\n", "  auth_key: some-auth-key\n  auth_secret: some-auth-secret\n"},
			trouble: doctor.Trouble{Err: failed(account.Unauthenticated, 422, "signature")}, want: doctor.ServiceUnusable,
			say: []string{"my.yaml:5: connectycube.auth_secret: open a session: HTTP 422: no; check it"},
		},
		"service-user": {
			trouble: doctor.Trouble{Stage: doctor.AtServiceUser, Err: failed(account.Unauthenticated, 401, "")}, want: doctor.ServiceUnusable,
			say: []string{"my.yaml:5: connectycube.service_user: login or password is wrong: HTTP 401: no; correct them"},
		},
		"another-service-user": {
			trouble: doctor.Trouble{Stage: doctor.AtServiceUser, Err: &account.Error{Kind: account.Unauthenticated, Call: "sign in", Words: "user 1 signed in, not user 7", Hint: "write id: 1"}},
			want:    doctor.ServiceUnusable,
			say:     []string{"my.yaml:8: connectycube.service_user.id: sign in: user 1 signed in, not user 7; write id: 1"},
		},
		"signature-missing": {
			trouble: doctor.Trouble{Err: saying("Signature is required")}, want: doctor.ServiceUnusable,
			say: []string{"under my.yaml:1: connectycube.auth_secret: open a session: HTTP 401: Signature is required; write auth_secret: ${NAME} or file:PATH, as the application's overview page has it"},
		},
		"signature-wrong": {
			config:  []string{"  auth_key: some-auth-key\n", "  auth_key: some-auth-key\n  auth_secret: some-auth-secret\n"},
			trouble: doctor.Trouble{Err: saying("Unexpected signature")}, want: doctor.ServiceUnusable,
			say: []string{"my.yaml:5: connectycube.auth_secret: open a session: HTTP 401: Unexpected signature; check it"},
		},
		"wrong-path": {
			trouble: doctor.Trouble{Err: failed(account.Unauthenticated, 404, "")}, want: doctor.ServiceUnusable,
			say: []string{"my.yaml:2: connectycube.endpoint: open a session: HTTP 404: no; check it: no ConnectyCube answers there"},
		},
		"call-that-is-missing": {
			trouble: doctor.Trouble{Stage: doctor.AtWork, Err: failed(account.NotFound, 404, "")}, want: doctor.ServiceUnusable,
			say: []string{"open a session: HTTP 404: no; cubesync can't do without this call: ask who runs the server to provide it"},
		},
		"proxy-of-the-environment": {
			trouble: doctor.Trouble{Err: byProxy(t)}, want: doctor.ServiceUnusable,
			say: []string{"HTTPS_PROXY in the environment: open a session: HTTP 407: the authentication that the proxy wants; check the proxy's address, user and password, or write proxy: none under my.yaml:1"},
		},
		"proxy-of-the-file": {
			config:  []string{"  auth_key: some-auth-key\n", "  auth_key: some-auth-key\n  proxy: http://proxy.example.com:3128\n"},
			trouble: doctor.Trouble{Err: byProxy(t)}, want: doctor.ServiceUnusable,
			say: []string{"my.yaml:5: connectycube.proxy: open a session: HTTP 407: the authentication that the proxy wants; check the proxy's address, user and password"},
		},
		"something-else": {
			trouble: doctor.Trouble{Stage: doctor.AtWork, Err: errors.New("no idea")}, want: doctor.ServiceUnusable,
			say: []string{"no idea"},
		},
		"interrupted": {
			trouble: doctor.Trouble{Stage: doctor.AtWork, Interrupted: true, Err: errors.New("context canceled")}, want: doctor.Interrupted,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := facts(nil)
			f.Trouble = &c.trouble
			check(t, doctor.NewReport(load(t, c.config...), "my.yaml", f), c.want, c.say)
		})
	}
}

func TestClockAndLeftovers(t *testing.T) {
	f := facts(nil)
	f.Session.Skew = -20 * time.Minute
	f.Left = []string{"cubesync-doctor-x-1"}
	check(t, doctor.NewReport(load(t), "my.yaml", f), doctor.Sound, []string{
		"this machine's clock is 20m0s behind the service's; signed sessions are refused from 60 minutes on; set the clock",
		"throw-aways that may still be there: cubesync-doctor-x-1; run doctor again, or delete them in the dashboard",
	})
}

func TestCircumstances(t *testing.T) {
	f := facts(nil)
	f.TooLong, f.Others = true, true
	check(t, doctor.NewReport(load(t), "my.yaml", f), doctor.Sound, []string{
		"the service was too slow to find out everything within 3m0s; run doctor again",
		"another doctor was at work with this application; its accounts were left to it",
	})
}

// Too many requests, at a pace that is a doctor's, mean that the limit of the file is beyond the service's.
func TestThrottledIsSaid(t *testing.T) {
	f := facts(nil)
	f.Throttled = 7
	check(t, doctor.NewReport(load(t, "  admin_key: ", "  rate_limit: 500\n  admin_key: "), "my.yaml", f), doctor.Sound, []string{
		"my.yaml:9: connectycube.rate_limit: the service refused 7 requests as too many (HTTP 429), although doctor sends few; ask ConnectyCube what your plan permits, and write that",
	})
}

func saying(words string) error {
	return &account.Error{Kind: account.Unauthenticated, Call: "open a session", Status: 401, Words: words}
}

// byProxy is what the client makes of a proxy's refusal.
func byProxy(t *testing.T) error {
	t.Helper()
	client, err := connectycube.New(connectycube.Options{
		Endpoint: "https://chat.example.com", ApplicationID: "1", AuthKey: "k",
		Base: roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: http.StatusProxyAuthRequired, Body: io.NopCloser(strings.NewReader("the authentication that the proxy wants")),
			}, nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return client.TryApplication(t.Context())
}

func errNoWay() error {
	return &account.Error{Kind: account.Unavailable, Call: "open a session", Words: "no way"}
}
