package emulator

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// A clock that is set shows in the date and in what is stamped, and sessions end by it.
func TestClockThatIsSet(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"ahead": 5 * time.Hour, "behind": -5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := open(t, Options{})
				before := client.session("")
				client.server.SetClock(ahead)
				theirs := time.Now().Add(ahead).UTC()
				made := client.with("CB-AuthKey", DefaultAuthKey).do("POST", "/users", `{"user":`+ann+`}`)
				if got, want := made.text("user.created_at"), theirs.Format(time.RFC3339); got != want {
					t.Errorf("created at %s, want %s", got, want)
				}
				if got, want := made.header.Get("Date"), theirs.Format(http.TimeFormat); got != want {
					t.Errorf("dated %s, want %s", got, want)
				}
				want := map[bool]int{true: 401, false: 200}[ahead > tokenLife]
				before.do("GET", "/session", "").want(t, want, "ession")
			})
		})
	}
}
