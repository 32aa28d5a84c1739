package state

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// bo is somebody of whom as much is kept as can be. His texts occur nowhere else.
var bo = struct {
	old, now, login, email, name, phone, data string
	id                                        int64
}{"OLD-BO-1", "NEW-BO-1", "bo.the.login", "Bo.Åkesson@example.org", `Bo "B & B" Åkesson <x>`, "+46 70 123 45 67", `{"note":"likes \"tea\""}`, 70}

func boAccount() account.Account {
	a := sampleAccount(bo.id, bo.now)
	for field, text := range map[user.Field]string{user.Login: bo.login, user.Email: bo.email, user.FullName: bo.name, user.Phone: bo.phone, user.CustomData: bo.data} {
		a.Values[field] = user.Text(text)
	}
	return a
}

// boTexts are all texts of his that are kept.
func boTexts() []string {
	return []string{bo.old, bo.now, bo.login, bo.email, bo.name, bo.phone, bo.data, "given-up-login", "sent-to-him", "told-of-him", "kept-of-him", "only-mine", "late-login"}
}

// keepsBo is a state that keeps Bo, and three others, one of whose words name him. Rows that are gone held him, too.
func keepsBo(t *testing.T, dir string) *Store {
	t.Helper()
	s := openStore(t, dir)
	all := append(some("E1", "E2", "E3"), boAccount())
	slices.SortFunc(all, func(a, b account.Account) int { return strings.Compare(a.ExternalID, b.ExternalID) })
	first := begin(t, s)
	was := boAccount()
	was.ExternalID = bo.old
	write(t, s, first, Outcome{Operation: createOf(bo.old), Ending: DoneApplied, Account: &was},
		Outcome{Operation: createOf("E9"), Ending: DoneFailed, Refused: true, Words: "the login is that of " + bo.now})
	if err := s.SetRekeying(t.Context(), map[string]string{bo.now: bo.old, "N2": "O2"}); err != nil {
		t.Fatal(err)
	}
	finish(t, s, begin(t, s), End{Observed: listed(all...), Agreed: agreeingAll(all...), Absent: []string{bo.now}, Counts: true, Listing: &Listing{Watermark: monday, SinceFull: 2}}, 0)

	run := begin(t, s)
	park := plan.Operation{Kind: plan.Update, Step: plan.Park, ExternalID: bo.now, AccountID: bo.id, Account: new(boAccount()), Mine: mineOf("a", `{"x":"only-mine"}`),
		Changes: []plan.Change{{Field: user.Login, Before: "given-up-login"}}}
	file := ourPlan("E4")
	change := park
	change.Step, change.Changes = "", []plan.Change{{Field: user.FullName, Before: bo.name, After: bo.name + " II"}}
	file.Plan.Operations = append(file.Plan.Operations, change)
	file.Plan.Rejects = append(file.Plan.Rejects, plan.Reject{Position: "users.csv:9", Reason: plan.BadRecord, Detail: "no key",
		Cells: []record.Value{record.Null(), record.Text(bo.email), record.Text(bo.name)}})
	if err := s.SavePlan(run, file); err != nil {
		t.Fatal(err)
	}
	intend(t, s, run, park, change)
	write(t, s, run, Outcome{Operation: change, Ending: DoneUnknown, Words: "in doubt: " + bo.login})
	e := Outcome{Operation: change, Ending: DoneApplied, Learned: []plan.Learned{{Field: user.FullName, Sent: "sent-to-him", Got: "told-of-him"}}, KeptID: new("kept-of-him")}
	e.Operation.Kind, e.Operation.Mine = plan.Adopt, mineOf("a", `{"x":"only-mine"}`)
	write(t, s, run, e)
	late := plan.Operation{Kind: plan.Create, ExternalID: bo.now, Changes: []plan.Change{{Field: user.Login, After: "late-login"}}}
	write(t, s, run, Outcome{Operation: late, Ending: DoneFailed, Late: true})
	held := Run{ID: run, Status: Held, StartedAt: monday, Problem: "somebody stumbled over " + bo.email, Verdict: Verdict{Note: bo.email + " is left out"}, Trips: []plan.Trip{{Guard: "deletes", Concerns: []string{"E1", bo.now}, Count: 2}}}
	if err := s.Finish(t.Context(), held, nil, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.SetTroubled(t.Context(), map[user.Digest]int64{plan.KeyOf(bo.now): run, plan.KeyOf("E2"): run}); err != nil {
		t.Fatal(err)
	}
	touch(t, filepath.Join(s.plans(), "3.jsonl.7.part"), 0o600)
	return s
}

func TestForget(t *testing.T) {
	for name, word := range map[string]string{
		"external-id": bo.now, "earlier-external-id": bo.old, "login": bo.login, "e-mail": strings.ToUpper(bo.email), "account-id": "70",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := keepsBo(t, dir)
			before := stateOf(t, s)
			for _, text := range boTexts() {
				if found := holding(t, dir, text); len(found) == 0 {
					t.Fatalf("nothing holds %q: it proves nothing", text)
				}
			}
			traces, err := s.Trace(t.Context(), word)
			if err != nil {
				t.Fatal(err)
			}
			want := plan.Person{ExternalIDs: []string{bo.now, bo.old}, AccountIDs: []int64{bo.id}}
			if diff := cmp.Diff(want.ExternalIDs, traces.Person.ExternalIDs); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want.AccountIDs, traces.Person.AccountIDs); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !traces.Parked || !traces.Absent || traces.InDoubt != 3 || traces.Known != 1 || traces.Operations != 6 || traces.Lines != 2 || traces.Rekeying != 1 {
				t.Errorf("%+v", traces)
			}
			if err := s.Forget(t.Context(), traces); err != nil {
				t.Fatal(err)
			}
			for _, text := range boTexts() { // the log too, while it is open
				if found := holding(t, dir, text); len(found) > 0 {
					t.Errorf("%q is left in %v", text, found)
				}
			}
			delete(before, bo.now)
			for externalID, row := range stateOf(t, s) {
				if was := before[externalID]; externalID != "E9" && row != was {
					t.Errorf("%s was changed", externalID)
				}
				delete(before, externalID)
			}
			if len(before) > 0 {
				t.Errorf("others are gone: %v", before)
			}
			if pairs, err := s.Rekeying(t.Context()); err != nil || !cmp.Equal(pairs, map[string]string{"N2": "O2"}) {
				t.Errorf("%v, %v", pairs, err)
			}
			if troubled, err := s.Troubled(t.Context()); err != nil || len(troubled) != 1 || troubled[plan.KeyOf("E2")] == 0 {
				t.Errorf("%v, %v", troubled, err)
			}
			if l, err := s.Listing(t.Context()); err != nil || !l.Watermark.IsZero() {
				t.Errorf("%+v, %v: the next run must list everybody", l, err)
			}
			if file, err := s.Plan(3, nil); err != nil || file.Header.Forgotten == 0 || len(file.Plan.Operations) != 1 {
				t.Errorf("%v", err)
			}
			closeStore(t, s)
			if c := checked(t, dir); !c.Sound() {
				t.Errorf("%+v", c.Problems)
			}
			proof, err := Prove(t.Context(), dir, []Identity{staff}, []*Traces{traces})
			if err != nil || !proof.Clean() || len(proof.Shared) > 0 || proof.Sought < len(boTexts())-1 || proof.Files < 2 {
				t.Errorf("%+v, %v", proof, err)
			}
		})
	}
}

// holding are the files that hold a text, however spelled.
func holding(t *testing.T, dir, text string) (files []string) {
	t.Helper()
	for name, content := range contents(t, dir) {
		if slices.ContainsFunc(plan.Spellings(text), func(s string) bool { return strings.Contains(content, s) }) {
			files = append(files, name)
		}
	}
	return files
}

func TestTrace(t *testing.T) {
	dir := t.TempDir()
	s := keepsBo(t, dir)
	twin := sampleAccount(8, "E8")
	twin.Values[user.Login] = user.Text("E7") // an external ID comes before a login
	other := sampleAccount(9, "E7")
	other.Values[user.Email] = user.Text("shared@example.com")
	twin.Values[user.Email] = user.Text("shared@example.com")
	write(t, s, begin(t, s), Outcome{Operation: createOf("E8"), Ending: DoneApplied, Account: &twin}, Outcome{Operation: createOf("E7"), Ending: DoneApplied, Account: &other})
	earlier := sampleAccount(3, "E3") // known by another external ID once, which a rekey replaced long ago
	earlier.ExternalID = "E3-old"
	write(t, s, begin(t, s), Outcome{Operation: createOf("E3-old"), Ending: DoneApplied, Account: &earlier})
	for word, want := range map[string]string{"E7": "E7", "E8": "E8", "8": "E8", "E3@example.com": "E3 E3-old", "E3": "E3 E3-old", "3": "E3 E3-old", "nobody": "", "e1": "E1", "": ""} {
		traces, err := s.Trace(t.Context(), word)
		if err != nil || strings.Join(traces.Person.ExternalIDs, " ") != want || traces.Found() != (want != "") {
			t.Errorf("%q: %+v, %v, want %q", word, traces, err, want)
		}
	}
	if _, err := s.Trace(t.Context(), "shared@example.com"); err == nil || !strings.Contains(err.Error(), `["E7" "E8"]`) {
		t.Errorf("got %v, want both", err)
	}
	unreadable, err := s.Trace(t.Context(), bo.email)
	if err != nil || unreadable.Lines != 2 {
		t.Errorf("%+v, %v", unreadable, err)
	}
}

// A plan that can't be read is nobody's any more, and may hold somebody.
func TestForgetRemovesABrokenPlan(t *testing.T) {
	dir := t.TempDir()
	s := keepsBo(t, dir)
	if err := os.WriteFile(s.planFile(2), []byte("broken, and names "+strings.ToLower(bo.login)), 0o600); err != nil {
		t.Fatal(err)
	}
	traces, err := s.Trace(t.Context(), bo.now)
	if err == nil {
		err = s.Forget(t.Context(), traces)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.planFile(2)); err == nil {
		t.Error("it is still there")
	}
}

// While somebody reads, the log can't be emptied: that is said, and done again it is.
func TestForgetBesideAReader(t *testing.T) {
	dir := t.TempDir()
	s := keepsBo(t, dir)
	if _, err := s.writer.ExecContext(t.Context(), "PRAGMA busy_timeout = 10"); err != nil {
		t.Fatal(err)
	}
	traces, err := s.Trace(t.Context(), bo.now)
	if err != nil {
		t.Fatal(err)
	}
	reading, err := openBehind(t, s.file).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := reading.QueryRowContext(t.Context(), "SELECT count(*) FROM known").Scan(&n); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(t.Context(), traces); err == nil || !strings.Contains(err.Error(), "do it again when") {
		t.Errorf("got %v", err)
	}
	if err := reading.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(t.Context(), traces); err != nil {
		t.Fatal(err)
	}
	if found := holding(t, dir, bo.login); len(found) > 0 {
		t.Errorf("left in %v", found)
	}
}

// The proof is one: it finds what is left, wherever it is, and tells it from what is others'.
func TestProve(t *testing.T) {
	dir := t.TempDir()
	s := keepsBo(t, dir)
	traces, err := s.Trace(t.Context(), bo.now)
	if err != nil {
		t.Fatal(err)
	}
	traces.texts = append(traces.texts, "Ann Nr. 1", "ab")
	closeStore(t, s)
	prove := func() *Proof {
		t.Helper()
		p, err := Prove(t.Context(), dir, []Identity{staff}, []*Traces{traces})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := prove(); p.Clean() || !slices.ContainsFunc(p.Left, func(r Remainder) bool { return r.Where == s.planFile(3) }) {
		t.Errorf("before: %+v", p)
	}
	s = openStore(t, dir)
	if err := s.Forget(t.Context(), traces); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	if p := prove(); !p.Clean() || !slices.Equal(p.Short, []string{"ab"}) || !slices.Contains(p.Shared, Remainder{"Ann Nr. 1", "what is known of E1"}) {
		t.Errorf("after: %+v", p)
	}

	content, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"freed-page": s.file, "log": s.file + "-journal", "away": filepath.Join(dir, "away.db"), "across-a-border": filepath.Join(dir, "big")} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if path == s.file {
					if err := os.WriteFile(path, content, 0o600); err != nil {
						t.Fatal(err)
					}
				} else if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}()
			left := []byte("left: " + bo.login)
			switch name {
			case "freed-page": // in the slack behind the last row of a page
				left = slices.Clone(content)
				copy(left[len(left)-4096+300:], bo.login)
			case "across-a-border":
				left = append([]byte(strings.Repeat("x", 1<<20-5)), bo.login...)
			}
			if err := os.WriteFile(path, left, 0o600); err != nil {
				t.Fatal(err)
			}
			p := prove()
			found := p.Left
			if path != s.file && path != s.file+"-journal" {
				found = p.Others
			}
			if p.Clean() || !slices.Contains(found, Remainder{bo.login, path}) {
				t.Errorf("%+v", p)
			}
		})
	}
}

// What is kept doesn't grow with the nights, and is for its owner only while it is written, too.
func TestKeptIsBounded(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	people := manyAccounts(50)
	const keep = 3
	var early, late int64
	for night := range 40 {
		run := begin(t, s)
		if err := s.SavePlan(run, ourPlan("E1")); err != nil {
			t.Fatal(err)
		}
		var ops []plan.Operation
		var ended []Outcome
		for i := range people {
			op := plan.Operation{Kind: plan.Update, ExternalID: people[i].ExternalID, AccountID: people[i].ID}
			ops, ended = append(ops, op), append(ended, Outcome{Operation: op, Ending: DoneApplied, Account: &people[i], Words: fmt.Sprint(rand.Int64())})
		}
		intend(t, s, run, ops...)
		write(t, s, run, ended...)
		end := &End{Observed: listed(people...), Agreed: agreeingAll(people...), Now: monday}
		if err := s.Finish(t.Context(), Run{ID: run, Status: Applied}, end, keep); err != nil {
			t.Fatal(err)
		}
		if got := modes(t, dir); got != "" {
			t.Fatalf("others may use %s", got)
		}
		s = reopen(t, s, dir) // as every night does
		c := checked(t, dir)
		if !c.Sound() || c.Runs > keep+1 || c.Plans > keep+1 {
			t.Fatalf("night %d: %+v", night, c)
		}
		if early == 0 && night == 20 {
			early = c.Size + c.LogSize
		}
		late = c.Size + c.LogSize
	}
	if late > early*5/4 || early == 0 {
		t.Errorf("%d bytes after 20 nights, %d after 40", early, late)
	}
}

// modes names what others than the owner may use, the log and its index too.
func modes(t *testing.T, dir string) (open string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return ""
	}
	seen := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if path != dir && info.Mode().Perm()&0o077 != 0 {
			open += path + " "
		}
		_, suffix, _ := strings.Cut(entry.Name(), ".")
		seen[suffix] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"db", "db-wal", "db-shm", "jsonl"} {
		if !seen[suffix] {
			t.Errorf("there is no .%s to look at", suffix)
		}
	}
	return open
}
