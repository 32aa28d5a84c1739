package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

func TestOpenModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such modes")
	}
	dir := filepath.Join(t.TempDir(), "cubesync", "state")
	s := openStore(t, dir)
	begin(t, s) // so that the log is there
	mode := func(path string) os.FileMode {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if got := mode(dir); got != 0o700 {
		t.Errorf("the folder's mode is %o, want 700", got)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if got := mode(s.file + suffix); got != 0o600 {
			t.Errorf("the mode of the file%s is %o, want 600", suffix, got)
		}
	}
	closeStore(t, s)

	if err := os.Chmod(s.file, 0o644); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	if got := mode(s.file); got != 0o600 {
		t.Errorf("after opening one that others could read, the mode is %o, want 600", got)
	}
}

func TestIdentitiesAreSeparate(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	finish(t, s, begin(t, s), End{Observed: accounts("E1")}, 0)
	others := map[string]func(*Identity){
		"endpoint":    func(id *Identity) { id.Endpoint = "https://other.example.com" },
		"application": func(id *Identity) { id.ApplicationID = "8" },
		"pipeline":    func(id *Identity) { id.Pipeline = "../staff/ä" },
		"owner-tag":   func(id *Identity) { id.OwnerTag = "cubesync-other" },
	}
	for name, change := range others {
		t.Run(name, func(t *testing.T) {
			id := staff
			change(&id)
			other, err := Open(t.Context(), dir, id)
			if err != nil {
				t.Fatal(err)
			}
			defer closeStore(t, other)
			if known := knownByID(t, other); len(known) != 0 {
				t.Errorf("it knows %v, want nothing", known)
			}
			if got := filepath.Dir(other.file); got != dir {
				t.Errorf("its file lies in %s, want %s", got, dir)
			}
		})
	}
}

func TestForeignFiles(t *testing.T) {
	tests := map[string]struct {
		prepare func(t *testing.T, file string)
		want    string
	}{
		"renamed": {
			prepare: func(t *testing.T, file string) {
				other := staff
				other.Pipeline = "guests"
				s, err := Open(t.Context(), filepath.Dir(file), other)
				if err != nil {
					t.Fatal(err)
				}
				closeStore(t, s)
				if err := os.Rename(s.file, file); err != nil {
					t.Fatal(err)
				}
			},
			want: `belongs to pipeline "guests"`,
		},
		"newer-version": {
			prepare: func(t *testing.T, file string) {
				closeStore(t, openStore(t, filepath.Dir(file)))
				execute(t, file, "PRAGMA user_version = 99")
			},
			want: fmt.Sprintf("newer cubesync (its version is 99, this program knows up to %d)", len(migrations())),
		},
		"other-database": {
			prepare: func(t *testing.T, file string) { execute(t, file, "CREATE TABLE song (title TEXT)") },
			want:    "not a state of cubesync",
		},
		"other-database-of-our-version": {
			prepare: func(t *testing.T, file string) {
				execute(t, file, "CREATE TABLE song (title TEXT)")
				execute(t, file, fmt.Sprintf("PRAGMA user_version = %d", len(migrations())))
			},
			want: "no such table",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			test.prepare(t, staff.file(dir))
			for how, open := range map[string]func(context.Context, string, Identity) (*Store, error){"Open": Open, "Peek": Peek} {
				s, err := open(t.Context(), dir, staff)
				if err == nil {
					closeStore(t, s)
					t.Fatalf("%s took it", how)
				}
				for _, want := range []string{test.want, staff.file(dir), "move"} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%s said %q, want %q in it", how, err, want)
					}
				}
			}
		})
	}
}

func TestNewerVersionHasItsOwnError(t *testing.T) {
	dir := t.TempDir()
	closeStore(t, openStore(t, dir))
	newest := len(migrations())
	execute(t, staff.file(dir), fmt.Sprintf("PRAGMA user_version = %d", newest+1))
	_, err := Open(t.Context(), dir, staff)
	var newer *VersionError
	if !errors.As(err, &newer) || newer.Version != newest+1 || newer.Newest != newest {
		t.Errorf("got %v, want a VersionError of version %d", err, newest+1)
	}
}

// ofVersion makes an empty state as an earlier cubesync did.
func ofVersion(t *testing.T, version int) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	file = staff.file(dir)
	for _, step := range migrations()[:version] {
		execute(t, file, step)
	}
	execute(t, file, fmt.Sprintf("PRAGMA user_version = %d", version))
	return dir, file
}

// A state of an older version that can't be brought to this one stays as it was.
func TestFailedMigration(t *testing.T) {
	dir, file := ofVersion(t, 2)
	execute(t, file, "CREATE TABLE late (something)") // a later step makes it, too
	tables := func() (names string) {
		t.Helper()
		const query = "SELECT user_version || ' ' || (SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema ORDER BY name)) FROM pragma_user_version"
		if err := openBehind(t, file).QueryRowContext(t.Context(), query).Scan(&names); err != nil {
			t.Fatal(err)
		}
		return names
	}
	before := tables()
	s, err := Open(t.Context(), dir, staff)
	if err == nil {
		closeStore(t, s)
		t.Fatal("it was opened")
	}
	if now := tables(); now != before {
		t.Errorf("it holds %s, and held %s", now, before)
	}
}

// A state of the first version keeps what it holds when it is opened by this one.
func TestFirstVersionIsBroughtUpToDate(t *testing.T) {
	dir, file := ofVersion(t, 1)
	execute(t, file, "INSERT INTO run VALUES (1, 5, '{}')")
	execute(t, file, "INSERT INTO journal VALUES (1, 'E1', 'update', 7, 'users.csv:2', '', '', '')")
	s := openStore(t, dir)
	defer closeStore(t, s)
	pending, err := s.Pending(t.Context())
	if diff := cmp.Diff([]Intent{{Run: 1, Kind: plan.Update, ExternalID: "E1", AccountID: 7}}, pending); err != nil || diff != "" {
		t.Errorf("what was in doubt before (-want +got):\n%s%v", diff, err)
	}
}

// A state of the second version keeps what it holds; nobody in it has an agreement.
func TestSecondVersionIsBroughtUpToDate(t *testing.T) {
	dir, file := ofVersion(t, 2)
	want := []plan.Known{}
	for i, externalID := range []string{"Z", "a", "E1"} {
		e := entry{externalID: externalID, account: sampleAccount(int64(i+1), externalID), written: 7}
		e.notes.Absence = &plan.Absence{Reads: i + 1, Since: monday}
		r, err := e.row()
		if err != nil {
			t.Fatal(err)
		}
		_, err = openBehind(t, file).ExecContext(t.Context(), "INSERT INTO known VALUES (?, ?, ?, ?, ?, ?)",
			r.externalID, r.accountID, r.account, r.notes, r.written, r.sum)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, plan.Known{ExternalID: externalID, AccountID: int64(i + 1), Absence: e.notes.Absence})
	}
	slices.SortFunc(want, func(a, b plan.Known) int { return strings.Compare(a.ExternalID, b.ExternalID) })
	s := openStore(t, dir)
	got, err := allKnown(t.Context(), s)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v; what is known (-want +got):\n%s", err, diff)
	}
	if agreed, open := agreementsByID(t, s); len(agreed) != 0 || !slices.Equal(open, []string{"E1", "Z", "a"}) {
		t.Errorf("agreed %v, open %v", agreed, open)
	}
	if e1 := stateOf(t, s)["E1"]; e1.written != 7 || e1.number != 1 {
		t.Errorf("E1 is %+v", e1)
	}
	a := sampleAccount(3, "E1")
	finish(t, s, begin(t, s), End{Rows: []int64{1}, Observed: listed(a), Agreed: agreeingAll(a)}, 0)
	if agreed, _ := agreementsByID(t, s); len(agreed) != 1 {
		t.Errorf("after a run: %v", agreed)
	}
}

// A state of the third version keeps what is in doubt, of which nobody knows with which login it was sent.
func TestThirdVersionIsBroughtUpToDate(t *testing.T) {
	dir, file := ofVersion(t, 3)
	execute(t, file, "INSERT INTO run VALUES (1, 5, '{}')")
	execute(t, file, "INSERT INTO journal VALUES (1, 'E1', 'create', '', 0, 'users.csv:2', '', '', '')")
	s := openStore(t, dir)
	if diff := cmp.Diff([]Intent{{Run: 1, Kind: plan.Create, ExternalID: "E1"}}, pending(t, s)); diff != "" {
		t.Errorf("what was in doubt before (-want +got):\n%s", diff)
	}
}

// What an operation is looked up by is kept as long as it is in doubt, and no longer.
func TestWhatWasSentIsKeptWhileInDoubt(t *testing.T) {
	s := openStore(t, t.TempDir())
	run := begin(t, s)
	service := monday.Add(time.Hour)
	if err := s.Tick(t.Context(), time.Now(), service); err != nil {
		t.Fatal(err)
	}
	made, was := createOf("E1"), sampleAccount(2, "E2")
	made.Changes = []plan.Change{{Field: user.Login, After: "login-E1"}, {Field: user.Email, After: "e1@example.com"}, {Field: user.FullName, After: "Ann"}}
	update := plan.Operation{Kind: plan.Update, ExternalID: "E2", AccountID: 2, Account: &was, Changes: []plan.Change{{Field: user.Login, After: "another"}}}
	intend(t, s, run, made, update)
	for _, in := range []Intent{{Run: run, Kind: plan.Create, ExternalID: "E1", Login: "login-E1", Email: "e1@example.com"},
		{Run: run, Kind: plan.Update, ExternalID: "E2", AccountID: 2, Login: "E2", Email: "E2@example.com"}} {
		i := slices.IndexFunc(pending(t, s), func(p Intent) bool { return p.ExternalID == in.ExternalID })
		got := pending(t, s)[i]
		if early := service.Sub(got.Opened); early < 0 || early > agreement {
			t.Errorf("opened at %v, by a clock of %v", got.Opened, service)
		}
		got.Opened = time.Time{}
		if diff := cmp.Diff(in, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	write(t, s, run, Outcome{Operation: made, Ending: DoneUnknown}, Outcome{Operation: update, Ending: DoneFailed})
	if got := pending(t, s); len(got) != 1 || got[0].Login != "login-E1" {
		t.Errorf("%+v", got)
	}
	if err := s.Settle(t.Context(), []Settled{{Intent: pending(t, s)[0]}}); err != nil {
		t.Fatal(err)
	}
	left := 0
	if err := s.writer.QueryRowContext(t.Context(), "SELECT count(*) FROM journal WHERE login <> '' OR email <> ''").Scan(&left); err != nil || left > 0 {
		t.Errorf("%d still hold what they were looked up by, %v", left, err)
	}
}

func TestWrites(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	run := begin(t, s)

	t.Run("an-ended-context-writes-nothing", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Intend(ctx, run, chunk(0, 3)); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if got := pending(t, s); len(got) != 0 {
			t.Errorf("opened %v", got)
		}
	})
	t.Run("all-or-nothing", func(t *testing.T) {
		if err := s.Intend(t.Context(), run, append(chunk(0, 3), chunk(1, 1)...)); err == nil {
			t.Error("one operation was opened twice")
		}
		if got := pending(t, s); len(got) != 0 {
			t.Errorf("opened %v", got)
		}
	})
	t.Run("of-a-run-that-was-never-begun", func(t *testing.T) {
		if err := s.Intend(t.Context(), 77, chunk(0, 1)); err == nil {
			t.Error("Intend took it")
		}
		if err := s.Record(t.Context(), 77, []Outcome{{Operation: chunk(0, 1)[0], Ending: DoneApplied}}); err == nil {
			t.Error("Record took it")
		}
		if err := s.Finish(t.Context(), Run{ID: 77}, nil, 0); err == nil {
			t.Error("Finish took it")
		}
	})
	t.Run("through-a-peek", func(t *testing.T) {
		p, err := Peek(t.Context(), dir, staff)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Begin(t.Context(), Run{}); err == nil || !strings.Contains(err.Error(), "reading only") {
			t.Errorf("got %v, want a refusal", err)
		}
	})
}

// TestStoredText pins what lies in the file. If it fails, files of earlier versions can't be read any more: write a
// migration.
func TestStoredText(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	run := begin(t, s)
	op := createOf("E1")
	a := sampleAccount(1, "E1")
	learned := []plan.Learned{{Field: 1, Sent: "A@example.com", Got: "a@example.com", Ignored: true}}
	write(t, s, run, Outcome{Operation: op, Ending: DoneApplied, Account: &a, Learned: learned})
	write(t, s, run, Outcome{Operation: op, Ending: DoneFailed, Refused: true, Words: "no"})
	finish(t, s, run, End{Observed: accounts("E2"), Absent: []string{"E1"}, Counts: true,
		Evidence: record.Evidence{Name: "users.csv", ModTime: monday, Size: 12, SHA256: "ab"},
		Baseline: plan.Baseline{Run: 1, Present: 2, Settled: map[string]string{"source": "x"}}}, 0)
	closeStore(t, s)

	var got []string
	db := openBehind(t, s.file)
	err := each(t.Context(), db, func(rows *sql.Rows) error {
		var text string
		err := rows.Scan(&text)
		got = append(got, text)
		return err
	}, `SELECT value FROM fact WHERE name <> 'schema' UNION ALL SELECT account || notes || ' ' || account_id || ' ' || written FROM known WHERE external_id = 'E1'`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"Run":1,"Present":2,"Settled":{"source":"x"}}`,
		`{"name":"users.csv","mod_time":"2026-11-23T02:00:00Z","size":12,"sha256":"ab"}`,
		`{"Endpoint":"https://api.example.com","ApplicationID":"7","Pipeline":"staff","OwnerTag":"cubesync-staff"}`,
		`{"values":{"custom_data":"{\"department\":\"research\",\"floor\":3}","email":"E1@example.com","full_name":"Ann Nr. 1",` +
			`"login":"E1","tags":"cubesync-staff,staff"},"created_at":"2026-11-23T01:00:00Z","updated_at":"2026-11-23T01:59:00Z"}` +
			`{"mine":{"tags":"staff"},"learned":[{"Field":"email","Sent":"A@example.com","Got":"a@example.com","Ignored":true}],` +
			`"refusal":{"Digest":"d-E1","Words":"no"},"absence":{"Reads":1,"Since":"2026-11-23T02:00:00Z"}} 1 1`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stored text (-want +got):\n%s", diff)
	}
}

// execute changes a file behind the state's back.
func execute(t *testing.T, file, statement string) {
	t.Helper()
	db := openBehind(t, file)
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func openBehind(t *testing.T, file string) *sql.DB {
	t.Helper()
	db := open(file, "")
	db.SetMaxIdleConns(0) // it holds nothing between two statements
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// TestDurability pins what no killed process can show: that a commit also outlives a power loss.
func TestDurability(t *testing.T) {
	s := openStore(t, t.TempDir())
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1"} {
		var got string
		if err := s.writer.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", pragma, got, err, want)
		}
	}
}

func TestFoldersOfAnyName(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"state", "a b/ä?mode=memory#%41&x", filepath.Join(t.TempDir(), "50%?#")} {
		s := openStore(t, dir)
		finish(t, s, begin(t, s), End{Observed: accounts("E1")}, 0)
		closeStore(t, s)
		found, err := filepath.Glob("*")
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(s.file); err != nil || info.Size() == 0 {
			t.Errorf("%s isn't where the state was written: %v, %v", s.file, err, found)
		}
		if known := knownByID(t, peek(t, dir)); known["E1"].AccountID != 1 {
			t.Errorf("in %s it knows %v, want E1", dir, known)
		}
	}
}
