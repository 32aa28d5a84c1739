package doctor_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"cubesync/cmd/cubesync/internal/doctor"
	"cubesync/sink/connectycube"

	"github.com/google/go-cmp/cmp"
)

// seen is an examination with something of everything.
func seen() doctor.Facts {
	f := facts(map[doctor.Question]doctor.Answer{doctor.UploadFile: doctor.Unknown, doctor.DeleteShared: doctor.NotTried})
	f.Session = &connectycube.Session{
		ID: 12, UserID: 7, User: &connectycube.User{Login: connectycube.Text{Text: "service"}},
		Expires: time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC), Skew: 3 * time.Second,
	}
	f.Latency, f.Lag, f.Made, f.Removed = 84*time.Millisecond, 1500*time.Millisecond, 13, 2
	for i := range f.Checks {
		if f.Checks[i].Question == doctor.UpdateShared {
			f.Checks[i].Words = "HTTP 403: You don't have appropriate permissions to perform this operation,\nsaid \x1b[31mthe service"
		}
	}
	return f
}

func TestText(t *testing.T) {
	report := doctor.NewReport(load(t, "updates: owner", "updates: shared"), "my.yaml", seen())
	var out strings.Builder
	if err := report.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	want := `http://127.0.0.1:8390, application 1
session 12 of user 7 (service), expires 2026-03-01 12:00 UTC
answers in 84ms (median of 5)
this machine's clock is 3s ahead of the service's
  yes  sign up with the auth key
  yes  sign up as the service user
  yes  list by tag
  yes  a list shows a write at once
  yes  look up by external ID
  yes  look up by login
  yes  look up by e-mail
  yes  logins are unique
  yes  e-mails are unique
  yes  external IDs are unique
  yes  update as owner
  no   update as shared              HTTP 403: You don't have appropriate
                                     permissions to perform this
                                     operation,\nsaid \u001b[31mthe service
  yes  change an external ID
  yes  delete as owner
  -    delete as shared
  yes  delete as admin
  ?    upload and delete a file      said the service
  no   POST /session makes users     said the service
  no   POST /login makes users       said the service
removed 2 throw-away accounts of an earlier doctor
made and removed 13 throw-away accounts with the tag cubesync-doctor
my.yaml:19: updates: shared: the service lets a session write its own user only;
    write updates: owner
my.yaml has to change before it can work
`
	if diff := cmp.Diff(out.String(), want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}

// Where nothing could be tried there is nothing but the reason.
func TestTextOfTrouble(t *testing.T) {
	f := facts(nil)
	f.Session, f.Trouble = nil, &doctor.Trouble{Err: errNoWay()}
	var out strings.Builder
	if err := doctor.NewReport(load(t), "my.yaml", f).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	want := "http://127.0.0.1:8390, application 1\nmy.yaml:2: connectycube.endpoint: open a session: no way; check it\n" +
		"ConnectyCube can't be used with my.yaml as things stand\n"
	if diff := cmp.Diff(out.String(), want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
}

func TestJSON(t *testing.T) {
	report := doctor.NewReport(load(t, "updates: owner", "updates: shared"), "my.yaml", seen())
	var out strings.Builder
	if err := report.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 1 {
		t.Errorf("%d lines", n)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	checks, _ := got["checks"].([]any)
	if len(checks) != len(doctor.Questions()) {
		t.Errorf("%d checks", len(checks))
	}
	byName := map[any]any{}
	for _, c := range checks {
		c, _ := c.(map[string]any)
		byName[c["check"]] = c["answer"]
	}
	for name, answer := range map[string]string{"sign_up_key": "yes", "update_shared": "no", "delete_shared": "not_tried", "upload_file": "unknown"} {
		if byName[name] != answer {
			t.Errorf("%s is %v, want %s", name, byName[name], answer)
		}
	}
	delete(got, "checks")
	want := map[string]any{
		"verdict": "config_must_change", "endpoint": "http://127.0.0.1:8390", "application_id": "1",
		"session": map[string]any{
			"id": 12.0, "user_id": 7.0, "login": "service", "application_id": "", "created_at": "0001-01-01T00:00:00Z", "expires": "2026-03-01T12:00:00Z",
		},
		"latency_ms": 84.0, "clock_skew_seconds": 3.0, "list_lag_seconds": 1.5, "tag": "cubesync-doctor", "made": 13.0, "removed_of_earlier_runs": 2.0, "left": []any{},
		"findings": []any{map[string]any{
			"gravity": "must_change", "place": "my.yaml:19", "key": "updates: shared",
			"problem": "the service lets a session write its own user only", "remedy": "write updates: owner",
		}},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
}

// Every question has words of its own, for people and for machines.
func TestQuestions(t *testing.T) {
	var out strings.Builder
	f := facts(nil)
	if err := doctor.NewReport(load(t), "my.yaml", f).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	for _, q := range doctor.Questions() {
		if strings.Contains(out.String(), string(q)) {
			t.Errorf("%s has no words for people", q)
		}
	}
}

// The service tells whole seconds: that is no difference between two clocks.
func TestSmallSkewIsNone(t *testing.T) {
	for skew, want := range map[time.Duration]string{
		time.Second: "in step with the service's", -time.Second: "in step with the service's", -2 * time.Second: "2s behind the service's",
	} {
		f := seen()
		f.Session.Skew = skew
		var out strings.Builder
		if err := doctor.NewReport(load(t), "my.yaml", f).WriteText(&out); err != nil || !strings.Contains(out.String(), "clock is "+want+"\n") {
			t.Errorf("%v: %v\n%s", skew, err, out.String())
		}
	}
}
