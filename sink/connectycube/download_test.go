package connectycube

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"cubesync/sync/account"
)

// Files may be larger than any other answer.
func TestDownloadOfALargeFile(t *testing.T) {
	c, s := newCloud(t)
	s.stored = bytes.Repeat([]byte("x"), int(maxAnswer)+1)
	content, err := c.Download(t.Context(), "uid-1")
	if err != nil || len(content) != len(s.stored) {
		t.Errorf("error %v; %d bytes", err, len(content))
	}
}

// What the service hands on in the clear, though it is reached encrypted, isn't fetched.
func TestDownloadStaysEncrypted(t *testing.T) {
	var asked []string
	c, err := New(Options{Endpoint: "https://api.example.org", ApplicationID: "7", AuthKey: "auth-key", Base: redirecting{&asked}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Download(t.Context(), "uid-1")
	if account.KindOf(err) != account.Unavailable || slices.Contains(asked, "http://storage.example.org/uid-1") {
		t.Errorf("asked %v, error %v", asked, err)
	}
}

// redirecting gives a session, and sends everybody else to a storage.
type redirecting struct{ asked *[]string }

func (r redirecting) RoundTrip(request *http.Request) (*http.Response, error) {
	*r.asked = append(*r.asked, request.URL.String())
	recorder := httptest.NewRecorder()
	if request.URL.Path == "/session.json" {
		_, _ = recorder.WriteString(`{"session":{"token":"t"}}`)
	} else {
		recorder.Header().Set("Location", "http://storage.example.org/uid-1")
		recorder.WriteHeader(http.StatusFound)
	}
	return recorder.Result(), nil
}

func TestDownloadThatFails(t *testing.T) {
	loop := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/session.json" {
			_, _ = fmt.Fprint(w, `{"session":{"token":"t"}}`)
			return
		}
		http.Redirect(w, r, "/again?signature=hush", http.StatusFound)
	}))
	_, err := loop.Download(t.Context(), "uid")
	failed, ok := errors.AsType[*account.Error](err)
	if !ok || failed.Kind != account.Unavailable || failed.Status != http.StatusFound || strings.Contains(err.Error(), "hush") {
		t.Errorf("got error %v", err)
	}
	if got := loop.Calls()["file"]; got != 1+maxHops {
		t.Errorf("%d requests", got)
	}
}
