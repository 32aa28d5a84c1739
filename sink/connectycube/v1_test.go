package connectycube

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"cubesync/sync/account"

	"github.com/google/go-cmp/cmp"
)

// oldServer is a server that may be too old for v2, or so new that it refuses v1.
type oldServer struct {
	v2, v1  bool
	ignores bool // the filter
	users   []string
	more    int // users that it announces, and doesn't have
	onPage  func(s *oldServer)

	mu    sync.Mutex
	asked []string // the lists, in order
}

func (s *oldServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/session.json" {
		_, _ = fmt.Fprint(w, `{"session":{"token":"t"}}`)
		return
	}
	query := r.URL.Query()
	switch {
	case r.URL.Path == "/users/v2.json" && s.v2:
		s.asked = append(s.asked, "v2")
		_, _ = fmt.Fprintf(w, `{"total_entries":%d,"items":[%s]}`, len(s.users), strings.Join(s.users, ","))
		return
	case r.URL.Path == "/users/v2.json" || !s.v1:
		s.asked = append(s.asked, "missing")
		http.Error(w, `{"errors":["E_ROUTE_NOT_FOUND"]}`, http.StatusNotFound)
		return
	}
	s.asked = append(s.asked, strings.Join([]string{r.URL.Path, query.Get("filter[]"), query.Get("tags"), query.Get("order"), query.Get("page"), query.Get("per_page")}, "|"))
	users := s.users
	condition := strings.SplitN(query.Get("filter[]"), " ", 4)
	if len(condition) == 4 && !s.ignores {
		values := condition[3]
		users = nil
		for _, user := range s.users {
			if slices.ContainsFunc(strings.Split(values, ","), func(value string) bool { return strings.Contains(user, fmt.Sprintf("%q", value)) }) {
				users = append(users, user)
			}
		}
	}
	number, _ := strconv.Atoi(query.Get("page"))
	size, _ := strconv.Atoi(query.Get("per_page"))
	total := len(users) + s.more
	users = users[min((number-1)*size, len(users)):min(number*size, len(users))]
	items := make([]string, len(users))
	for i, user := range users {
		items[i] = `{"user":` + user + `}`
	}
	_, _ = fmt.Fprintf(w, `{"current_page":%d,"per_page":%d,"total_entries":%d,"items":[%s]}`, number, size, total, strings.Join(items, ","))
	if s.onPage != nil {
		s.onPage(s)
	}
}

func oldUsers(n int) []string {
	users := make([]string, n)
	for i := range users {
		id := n - i // the order of a list of v1 isn't ours to choose
		users[i] = fmt.Sprintf(`{"id":%d,"login":"l%d","external_user_id":%d,"user_tags":"our tag+,staff"}`, id, id, id)
	}
	return users
}

func TestListOfAnOldServer(t *testing.T) {
	s := &oldServer{v1: true, users: oldUsers(250)}
	c := newTestClient(t, s)
	for range 2 {
		got, err := listed(c, t)
		if err != nil || len(got) != 250 || !slices.IsSorted(got) {
			t.Fatalf("error %v; got %v", err, got)
		}
	}
	pages := []string{"/users/by_tags.json||our tag+||1|100", "/users/by_tags.json||our tag+||2|100", "/users/by_tags.json||our tag+||3|100"}
	want := slices.Concat([]string{"missing", "/users.json||||1|1"}, pages, pages) // found out once
	if diff := cmp.Diff(s.asked, want); diff != "" {
		t.Errorf("asked (-), want (+):\n%s", diff)
	}
}

func TestLookUpOnAnOldServer(t *testing.T) {
	s := &oldServer{v1: true, users: oldUsers(5)}
	c := newTestClient(t, s)
	found, err := c.find(t.Context(), account.ByLogin, []string{"l2", "l4", "nobody", "a,b"})
	if err != nil || len(found) != 2 || found[0].ID != 2 || found[1].ID != 4 {
		t.Errorf("error %v; found %v", err, found)
	}
	records, err := c.FindUsers(t.Context(), FieldLogin, "l1")
	if err != nil || len(records) != 1 || records[0].ExternalUserID.Number != 1 || records[0].ExternalID.Presence != Absent {
		t.Errorf("error %v; found %v", err, records)
	}
	want := []string{
		"missing", "/users.json||||1|1",
		"/users.json|string login eq a,b||asc number id|1|100",
		"/users.json|string login in l2,l4,nobody||asc number id|1|100",
		"/users.json|string login in l1||asc number id|1|100",
	}
	if diff := cmp.Diff(s.asked, want); diff != "" {
		t.Errorf("asked (-), want (+):\n%s", diff)
	}
}

func TestNewServerIsNeverAskedForV1(t *testing.T) {
	s := &oldServer{v2: true, v1: true}
	c := newTestClient(t, s)
	if _, err := listed(c, t); err != nil {
		t.Fatal(err)
	}
	s.v2 = false // a stray 404 of a proxy
	_, err := listed(c, t)
	if account.KindOf(err) != account.NotFound {
		t.Errorf("got error %v", err)
	}
	if diff := cmp.Diff(s.asked, []string{"v2", "missing"}); diff != "" {
		t.Errorf("asked (-), want (+):\n%s", diff)
	}
}

// What the one who reads says is no answer of the server's.
func TestReaderWhoSaysNotFound(t *testing.T) {
	s := &oldServer{v2: true, v1: true, users: oldUsers(1)}
	c := newTestClient(t, s)
	gone := &account.Error{Kind: account.NotFound}
	if err := c.list(t.Context(), "our tag+", func(account.Account) error { return gone }); err != error(gone) { //nolint:errorlint // returned as it is
		t.Errorf("got error %v", err)
	}
	if diff := cmp.Diff(s.asked, []string{"v2"}); diff != "" {
		t.Errorf("asked (-), want (+):\n%s", diff)
	}
}

func TestServerWithNeitherEdition(t *testing.T) {
	s := &oldServer{}
	if _, err := newTestClient(t, s).find(t.Context(), account.ByLogin, []string{"l1"}); account.KindOf(err) != account.NotFound {
		t.Errorf("got error %v", err)
	}
}

func TestOldServerThatIgnoresTheQuestion(t *testing.T) {
	s := &oldServer{v1: true, ignores: true, users: oldUsers(5)}
	found, err := newTestClient(t, s).find(t.Context(), account.ByLogin, []string{"l2"})
	if account.KindOf(err) != account.Unavailable || found != nil || !strings.Contains(err.Error(), "ignored the question") {
		t.Errorf("error %v; found %v", err, found)
	}
}

func TestListOfAnOldServerMoves(t *testing.T) {
	t.Run("once", func(t *testing.T) {
		s := &oldServer{v1: true, users: oldUsers(150)}
		pages := 0
		s.onPage = func(s *oldServer) {
			if pages++; pages == 2 { // after the first page of the list
				s.users = s.users[1:]
			}
		}
		got, err := listed(newTestClient(t, s), t)
		if err != nil || len(got) != 149 {
			t.Errorf("error %v; %d users", err, len(got))
		}
	})
	t.Run("in-its-order", func(t *testing.T) { // the total holds still, but a user comes twice and another not at all
		s := &oldServer{v1: true, users: oldUsers(150)}
		pages := 0
		s.onPage = func(s *oldServer) {
			if pages++; pages == 2 {
				s.users[99], s.users[149] = s.users[149], s.users[99]
			}
		}
		got, err := listed(newTestClient(t, s), t)
		if err != nil || len(slices.Compact(got)) != 150 {
			t.Errorf("error %v; %d users", err, len(got))
		}
	})
	t.Run("fewer-than-announced", func(t *testing.T) {
		s := &oldServer{v1: true, users: oldUsers(150), more: 1}
		got, err := listed(newTestClient(t, s), t)
		if account.KindOf(err) != account.Unavailable || len(got) != 0 {
			t.Errorf("error %v; %d users", err, len(got))
		}
	})
	t.Run("always", func(t *testing.T) {
		s := &oldServer{v1: true, users: oldUsers(150)}
		s.onPage = func(s *oldServer) { s.users = s.users[1:] }
		got, err := listed(newTestClient(t, s), t)
		if account.KindOf(err) != account.Unavailable || len(got) != 0 {
			t.Errorf("error %v; %d users", err, len(got))
		}
	})
}
