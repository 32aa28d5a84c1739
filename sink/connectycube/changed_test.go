package connectycube

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cubesync/sync/account"

	"github.com/google/go-cmp/cmp"
)

// changing is a server whose users all carry one tag and are changed now and then.
type changing struct {
	mu      sync.Mutex
	ids     []int64                             // rising
	changed map[int64]time.Time                 // the others were changed long ago
	heeds   func(changed, since time.Time) bool // nil: as documented
	refuses int                                 // the status of an answer to a moment
	shows   string                              // an item, with id and moment filled in; "": a whole one
	onList  func(s *changing, query string)     // before it answers
	hold    func(query string)                  // delays an answer
	asked   []string
}

var (
	longAgo = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tonight = time.Date(2026, 3, 1, 2, 30, 5, 0, time.UTC)
)

func (s *changing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/session.json" {
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprint(w, `{"session":{"token":"t"}}`)
		return
	}
	query := r.URL.Query()
	if query.Get("user_tags") != "our tag+" {
		_, _ = fmt.Fprint(w, `{"total_entries":0,"items":[]}`)
		return
	}
	moment, offset, limit := query.Get("updated_at[gte]"), query.Get("offset"), query.Get("limit")
	asked := strings.TrimSpace(moment + " " + offset + "+" + limit)
	if s.hold != nil {
		s.hold(asked)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, asked)
	if s.onList != nil {
		s.onList(s, asked)
	}
	if moment != "" && s.refuses != 0 {
		http.Error(w, `{"errors":{"base":["no"]}}`, s.refuses)
		return
	}
	ids := slices.Clone(s.ids)
	if since, err := time.Parse(time.RFC3339, moment); err == nil {
		heeds := s.heeds
		if heeds == nil {
			heeds = func(changed, since time.Time) bool { return !changed.Before(since) }
		}
		ids = slices.DeleteFunc(ids, func(id int64) bool { return !heeds(s.moment(id), since) })
	}
	total := len(ids)
	from, _ := strconv.Atoi(offset)
	most, _ := strconv.Atoi(limit)
	ids = ids[min(from, total):min(from+most, total)]
	shows := s.shows
	if shows == "" {
		shows = `{"id":%d,"user_tags":["our tag+"],"updated_at":%q}`
	}
	items := make([]string, len(ids))
	for i, id := range ids {
		items[i] = fmt.Sprintf(shows, id, s.moment(id).Format(time.RFC3339))
	}
	_, _ = fmt.Fprintf(w, `{"total_entries":%d,"items":[%s]}`, total, strings.Join(items, ","))
}

func (s *changing) moment(id int64) time.Time {
	if at, changed := s.changed[id]; changed {
		return at
	}
	return longAgo
}

// change changes every nth user tonight, from the first on.
func (s *changing) change(nth int) (changed []int64) {
	s.changed = map[int64]time.Time{}
	for i := 0; i < len(s.ids); i += nth {
		s.changed[s.ids[i]] = tonight.Add(time.Duration(i) * time.Second)
		changed = append(changed, s.ids[i])
	}
	return changed
}

func listChanged(c *Client, t *testing.T, since time.Time) (ids []int64, total int, err error) {
	total, err = c.listChanged(t.Context(), "our tag+", since, func(a account.Account) error {
		ids = append(ids, a.ID)
		return nil
	})
	return ids, total, err
}

func TestListChanged(t *testing.T) {
	const since = "2026-03-01T02:30:05Z"
	for name, test := range map[string]struct {
		nth   int
		asked []string
	}{
		"a-quiet-night": {1000, []string{"0+1", since + " 0+100"}},
		"a-few":         {100, []string{"0+1", since + " 0+100"}},
		"many":          {2, []string{"0+1", since + " 0+100", since + " 198+100", since + " 99+100"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &changing{ids: numbers(500)}
			want := s.change(test.nth)
			if name == "a-quiet-night" {
				want, s.changed = nil, nil
			}
			got, total, err := listChanged(newTestClient(t, s), t, tonight.Add(time.Second-1)) // moments count in seconds
			if err != nil || total != 500 || !slices.Equal(got, want) {
				t.Errorf("error %v; total %d; got %v, want %v", err, total, got, want)
			}
			slices.Sort(s.asked[1:]) // pages may be fetched at the same time
			if diff := cmp.Diff(s.asked, test.asked); diff != "" {
				t.Errorf("asked (-), want (+):\n%s", diff)
			}
		})
	}
	t.Run("since-ever", func(t *testing.T) {
		s := &changing{ids: numbers(150)}
		got, total, err := listChanged(newTestClient(t, s), t, time.Time{})
		if err != nil || total != 150 || !slices.Equal(got, s.ids) || slices.Contains(s.asked, "0+1") {
			t.Errorf("error %v; total %d; got %v; asked %v", err, total, got, s.asked)
		}
	})
}

// Who is changed while changes are listed joins them, and pushes others to the next page. Nobody who was among them
// before may be missed.
func TestListOfChangesThatGrows(t *testing.T) {
	at := func(offset string, act func(s *changing)) func(*changing, string) {
		done := false
		return func(s *changing, asked string) {
			if strings.HasSuffix(asked, " "+offset+"+100") && !done {
				done = true
				act(s)
			}
		}
	}
	join := func(from, to int) func(*changing) {
		return func(s *changing) {
			for i := from; i < to; i++ {
				s.changed[s.ids[i]] = tonight.Add(time.Hour)
			}
		}
	}
	leave := func(s *changing) { s.ids = s.ids[2:] } // a changed one and another
	for name, test := range map[string]struct {
		onList   func(*changing, string)
		readings int // 0: depends on which page comes first
	}{
		"one-joins-behind":           {at("198", join(1, 2)), 1},
		"one-joins-ahead":            {at("198", join(999, 1000)), 1},
		"a-page-and-a-half-behind":   {at("198", join(0, 300)), 1},
		"a-page-and-a-half-ahead":    {at("99", join(700, 1000)), 1},
		"all-join":                   {at("99", join(0, 1000)), 1},
		"one-leaves":                 {at("198", leave), 2},
		"one-leaves-and-two-join":    {at("198", func(s *changing) { leave(s); join(1, 4)(s) }), 0},
		"the-last-page-leaves":       {at("495", func(s *changing) { s.ids = s.ids[10:] }), 2},
		"one-leaves-after-the-count": {at("0", leave), 1},
	} {
		t.Run(name, func(t *testing.T) {
			counts, counted := 0, 0
			s := &changing{ids: numbers(1000), onList: func(s *changing, asked string) {
				if test.onList(s, asked); asked == "0+1" {
					counts, counted = counts+1, len(s.ids)
				}
			}}
			want := s.change(2)
			got, total, err := listChanged(newTestClient(t, s), t, tonight)
			if err != nil || total != counted {
				t.Errorf("error %v; total %d, want %d", err, total, counted)
			}
			if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
				t.Errorf("not by rising id, once each: %v", got)
			}
			for _, id := range want {
				if slices.Contains(s.ids, id) && !slices.Contains(got, id) {
					t.Errorf("user %d is missing", id)
				}
			}
			if counts != test.readings && test.readings != 0 {
				t.Errorf("%d readings, want %d: %v", counts, test.readings, s.asked)
			}
		})
	}
	t.Run("behind-at-the-second-reading", func(t *testing.T) {
		counts := 0
		s := &changing{ids: numbers(1000)}
		leaves := at("198", leave)
		s.onList = func(s *changing, asked string) {
			if leaves(s, asked); asked == "0+1" {
				if counts++; counts == 2 {
					join(0, 20)(s)
				}
			}
		}
		s.change(2)
		if got, _, err := listChanged(newTestClient(t, s), t, tonight); err != nil || !slices.IsSorted(got) || counts != 2 {
			t.Errorf("error %v; %d readings; got %v", err, counts, got)
		}
	})
	t.Run("behind-the-last-page", func(t *testing.T) { // which was fetched before
		s := &changing{ids: numbers(1000)}
		want := s.change(3)
		others, answered := make(chan struct{}), 0
		s.hold = func(asked string) {
			if strings.HasSuffix(asked, " 99+100") {
				<-others
			}
		}
		s.onList = func(s *changing, asked string) {
			switch _, page, _ := strings.Cut(asked, " "); page {
			case "99+100":
				join(1, 2)(s)
			case "198+100", "297+100":
				if answered++; answered == 2 {
					close(others)
				} else if answered > 2 {
					join(0, 200)(s)
				}
			}
		}
		got, _, err := listChanged(newTestClient(t, s), t, tonight)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range want {
			if !slices.Contains(got, id) {
				t.Errorf("user %d is missing", id)
			}
		}
	})
	t.Run("ever-fewer", func(t *testing.T) {
		s := &changing{ids: numbers(1000)}
		s.change(1)
		s.onList = func(s *changing, asked string) {
			if strings.HasSuffix(asked, " 198+100") {
				leave(s)
			}
		}
		if _, _, err := listChanged(newTestClient(t, s), t, tonight); account.KindOf(err) != account.Unavailable || err == nil {
			t.Errorf("got error %v", err)
		}
	})
}

func TestListOfChangesByServersOfTheirOwn(t *testing.T) {
	day := 24 * time.Hour
	byTheDay := func(changed, since time.Time) bool { return !changed.Before(since.Truncate(day)) }
	never := func(time.Time, time.Time) bool { return true }
	half := func(changed, _ time.Time) bool { return changed.Second()%2 == 0 }
	for name, test := range map[string]struct {
		server  *changing
		listed  string // "all", "changed", "today"
		ignored bool
		asked   int
	}{
		"ignores-moments":          {&changing{heeds: never}, "all", false, 1 + 5},
		"compares-by-the-day":      {&changing{heeds: byTheDay}, "today", false, 1 + 3 + 1},
		"answers-something":        {&changing{heeds: half}, "", true, 0},
		"refuses-moments-with-400": {&changing{refuses: http.StatusBadRequest}, "all", false, 1 + 1 + 5},
		"refuses-moments-with-422": {&changing{refuses: http.StatusUnprocessableEntity}, "all", false, 1 + 1 + 5},
		"hides-moments":            {&changing{shows: `{"id":%d,"user_tags":["our tag+"],"other":%q}`}, "changed", false, 1 + 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := test.server
			s.ids = numbers(460)
			want := s.change(4)
			switch test.listed {
			case "all":
				want = s.ids
			case "today":
				for i := 2; i < len(s.ids); i += 4 { // as many were changed earlier in the day
					s.changed[s.ids[i]] = tonight.Add(-time.Hour)
				}
				want = slices.DeleteFunc(slices.Clone(s.ids), func(id int64) bool { return s.moment(id).Equal(longAgo) })
			}
			got, total, err := listChanged(newTestClient(t, s), t, tonight)
			if test.ignored {
				if account.KindOf(err) != account.Unavailable || err == nil || !strings.Contains(err.Error(), "ignored the question for updated_at") {
					t.Errorf("got error %v", err)
				}
				return
			}
			if err != nil || total != len(s.ids) || !slices.Equal(got, want) || len(s.asked) != test.asked {
				t.Errorf("error %v; total %d; listed %d, want %d; asked %d times, want %d: %v", err, total, len(got), len(want), len(s.asked), test.asked, s.asked)
			}
		})
	}
}

// The count is believed only where it is of those who were asked for.
func TestCountOfStrangers(t *testing.T) {
	for name, answer := range map[string]string{
		"another-tag": `{"total_entries":3,"items":[{"id":1,"user_tags":["theirs"]}]}`,
		"nobody":      `{"total_entries":3,"items":[]}`,
		"uncounted":   `{"total_entries":0,"items":[{"id":1,"user_tags":["our tag+"]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/session.json":
					_, _ = fmt.Fprint(w, `{"session":{"token":"t"}}`)
				case r.URL.Query().Has("updated_at[gte]"):
					_, _ = fmt.Fprint(w, `{"total_entries":0,"items":[]}`)
				default:
					_, _ = fmt.Fprint(w, answer)
				}
			}))
			if got, total, err := listChanged(c, t, tonight); account.KindOf(err) != account.Unavailable || err == nil {
				t.Errorf("got %v, total %d, error %v", got, total, err)
			}
		})
	}
}

func TestListOfChangesOfAnOldServer(t *testing.T) {
	s := &oldServer{v1: true, users: oldUsers(250)}
	c := newTestClient(t, s)
	for range 2 {
		got, total, err := listChanged(c, t, tonight)
		if err != nil || total != 250 || len(got) != 250 || !slices.IsSorted(got) {
			t.Fatalf("error %v; total %d; got %v", err, total, got)
		}
	}
}
