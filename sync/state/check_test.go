package state

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/plan"
)

// checked is the checkup of a state in a folder.
func checked(t *testing.T, dir string) *Checkup {
	t.Helper()
	c, err := Check(t.Context(), dir, staff)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// livedIn is a state with a bit of everything: people who agree and who don't, runs and their plans, and one in doubt.
func livedIn(t *testing.T, dir string) *Store {
	t.Helper()
	s := openStore(t, dir)
	all := some("E1", "E2", "E3")
	finish(t, s, begin(t, s), End{Observed: listed(all...)}, 0)
	finish(t, s, begin(t, s), End{Rows: []int64{1, 2, 3}, Observed: listed(all...), Agreed: agreeingAll(all[:2]...)}, 0)
	run := begin(t, s)
	if err := s.SavePlan(run, ourPlan("E4")); err != nil {
		t.Fatal(err)
	}
	intend(t, s, run, createOf("E4"))
	return s
}

func TestCheckOfASoundState(t *testing.T) {
	dir := t.TempDir()
	if c := checked(t, dir); !c.Sound() || c.There || len(c.Notes) > 0 {
		t.Errorf("before the first run: %+v", c)
	}
	s := livedIn(t, dir)
	c := checked(t, dir) // beside one who has it open
	if !c.Sound() || c.LogSize == 0 {
		t.Errorf("beside a run: %+v", c)
	}
	closeStore(t, s)
	before := contents(t, dir)
	c = checked(t, dir)
	if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
		t.Errorf("it changed something:\n%s", diff)
	}
	want := &Checkup{
		Pipeline: "staff", File: s.file, There: true, Size: c.Size, Version: len(migrations()), Newest: len(migrations()),
		Runs: 3, Known: 3, Agreeing: 2, Pending: 1, Plans: 1, PlanSize: c.PlanSize, Problems: []Problem{},
		Notes: []string{"run 3 was killed; the next run finds out what became of it", "in doubt: 1 operation; the next run finds out what became of them"},
	}
	if diff := cmp.Diff(want, c); diff != "" || c.Size == 0 || c.PlanSize == 0 {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// spreadAll gives the operation in doubt a row in the journal.
const spreadAll = "INSERT INTO journal SELECT * FROM " + intents + "; DELETE FROM chunk; "

// What a killed run left is looked at, its log too, and stays as it is.
func TestCheckLeavesTheLogOfAKilledRun(t *testing.T) {
	from, dir := t.TempDir(), t.TempDir()
	s := livedIn(t, from)
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(s.file + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(staff.file(dir)+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := contents(t, dir)
	if c := checked(t, dir); !c.Sound() || c.Known != 3 || c.Pending != 1 {
		t.Errorf("%+v", c)
	}
	for name, content := range before {
		if contents(t, dir)[name] != content {
			t.Errorf("%s was changed", name)
		}
	}
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	statement := func(text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { execute(t, staff.file(dir), text) }
	}
	tests := map[string]struct {
		damage func(t *testing.T, dir string)
		want   string // in a problem, or after "note: " in a note
		remedy string
	}{
		"sum-of-a-row":           {damage: statement("UPDATE known SET account_id = 9 WHERE external_id = 'E2'"), want: `what is known of "E2": its content doesn't match its checksum`, remedy: "move it away"},
		"sum-of-agreements":      {damage: statement("UPDATE agreement SET sum = sum + 1"), want: "agreements, part 0", remedy: "move it away"},
		"sum-of-claims":          {damage: statement("UPDATE claim SET sum = sum + 1"), want: "agreements, part 0", remedy: "move it away"},
		"row-that-nobody-sees":   {damage: statement("DELETE FROM unagreed"), want: "1 rows of what is known are neither with nor without", remedy: "move it away"},
		"agreement-of-nobody":    {damage: statement("DELETE FROM known WHERE external_id = 'E1'"), want: "1 of those with one aren't there", remedy: "move it away"},
		"without-one-of-nobody":  {damage: statement("INSERT INTO unagreed VALUES (77, -77)"), want: "1 of those without one", remedy: "move it away"},
		"operation-of-no-kind":   {damage: statement(spreadAll + "UPDATE journal SET kind = 'marry'"), want: "1 operations of the journal are of no kind", remedy: "move it away"},
		"intent-of-no-kind":      {damage: statement(`UPDATE chunk SET operations = replace(operations, '"create"', '"marry"')`), want: "1 operations of the journal are of no kind", remedy: "move it away"},
		"operation-of-no-run":    {damage: statement("DELETE FROM run WHERE id = 3"), want: "1 operations belong to runs that aren't kept", remedy: "move it away"},
		"operation-half-written": {damage: statement(spreadAll + `UPDATE journal SET mine = '{"tags":'`), want: `the operation in doubt of "E4"`, remedy: "move it away"},
		"intent-half-written":    {damage: statement(`UPDATE chunk SET operations = replace(operations, '"{\"tags', '"{tags')`), want: `the operation in doubt of "E4"`, remedy: "move it away"},
		"chunk-half-written":     {damage: statement("UPDATE chunk SET operations = substr(operations, 1, 20)"), want: "malformed JSON", remedy: "move it away"},
		"run-half-written":       {damage: statement(`UPDATE run SET body = '{' WHERE id = 2`), want: "run 2: ", remedy: "move it away"},
		"sum-of-a-fact":          {damage: statement("UPDATE fact SET value = value || ' ' WHERE name = 'baseline'"), want: "the baseline: ", remedy: "move it away"},
		"fact-of-another-name":   {damage: statement("INSERT INTO fact VALUES ('weather', '1', 2)"), want: "1 facts of unknown names", remedy: "move it away"},
		"newer":                  {damage: statement("PRAGMA user_version = 99"), want: "written by a newer cubesync", remedy: "use the cubesync that wrote it"},
		"index-without-a-row": {damage: func(t *testing.T, dir string) {
			execute(t, staff.file(dir), "PRAGMA writable_schema = 1; DELETE FROM sqlite_schema WHERE name = 'journal_pending'; DELETE FROM fact WHERE name = 'schema'")
		}, want: "never used", remedy: "move it away"},
		"table-of-another-make": {damage: func(t *testing.T, dir string) {
			execute(t, staff.file(dir), "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, '-- of the part', '-- of a part') WHERE name = 'claim'")
		}, want: "how its tables are made", remedy: "move it away"},
		"older": {damage: statement("PRAGMA user_version = 2"), want: "note: an older cubesync wrote it (version 2"},
		"another-identity": {damage: func(t *testing.T, dir string) {
			s, err := Open(t.Context(), dir, Identity{Endpoint: endpoint, ApplicationID: "8", Pipeline: "guests"})
			if err != nil {
				t.Fatal(err)
			}
			closeStore(t, s)
			if err := os.Rename(s.file, staff.file(dir)); err != nil {
				t.Fatal(err)
			}
		}, want: `it belongs to pipeline "guests"`, remedy: "move it away"},
		"cut-off": {damage: func(t *testing.T, dir string) { cut(t, staff.file(dir), 300) }, want: "it was cut off after 300 bytes", remedy: "move it away"},
		"no-database": {damage: func(t *testing.T, dir string) {
			if err := os.WriteFile(staff.file(dir), []byte(strings.Repeat("words ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, want: "not a database", remedy: "move it away"},
		"altered-plan": {damage: func(t *testing.T, dir string) {
			path := filepath.Join(plansOf(dir), "3.jsonl")
			text, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, []byte(strings.Replace(string(text), "E4", "E5", 1)), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, want: "3.jsonl: it isn't as cubesync wrote it", remedy: "remove the file"},
		"plan-of-another": {damage: func(t *testing.T, dir string) {
			if err := WriteNew(filepath.Join(plansOf(dir), "3.jsonl"), samplePlan("E4")); err != nil {
				t.Fatal(err)
			}
		}, want: "3.jsonl belongs to pipeline", remedy: "remove the file"},
		"plan-of-a-dropped-run": {damage: func(t *testing.T, dir string) { touch(t, filepath.Join(plansOf(dir), "9.jsonl"), 0o600) }, want: "note: 9.jsonl is of a run that isn't kept"},
		"half-written-plan":     {damage: func(t *testing.T, dir string) { touch(t, filepath.Join(plansOf(dir), "3.jsonl.1.part"), 0o600) }, want: "note: 3.jsonl.1.part was left half-written"},
		"somebody-elses-file":   {damage: func(t *testing.T, dir string) { touch(t, filepath.Join(plansOf(dir), "03.jsonl"), 0o600) }, want: "note: 03.jsonl is no plan of cubesync's"},
		"readable-by-others":    {damage: func(t *testing.T, dir string) { chmod(t, staff.file(dir), 0o640) }, want: "can be used by others than its owner: its mode is 640", remedy: "chmod go= "},
		"plan-for-everybody":    {damage: func(t *testing.T, dir string) { chmod(t, filepath.Join(plansOf(dir), "3.jsonl"), 0o644) }, want: "3.jsonl can be used by others", remedy: "chmod go= "},
		"killed-with-the-lock": {damage: func(t *testing.T, dir string) {
			text, err := json.Marshal(LockedError{PID: 7, Host: "night", Work: "sync of pipeline staff"})
			if err != nil {
				t.Fatal(err)
			}
			path := lockFile(dir, staff.Endpoint, staff.ApplicationID)
			touch(t, path, 0o600)
			if err := os.WriteFile(path+".holder", text, 0o600); err != nil {
				t.Fatal(err)
			}
		}, want: "note: sync of pipeline staff (process 7 on night) ended without letting the lock go"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(test.want, "others") && runtime.GOOS == "windows" {
				t.Skip("no such modes")
			}
			dir := t.TempDir()
			closeStore(t, livedIn(t, dir))
			test.damage(t, dir)
			c := checked(t, dir)
			if words, isNote := strings.CutPrefix(test.want, "note: "); isNote {
				says := func(note string) bool { return strings.Contains(strings.ReplaceAll(note, plansOf(dir)+"/", ""), words) }
				if !c.Sound() || !slices.ContainsFunc(c.Notes, says) {
					t.Errorf("got %+v, want a note %q", c, words)
				}
				return
			}
			wrong := func(p Problem) bool {
				return strings.Contains(p.What, test.want) && strings.Contains(p.Remedy, test.remedy)
			}
			if !slices.ContainsFunc(c.Problems, wrong) {
				t.Errorf("got %+v, want %q, %q", c.Problems, test.want, test.remedy)
			}
		})
	}
}

func TestCheckNamesWhoHoldsTheLock(t *testing.T) {
	dir := t.TempDir()
	closeStore(t, livedIn(t, dir))
	lock, err := Lock(dir, staff.Endpoint, staff.ApplicationID, "sync of pipeline staff")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	if c := checked(t, dir); c.Holder == nil || c.Holder.PID != os.Getpid() || len(c.Notes) > 0 {
		t.Errorf("held by %+v, notes %q: what a run is at isn't left over", c.Holder, c.Notes)
	}
}

func TestManyBrokenRowsAreCounted(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	finish(t, s, begin(t, s), End{Observed: listed(manyAccounts(20)...)}, 0)
	closeStore(t, s)
	execute(t, s.file, "UPDATE known SET sum = 0")
	c := checked(t, dir)
	if n := len(c.Problems); n != mostNamed+1 || c.Known != 20 || !strings.Contains(c.Problems[n-1].What, "15 more rows") {
		t.Errorf("%d known, %+v", c.Known, c.Problems)
	}
}

func TestStrays(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]*")
	closeStore(t, openStore(t, dir))
	old := staff
	old.OwnerTag = "an-older-tag"
	s, err := Open(t.Context(), dir, old)
	if err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	touch(t, filepath.Join(dir, "away.db"), 0o600)
	strays, err := Strays(t.Context(), dir, []Identity{staff})
	if err != nil {
		t.Fatal(err)
	}
	want := []Stray{{File: filepath.Join(dir, "away.db")}, {File: s.file, Identity: old}}
	for i := range strays {
		strays[i].Size = 0
	}
	if diff := cmp.Diff(want, strays); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// ourPlan is a plan of this pipeline.
func ourPlan(externalID string) *plan.File {
	file := samplePlan(externalID)
	file.Header.Endpoint, file.Header.ApplicationID, file.Header.OwnerTag = staff.Endpoint, staff.ApplicationID, staff.OwnerTag
	return file
}

func plansOf(dir string) string { return (&Store{file: staff.file(dir)}).plans() }

func touch(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, nil, mode); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func cut(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(fmt.Errorf("cutting: %w", err))
	}
}
