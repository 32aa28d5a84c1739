package reconcile_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cubesync/source/csvfile"
	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// Each of these tests is named after an incident in which a tool of this kind took something else for "everybody left".
// All run with leavers: delete, without grace and without guards, so that only the rule under test stands between the
// incident and the users. In each there is one who has really left:
//
//	undisturbed   the leaver, and only the leaver, is deleted
//	believed      where records are missing, and they were believed to be all: everybody who is missing is deleted
//	disturbed     nobody is deleted while it lasts, and afterwards only the leaver is; nobody gets another account

const (
	staffed = 40
	lost    = 15 // fewer than half, more than which never leave
)

// scene is an application with settled users, one of whom has left the directory since.
type scene struct {
	*world
	directory *directory
	leaver    string
	ids       map[string]int64 // by external ID, before anything happened
}

// newScene makes the application; everybody is in it, and the first has left the directory.
func newScene(t *testing.T) *scene {
	t.Helper()
	return newSceneOf(t, staffed)
}

func newSceneOf(t *testing.T, people int) *scene {
	t.Helper()
	s := &scene{world: newWorld(t, t.TempDir()), directory: &directory{persons: staff(people)}}
	s.Source, s.Guards = s.directory, unguarded()
	wantStatus(t, s.sync(t), state.Applied)
	s.ids = s.accounts(t)
	if len(s.ids) != people {
		t.Fatalf("%d of %d were signed up", len(s.ids), people)
	}
	s.leaver = s.directory.persons[0][0]
	s.directory.persons = s.directory.persons[1:]
	return s
}

// unguarded are guards that never trip, as far as they can be turned off.
func unguarded() plan.Limits {
	off := plan.Ceiling{Floor: 1 << 30}
	return plan.Limits{Deletes: off, WeekDeletes: off, Updates: off, Creates: off, Field: off, Rekeyed: off, Shrink: 1}
}

// accounts returns the ids of our accounts by their external IDs.
func (s *scene) accounts(t *testing.T) map[string]int64 {
	t.Helper()
	ids := map[string]int64{}
	err := s.Service.List(t.Context(), ownerTag, func(a account.Account) error {
		ids[a.ExternalID] = a.ID
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// untouched checks that nobody was signed up, changed or deleted by what it runs.
func (s *scene) untouched(t *testing.T, status state.Status, runs int) {
	t.Helper()
	before := s.writes()
	for range runs {
		result := s.sync(t)
		if result.Run.Status != status {
			t.Errorf("the run ended as %s (%s, %v), want %s", result.Run.Status, result.Run.Problem, result.Run.Trips, status)
		}
	}
	if n := s.writes() - before; n != 0 {
		t.Errorf("%d users were written", n)
	}
	if now := s.accounts(t); !maps.Equal(now, s.ids) {
		t.Errorf("the accounts were %v and are %v", s.ids, now)
	}
}

// recovers checks that the leaver is deleted now, and that everybody else has the account that they had.
func (s *scene) recovers(t *testing.T) {
	t.Helper()
	result := s.sync(t)
	wantStatus(t, result, state.Applied)
	if len(result.Gone) != 1 || result.Gone[0].Operation.ExternalID != s.leaver {
		t.Errorf("not the leaver, but these were deleted: %v", result.Gone)
	}
	want := maps.Clone(s.ids)
	delete(want, s.leaver)
	if now := s.accounts(t); !maps.Equal(now, want) {
		t.Errorf("the accounts are %v, want %v", now, want)
	}
	if again := s.sync(t); len(again.Plan.Operations) > 0 {
		t.Errorf("there is more to do: %v", again.Plan.Operations)
	}
}

func undisturbed(t *testing.T) {
	t.Run("undisturbed", func(t *testing.T) { newScene(t).recovers(t) })
}

// believed shows that nothing but the rule under test is in the way.
func believed(t *testing.T) {
	t.Run("believed", func(t *testing.T) {
		s := newScene(t)
		s.directory.persons = s.directory.persons[lost:]
		if n := s.sync(t).Run.Tally.LeaversApplied; n != lost+1 {
			t.Errorf("%d were deleted, want %d", n, lost+1)
		}
	})
}

// glpi-project/glpi issue 984: every search for a user was answered with "Can't contact LDAP server", which the nightly
// script took for "not found"; all 512 users were disabled within minutes.
func TestGLPI984(t *testing.T) {
	undisturbed(t)
	t.Run("the-search-fails-at-once", func(t *testing.T) {
		s := newScene(t)
		s.directory.breaks, s.directory.times = errors.New("search: can't contact LDAP server"), -1
		s.untouched(t, state.Incomplete, 2)
		s.directory.breaks = nil
		s.recovers(t)
	})
}

// go-gitea/gitea issue 4402: the search of the nightly synchronisation ran into the server's time limit (LDAP result
// code 3); the error was logged, and all users it hadn't shown were deactivated.
func TestGitea4402(t *testing.T) {
	undisturbed(t)
	believed(t)
	t.Run("the-time-limit-ends-the-search", func(t *testing.T) {
		s := newScene(t)
		s.directory.breaks = errors.New(`LDAP result code 3 "time limit exceeded"`)
		s.directory.after, s.directory.times = staffed-1-lost, -1
		s.untouched(t, state.Incomplete, 2)
		s.directory.breaks = nil
		s.recovers(t)
	})
}

// go-gitea/gitea issue 7949: the search succeeded and was empty, now and then, for no known reason; all users were
// deactivated, because an empty list is a list.
func TestGitea7949(t *testing.T) {
	undisturbed(t)
	t.Run("nobody-is-found", func(t *testing.T) {
		s := newScene(t)
		persons := s.directory.persons
		s.directory.persons = nil
		s.untouched(t, state.Held, 2)
		held := s.sync(t)
		if got := guards(held); !strings.HasPrefix(got, "empty") {
			t.Errorf("held by %q, not by the guard of the empty source", got)
		}
		if held.Run.Approvable() {
			t.Error("that everybody left can be approved")
		}
		s.directory.persons = persons
		s.recovers(t)
	})
}

// awslabs/ssosync issue 88: whatever was in the target and not in the source was deleted, the accounts that
// administrators had made by hand, or another tool, among them.
func TestSSOSync88(t *testing.T) {
	undisturbed(t)
	t.Run("accounts-of-others", func(t *testing.T) {
		s := newScene(t)
		var strangers []int64
		for _, u := range []user.User{
			{ExternalID: "", Values: values("admin-by-hand", "admin@example.org", "")},
			{ExternalID: "x1", Values: values("of-another-tool", "x1@example.org", "other-tool")},
			{ExternalID: "e9999", Values: values("like-one-of-ours", "e9999@example.com", "")},
		} {
			made, err := s.Service.Create(t.Context(), u, "a password of theirs")
			if err != nil {
				t.Fatal(err)
			}
			strangers = append(strangers, made.ID)
		}
		s.recovers(t)
		for _, id := range strangers {
			s.find(t, account.ByID, strconv.FormatInt(id, 10))
		}
	})
}

// awslabs/ssosync issue 194: in one cycle the directory showed neither users nor groups, supposedly because a slow
// answer passed for an empty one; all were deleted, and in the next cycle signed up anew without their permissions.
func TestSSOSync194(t *testing.T) {
	undisturbed(t)
	t.Run("one-cycle-shows-nobody", func(t *testing.T) {
		s := newScene(t)
		persons := s.directory.persons
		for range 3 {
			s.directory.persons = nil
			s.untouched(t, state.Held, 1)
		}
		s.directory.persons = persons
		s.recovers(t)
	})
}

// awslabs/ssosync issue 278: the directory answered a few of the requests with HTTP 503, which weren't repeated; the
// users concerned counted as gone and were deleted.
func TestSSOSync278(t *testing.T) {
	undisturbed(t)
	believed(t)
	unavailable := errors.New("HTTP 503 from the directory")
	t.Run("the-read-is-begun-again", func(t *testing.T) {
		s := newScene(t)
		s.directory.breaks, s.directory.after, s.directory.times = unavailable, staffed-1-lost, 2
		s.recovers(t)
	})
	t.Run("it-never-gets-through", func(t *testing.T) {
		s := newScene(t)
		s.directory.breaks, s.directory.after, s.directory.times = unavailable, staffed-1-lost, -1
		s.untouched(t, state.Incomplete, 1)
		s.directory.breaks = nil
		s.recovers(t)
	})
	t.Run("single-entries-have-no-answer", func(t *testing.T) {
		s := newScene(t)
		s.directory.unread = map[int]error{}
		for i := range lost {
			s.directory.unread[i] = &record.RejectError{Position: "entry", Problem: unavailable.Error()}
		}
		s.untouched(t, state.Applied, 2)
		s.directory.unread = nil
		s.recovers(t)
	})
	t.Run("single-entries-have-no-answer-and-a-known-key", func(t *testing.T) {
		s := newScene(t)
		s.directory.unread = map[int]error{}
		for i := range lost {
			s.directory.unread[i] = &record.RejectError{Position: "entry", ExternalID: s.directory.persons[i][0], Problem: unavailable.Error()}
		}
		s.recovers(t) // who they are is known, so who has left is too
	})
	for name, character := range map[string]string{"an-invisible": "\u200b", "a-control": "\n"} {
		t.Run("single-entries-have-no-answer-and-a-key-with-"+name+"-character", func(t *testing.T) {
			s := newScene(t)
			s.directory.unread = map[int]error{}
			for i := range lost {
				id := s.directory.persons[i][0]
				s.directory.unread[i] = &record.RejectError{Position: "entry", ExternalID: id[:1] + character + id[1:], Problem: unavailable.Error()}
			}
			s.untouched(t, state.Applied, 2)
			s.directory.unread = nil
			s.recovers(t)
		})
	}
}

// keycloak/keycloak issue 20177: the password of the account that searches the directory was changed; until somebody
// entered the new one, all imported users were removed, and came back as other users, without their groups.
func TestKeycloak20177(t *testing.T) {
	undisturbed(t)
	t.Run("the-bind-is-refused", func(t *testing.T) {
		s := newScene(t)
		s.directory.refuses = errors.New(`bind: LDAP result code 49 "invalid credentials"`)
		s.untouched(t, state.Incomplete, 3)
		s.directory.refuses = nil
		s.recovers(t)
	})
}

// keycloak/keycloak issue 24669: the connection to the directory dropped, or timed out, while it was synchronised every
// few seconds; users were removed, and imported anew with other ids.
func TestKeycloak24669(t *testing.T) {
	undisturbed(t)
	believed(t)
	t.Run("the-connection-drops", func(t *testing.T) {
		s := newScene(t)
		s.directory.breaks = errors.New("read: connection reset by peer")
		for after := 0; after < staffed-1; after += 7 { // wherever it does
			s.directory.after, s.directory.times = after, -1
			s.untouched(t, state.Incomplete, 1)
		}
		s.directory.breaks = nil
		s.recovers(t)
	})
}

// RocketChat/Rocket.Chat issue 7348: the directory gives 500 entries at most, and the search doesn't page; a company of
// 600 had 500 users. Whoever deletes what is missing deletes a hundred.
func TestRocketChat7348(t *testing.T) {
	undisturbed(t)
	believed(t)
	t.Run("the-size-limit-is-an-error", func(t *testing.T) {
		s := newScene(t)
		s.directory.breaks = errors.New(`LDAP result code 4 "size limit exceeded"`)
		s.directory.after, s.directory.times = staffed-1-lost, -1
		s.untouched(t, state.Incomplete, 2)
		s.directory.breaks = nil
		s.recovers(t)
	})
	t.Run("the-size-limit-is-silent", func(t *testing.T) {
		s := newScene(t)
		persons := s.directory.persons
		s.directory.persons, s.directory.verdict = persons[lost:], record.Plausible // nothing proves that these are all
		s.untouched(t, state.Applied, 2)
		s.directory.persons, s.directory.verdict = persons, record.Proven
		s.recovers(t)
	})
	t.Run("the-size-limit-is-silent-and-believed", func(t *testing.T) {
		s := newScene(t)
		s.Accept, s.Guards.Shrink = record.Plausible, plan.DefaultLimits().Shrink
		persons := s.directory.persons
		s.directory.persons, s.directory.verdict = persons[lost:], record.Plausible
		s.untouched(t, state.Held, 2)
		if got := guards(s.sync(t)); got != "shrink" {
			t.Errorf("held by %q, not by the guard of the shrunken source", got)
		}
		s.directory.persons = persons
		s.recovers(t)
	})
}

// owncloud/core issue 29796: unknown users were removed with all that was theirs, without an overview, a question or a
// way back; with two directories, the users of the second were unknown while the first was asked.
func TestOwnCloud29796(t *testing.T) {
	undisturbed(t)
	believed(t)
	t.Run("the-plan-names-them-first", func(t *testing.T) {
		s := newScene(t)
		s.Guards.Deletes = plan.DefaultLimits().Deletes
		persons := s.directory.persons
		s.directory.persons = persons[lost:]
		preview, err := s.Preview(t.Context(), reconcile.Order{})
		if err != nil {
			t.Fatal(err)
		}
		named := map[string]int64{}
		for _, op := range preview.Plan.Operations {
			if op.Kind == plan.Delete {
				named[op.ExternalID] = op.AccountID
			}
		}
		want := map[string]int64{s.leaver: s.ids[s.leaver]}
		for _, p := range persons[:lost] {
			want[p[0]] = s.ids[p[0]]
		}
		if !maps.Equal(named, want) {
			t.Errorf("the plan would delete %v, want %v", named, want)
		}
		s.untouched(t, state.Held, 2)
		if got := guards(s.sync(t)); got != "deletes" {
			t.Errorf("held by %q, not by the guard of deletes", got)
		}
		s.directory.persons = persons
		s.recovers(t)
	})
	t.Run("two-directories", func(t *testing.T) {
		s := newScene(t)
		second := *s.Pipeline
		others := &directory{persons: elsewhere(staff(staffed))}
		second.Name, second.Source, second.StateDir = "partners", others, t.TempDir()
		second.Policy.OwnerTag, second.Policy.OtherOwnerTags = "partners-sync", []string{ownerTag}
		second.Identity = state.Identity{Endpoint: "emulator", ApplicationID: "1", Pipeline: "partners", OwnerTag: "partners-sync"}
		s.Policy.OtherOwnerTags = []string{"partners-sync"}
		result, err := second.Sync(t.Context(), reconcile.Order{})
		if err != nil || result.Run.Tally.Applied != staffed {
			t.Fatalf("%+v, %v", result, err)
		}
		s.recovers(t)
		if result, err = second.Sync(t.Context(), reconcile.Order{}); err != nil || result.Run.Tally.Unchanged != staffed || len(result.Plan.Operations) > 0 {
			t.Errorf("the second directory's users: %+v, %v", result.Run.Tally, err)
		}
	})
}

// An export is read while it is still being written, or its disk is full: what is there of it is well formed.
func TestHalfWrittenExport(t *testing.T) {
	undisturbed(t)
	believed(t)
	s := newScene(t)
	whole := s.export(t, columns)
	header, _, _ := strings.Cut(whole, "\n")
	for name, cut := range map[string]string{
		"in-mid-row":     whole[:len(whole)*2/3],
		"before-the-end": strings.TrimSuffix(whole, "\n"),
		"header-only":    header,
		"nothing":        "",
	} {
		t.Run(name, func(t *testing.T) {
			s.exported(t, cut)
			s.untouched(t, state.Incomplete, 1)
		})
	}
	s.exported(t, whole)
	s.recovers(t)
}

// The export's key column is called something else one night: no record has an external ID any more.
func TestRenamedKeyColumn(t *testing.T) {
	undisturbed(t)
	s := newScene(t)
	whole := s.export(t, columns)
	s.exported(t, strings.Replace(whole, "id,", "employee,", 1))
	s.untouched(t, state.Incomplete, 2)
	s.exported(t, strings.Replace(whole, "id,login,", "login,id,", 1)) // another column is called as the key was
	s.Guards.Rekeyed = plan.DefaultLimits().Rekeyed
	s.untouched(t, state.Held, 1)
	if got := guards(s.sync(t)); !strings.HasSuffix(got, "rekeyed") {
		t.Errorf("held by %q, not by the guard of changed keys", got)
	}
	s.exported(t, whole)
	s.recovers(t)
}

// export is the directory as CSV.
func (s *scene) export(t *testing.T, header []string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(strings.Join(header, ",") + "\n")
	for _, p := range s.directory.persons {
		b.WriteString(strings.Join(p[:7], ",") + `,"` + strings.ReplaceAll(p[7], `"`, `""`) + "\"\n")
	}
	return b.String()
}

// exported lets the pipeline read this as its CSV file.
func (s *scene) exported(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(s.StateDir, "users.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := csvfile.New(csvfile.Options{Path: path, KeyColumn: "id"})
	if err != nil {
		t.Fatal(err)
	}
	s.Source, s.Accept = source, record.Plausible
}

func elsewhere(persons []person) []person {
	for i := range persons {
		for _, column := range []int{0, 1, 2} {
			persons[i][column] = "p" + persons[i][column]
		}
	}
	return persons
}

func values(login, email, tags string) user.Values {
	var v user.Values
	v[user.Login], v[user.Email], v[user.Tags] = user.Text(login), user.Text(email), user.Text(tags)
	return v
}
