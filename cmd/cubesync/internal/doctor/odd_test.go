package doctor_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/cmd/cubesync/internal/doctor"
	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
)

// denying refuses some requests as a server would that permits less.
func denying(base http.RoundTripper, denied func(*http.Request) bool) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		if !denied(r) {
			return base.RoundTrip(r)
		}
		return &http.Response{
			StatusCode: http.StatusForbidden, Header: http.Header{}, Request: r,
			Body: io.NopCloser(strings.NewReader(`{"errors":["You don't have appropriate permissions to perform this operation"]}`)),
		}, nil
	}
}

func ownDelete(r *http.Request) bool {
	return r.Method == http.MethodDelete && strings.HasPrefix(r.URL.Path, "/users/")
}

func signUp(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Path == "/users.json" }

// Servers that permit less than any switch makes the emulator do.
func TestServersThatPermitLess(t *testing.T) {
	const unknown = doctor.Unknown
	cases := map[string]struct {
		denied  func(*http.Request) bool
		noAdmin bool
		want    changed
		left    int
	}{
		"own-deletes": {denied: ownDelete, want: changed{doctor.DeleteOwner: doctor.No}},
		"own-deletes-and-no-admin-key": {
			denied: ownDelete, noAdmin: true, left: 3,
			want: changed{doctor.DeleteOwner: doctor.No, doctor.DeleteAdmin: doctor.NotTried},
		},
		"updates": {
			denied: func(r *http.Request) bool {
				return r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/users/")
			},
			want: changed{doctor.UpdateOwner: doctor.No, doctor.PutExternalID: unknown},
		},
		"sign-ups-with-the-key": {
			denied: func(r *http.Request) bool { return signUp(r) && r.Header.Get("CB-AuthKey") != "" },
			want:   changed{doctor.SignUpKey: doctor.No},
		},
		"sign-ups-as-shared": {
			denied: func(r *http.Request) bool { return signUp(r) && r.Header.Get("CB-Token") != "" },
			want:   changed{doctor.SignUpShared: doctor.No},
		},
		"sign-ups": {
			denied: signUp,
			want: changed{
				doctor.SignUpKey: doctor.No, doctor.SignUpShared: doctor.No, doctor.ListByTag: unknown, doctor.ListAtOnce: unknown,
				doctor.FindByExternalID: unknown, doctor.FindByLogin: unknown, doctor.FindByEmail: unknown,
				doctor.UniqueLogins: unknown, doctor.UniqueEmails: unknown, doctor.UniqueExternalIDs: unknown,
				doctor.UpdateOwner: unknown, doctor.UpdateShared: unknown, doctor.PutExternalID: unknown,
				doctor.DeleteOwner: unknown, doctor.DeleteShared: unknown, doctor.DeleteAdmin: unknown,
			},
		},
		"files": {
			denied: func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/blobs") },
			want:   changed{doctor.UploadFile: doctor.No},
		},
		"deleting-files": {
			denied: func(r *http.Request) bool {
				return strings.HasPrefix(r.URL.Path, "/blobs") && r.Method == http.MethodDelete
			},
			want: changed{doctor.UploadFile: doctor.No}, left: 1,
		},
		"lists-by-tag": {
			denied: func(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "user_tags=") },
			want:   changed{doctor.ListByTag: doctor.No, doctor.ListAtOnce: unknown},
		},
		"look-ups-by-email": {
			denied: func(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "email") },
			want:   changed{doctor.FindByEmail: doctor.No},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient(t, emulator.Options{})
				p.client.Base = denying(p.client.Base, c.denied)
				if c.noAdmin {
					p.client.AdminKey, p.options.AdminKey = "", false
				}
				facts := p.examine(t.Context(), t)
				want := usual()
				for q, a := range c.want {
					want[q] = a
				}
				for q, a := range answers(facts) {
					if a != want[q] {
						t.Errorf("%s is answered with %q, want %q: %+v", q, a, want[q], facts.Answer(q))
					}
				}
				if len(facts.Left) != c.left || facts.Trouble != nil {
					t.Errorf("left %s, trouble %+v", facts.Left, facts.Trouble)
				}
				p.cleanBut(t, len(facts.Left))
			})
		})
	}
}

// A server that takes a login twice, which the emulator never does: the second one is kept under another and shown
// under the same.
func TestLoginsThatAreNotUnique(t *testing.T) {
	const mark = "-twin"
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(t, emulator.Options{})
		base, used := p.client.Base, map[string]bool{}
		p.client.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			if signUp(r) {
				sent, err := io.ReadAll(r.Body)
				if err != nil {
					return nil, err
				}
				_, login, _ := bytes.Cut(sent, []byte(`"login":"`))
				login, _, _ = bytes.Cut(login, []byte(`"`))
				if used[string(login)] {
					sent = bytes.Replace(sent, []byte(`"login":"`+string(login)), []byte(`"login":"`+string(login)+mark), 1)
				}
				used[string(login)] = true
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(sent)), int64(len(sent))
			}
			answer, err := base.RoundTrip(r)
			if err != nil {
				return nil, err
			}
			body, err := io.ReadAll(answer.Body)
			body = bytes.ReplaceAll(body, []byte(mark), nil)
			answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			return answer, err
		})
		facts := p.examine(t.Context(), t)
		want := usual()
		want[doctor.UniqueLogins] = doctor.No
		for q, a := range answers(facts) {
			if a != want[q] {
				t.Errorf("%s is answered with %q, want %q: %+v", q, a, want[q], facts.Answer(q))
			}
		}
		if len(facts.Left) > 0 {
			t.Errorf("left %s", facts.Left)
		}
		p.clean(t)
	})
}

// A refusal that may only mean that the account is gone: somebody else removes it just before it is tried.
func TestAccountsThatGoAway(t *testing.T) {
	for _, lag := range []time.Duration{0, 3 * time.Second} {
		for victim := range 5 {
			t.Run(fmt.Sprintf("lag-%v-write-%d", lag, victim), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPatient(t, emulator.Options{ListLag: lag, OthersAnswer: "404"})
					somebody := p.raw(t).Service(connectycube.Authority{Deletes: connectycube.DeletesAsAdmin})
					base, writes := p.client.Base, 0
					p.client.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
						if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/users/") || r.Method == http.MethodDelete && strings.Contains(r.URL.Path, "/user") {
							if writes++; writes == victim+1 {
								id, _ := strconv.ParseInt(strings.TrimSuffix(path.Base(r.URL.Path), ".json"), 10, 64)
								if err := somebody.Delete(t.Context(), account.Account{ID: id}); err != nil {
									t.Error(err)
								}
							}
						}
						return base.RoundTrip(r)
					})
					right := usual()
					if lag > 0 {
						right[doctor.ListAtOnce] = doctor.No
					}
					facts := p.examine(t.Context(), t)
					noLie(t, facts, right)
					if writes <= victim {
						t.Error("nobody went away: the test proves nothing")
					}
				})
			})
		}
	}
}
