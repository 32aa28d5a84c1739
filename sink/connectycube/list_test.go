package connectycube

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"cubesync/sync/account"

	"github.com/google/go-cmp/cmp"
)

// directory is a server that lists users by rising id.
type directory struct {
	mu       sync.Mutex
	ids      []int64
	queries  []url.Values // of each list, as they arrived
	maxIn    int          // how many values of an [in][] it takes; 0: any number
	refusal  int          // the status for more; 0: 400
	onList   func(d *directory, query url.Values)
	external map[string][]int64 // ids by external id
}

func (d *directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/session.json" {
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprint(w, `{"session":{"token":"t"}}`)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	query := r.URL.Query()
	d.queries = append(d.queries, query)
	if d.onList != nil {
		d.onList(d, query)
	}
	ids := d.ids
	if values := query["external_id[in][]"]; values != nil {
		if d.maxIn > 0 && len(values) > d.maxIn {
			http.Error(w, `{"errors":{"base":["too many values"]}}`, max(d.refusal, http.StatusBadRequest))
			return
		}
		ids = nil
		for _, value := range values {
			ids = append(ids, d.external[value]...)
		}
		slices.Sort(ids)
	}
	offset, _ := strconv.Atoi(query.Get("offset"))
	total := len(ids)
	ids = ids[min(offset, total):min(offset+100, total)]
	items := make([]string, len(ids))
	for i, id := range ids {
		items[i] = fmt.Sprintf(`{"id":%d,"external_id":%q,"user_tags":[%q]}`, id, holder(d.external, query["external_id[in][]"], id), query.Get("user_tags"))
	}
	_, _ = fmt.Fprintf(w, `{"limit":100,"skip":%d,"total_entries":%d,"items":[%s]}`, offset, total, strings.Join(items, ","))
}

// holder is the value among those asked for that the id has.
func holder(external map[string][]int64, asked []string, id int64) string {
	for _, value := range asked {
		if slices.Contains(external[value], id) {
			return value
		}
	}
	return ""
}

func newTestClient(t *testing.T, handler http.Handler) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := New(Options{Endpoint: server.URL, ApplicationID: "7", AuthKey: "auth-key", Workers: 4, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.exchange.closeIdle)
	return c
}

func numbers(n int) []int64 {
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = int64(10 + 3*i)
	}
	return ids
}

func listed(c *Client, t *testing.T) ([]int64, error) {
	var ids []int64
	err := c.list(t.Context(), "our tag+", func(a account.Account) error {
		ids = append(ids, a.ID)
		return nil
	})
	return ids, err
}

func TestList(t *testing.T) {
	for n, requests := range map[int]int{0: 1, 1: 1, 99: 1, 100: 1, 101: 2, 199: 2, 200: 3, 1000: 11} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			d := &directory{ids: numbers(n)}
			got, err := listed(newTestClient(t, d), t)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, d.ids) {
				t.Errorf("got %d users %v, want %d", len(got), got, n)
			}
			if len(d.queries) != requests {
				t.Errorf("%d requests, want %d", len(d.queries), requests)
			}
			want := url.Values{"user_tags": {"our tag+"}, "sort_asc": {"id"}, "limit": {"100"}, "offset": {"0"}}
			if diff := cmp.Diff(d.queries[0], want); diff != "" {
				t.Errorf("query: got (-), want (+):\n%s", diff)
			}
		})
	}
}

func TestListThatMoves(t *testing.T) {
	atOffset := func(times int, offset string, act func(d *directory)) func(*directory, url.Values) {
		return func(d *directory, query url.Values) {
			if query.Get("offset") == offset && times > 0 {
				times--
				act(d)
			}
		}
	}
	leave := func(d *directory) { d.ids = d.ids[1:] }
	swap := func(d *directory) { d.ids = append(d.ids[1:], d.ids[len(d.ids)-1]+1) } // the total holds still
	join := func(d *directory) { d.ids = append(d.ids, d.ids[len(d.ids)-1]+1) }
	behind := func(d *directory) { d.ids = slices.Insert(d.ids, 1, d.ids[0]+1) }
	tests := map[string]struct {
		onList func(*directory, url.Values)
		moved  bool
	}{
		"somebody-leaves":            {atOffset(1, "198", leave), false},
		"somebody-leaves-twice":      {atOffset(2, "198", leave), false},
		"somebody-leaves-each-time":  {atOffset(3, "198", leave), true},
		"one-leaves-and-one-joins":   {atOffset(1, "198", swap), false},
		"somebody-joins":             {atOffset(2, "297", join), false},
		"somebody-turns-up-behind":   {atOffset(1, "198", behind), true},
		"order-is-not-kept":          {atOffset(9, "0", func(d *directory) { slices.Reverse(d.ids) }), true},
		"one-leaves-on-the-way-back": {atOffset(1, "0", leave), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := &directory{ids: numbers(400), onList: test.onList}
			got, err := listed(newTestClient(t, d), t)
			if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
				t.Errorf("not by rising id, once each: %v", got)
			}
			if test.moved {
				if account.KindOf(err) != account.Unavailable || !strings.Contains(err.Error(), "kept moving") {
					t.Errorf("got error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range d.ids {
				if !slices.Contains(got, id) {
					t.Errorf("user %d is missing", id)
				}
			}
		})
	}
}

func TestListThatIsNoList(t *testing.T) {
	for name, ids := range map[string]string{
		"fewer-than-announced": `1,2`,
		"one-twice":            `1,1,2`,
		"falling":              `3,2,1`,
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/session.json" {
					_, _ = fmt.Fprint(w, `{"session":{"token":"t"}}`)
					return
				}
				items := regexp.MustCompile(`\d`).ReplaceAllString(ids, `{"id":$0,"user_tags":["our tag+"]}`)
				_, _ = fmt.Fprintf(w, `{"total_entries":3,"items":[%s]}`, items)
			}))
			if got, err := listed(c, t); account.KindOf(err) != account.Unavailable {
				t.Errorf("got %v, error %v", got, err)
			}
		})
	}
}

func TestListStopsWithTheErrorOfYield(t *testing.T) {
	stop := errors.New("enough")
	c := newTestClient(t, &directory{ids: numbers(1000)})
	seen := 0
	err := c.list(t.Context(), "tag", func(account.Account) error {
		if seen++; seen == 250 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || seen != 250 {
		t.Errorf("got error %v after %d users", err, seen)
	}
}

func TestFind(t *testing.T) {
	var values []string
	external := map[string][]int64{}
	for i := range 250 {
		value := fmt.Sprintf("é&%d+ x", i)
		values = append(values, value)
		if i%2 == 0 {
			external[value] = []int64{int64(1 + i)}
		}
	}
	long := make([]string, 100)
	for i := range long {
		long[i] = strings.Repeat("l", 150) + fmt.Sprint(i)
	}
	twice := maps.Clone(external) // in two calls
	twice[values[249]] = []int64{1}
	many := map[string][]int64{"same": numbers(150)}
	tests := map[string]struct {
		values   []string
		external map[string][]int64
		maxIn    int
		found    int
		requests int
	}{
		"nothing":             {nil, external, 0, 0, 0},
		"empty-values":        {[]string{"", ""}, external, 0, 0, 0},
		"each-value-once":     {[]string{values[0], "", values[0]}, external, 0, 1, 1},
		"found-twice":         {values, twice, 0, 125, 3},
		"a-hundred-a-call":    {values, external, 0, 125, 3},
		"six-kilobytes":       {long, external, 0, 0, 3},
		"halved-and-learned":  {values, external, 60, 125, 1 + 2 + 3}, // 100 refused, 50 + 50, then 50 each
		"halved-twice":        {values[:100], external, 30, 50, 1 + 2 + 4},
		"key-that-many-share": {[]string{"same"}, many, 0, 150, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := &directory{external: test.external, maxIn: test.maxIn}
			c := newTestClient(t, d)
			found, err := c.find(t.Context(), account.ByExternalID, test.values)
			if err != nil {
				t.Fatal(err)
			}
			if len(found) != test.found || len(d.queries) != test.requests {
				t.Errorf("found %d users in %d requests, want %d in %d", len(found), len(d.queries), test.found, test.requests)
			}
		})
	}
	for _, status := range []int{http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong} {
		t.Run("halved-on-"+fmt.Sprint(status), func(t *testing.T) {
			d := &directory{external: external, maxIn: 60, refusal: status}
			found, err := newTestClient(t, d).find(t.Context(), account.ByExternalID, values)
			if err != nil || len(found) != 125 {
				t.Errorf("error %v; found %d", err, len(found))
			}
		})
	}
	t.Run("one-value-refused", func(t *testing.T) {
		c := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/session.json" {
				_, _ = fmt.Fprint(w, `{"session":{"token":"t"}}`)
				return
			}
			w.WriteHeader(http.StatusBadRequest)
		}))
		if _, err := c.find(t.Context(), account.ByID, []string{"1", "2", "3"}); account.KindOf(err) != account.Invalid {
			t.Errorf("got error %v", err)
		}
	})
}
