package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"cubesync/sync/failpoint"
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

var (
	killRounds = flag.Int("kills.rounds", 1, "how often TestKills goes through its matrix")
	killSeed   = flag.Uint64("kills.seed", 1, "decides at which of its hits a moment kills; 0: another one each time")
)

// TestFailpointsAreLeftOut makes sure that the program as it is delivered can't be told to kill itself: it doesn't even know the
// words.
func TestFailpointsAreLeftOut(t *testing.T) {
	t.Parallel()
	for binary, want := range map[string]bool{buildBinary(t): false, buildFailpoints(t): true} {
		content, err := os.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(content, []byte("CUBESYNC_FAILPOINT")); got != want {
			t.Errorf("the program knows of fail-points: %v, want %v", got, want)
		}
	}
}

// moments counts how often each moment was reached.
type moments map[string]int

// trace runs the program undisturbed and returns what it reached.
func (s *site) trace(args ...string) moments {
	s.Helper()
	file := filepath.Join(s.dir, "trace.txt")
	cmd := s.command([]string{"CUBESYNC_FAILPOINT_TRACE=" + file}, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("%v: %v\n%s", args, err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		s.Fatal(err)
	}
	reached := moments{}
	for line := range bytes.Lines(text) {
		reached[string(bytes.TrimSpace(line))]++
	}
	return reached
}

// calm is what an undisturbed night of a story comes to.
type calm struct {
	reached moments
	people  []string
	written counted
}

// counted are the successful writes of a server that must not happen twice.
type counted struct{ signedUp, deleted, onTheFly int64 }

func (w *killWorld) wroteOnce() counted {
	n := w.server.Counters().Written
	return counted{n.SignUp, n.Delete + n.AdminDelete, n.OnTheFly}
}

func (story *killStory) undisturbed(t *testing.T, binary string, workers int) calm {
	t.Helper()
	w := story.night(t, binary, workers)
	commands := story.commands()
	reached := w.trace(commands[0]...)
	for _, command := range commands[1:] {
		w.must(exitInSync, command...)
	}
	end := calm{reached, people(w.accounts()), w.wroteOnce()}
	w.silent()
	return end
}

// silent runs once more, and nothing may be written.
func (w *killWorld) silent() {
	w.Helper()
	before := w.server.Counters()
	w.must(exitInSync, "sync")
	if now := w.server.Counters(); now.UserWrites != before.UserWrites {
		w.Fatalf("a run with nothing to do wrote: %+v, before %+v", now.Written, before.Written)
	}
}

// excluded says why a moment can't be reached in a story, "" if it must be.
func excluded(name string, story *killStory, moment string) string {
	_, what, _ := strings.Cut(moment, "/")
	owner := name == "update-owner" || name == "release" || name == "swap" || name == "rekey"
	switch what {
	case "sign up", "update user", "delete user":
		if what != story.write {
			return "it " + story.write + "s"
		}
	case "sign in as the account's user", "sign out":
		if !owner {
			return "nobody is signed in as"
		}
	case "list users":
		if name != "create" && name != "adopt" {
			return "what changed is listed"
		}
	case "list changed users":
		if name == "create" || name == "adopt" {
			return "the first run lists in full"
		}
	case "look up users":
		if name == "update-owner" || name == "release" {
			return "nothing is claimed, and accounts are read as their owners"
		}
	case "remembering that writing was confirmed":
		if name != "create" && name != "adopt" {
			return "an earlier run was confirmed"
		}
	case "remembering which external IDs are being changed":
		if name != "rekey" {
			return "no external ID is changed"
		}
	}
	return ""
}

// TestKills has the real program killed at every moment that a run goes through, for every kind of operation and with one,
// 8 and 32 workers, and once more while the next run clears up after it. Afterwards nobody is there twice, nobody is lost, and
// what is remembered is the truth.
func TestKills(t *testing.T) {
	binary := buildFailpoints(t)
	m := &matrix{stories: killStories(), seed: *killSeed, kills: map[killCell]int{}, recoveries: map[killCell]int{}, reached: map[string]map[int]moments{}}
	if m.seed == 0 {
		m.seed = uint64(time.Now().UnixNano())
	}
	began := time.Now()
	t.Run("cells", func(t *testing.T) {
		for _, name := range slices.Sorted(maps.Keys(m.stories)) {
			for _, workers := range killWorkers() {
				t.Run(fmt.Sprintf("%s-by-%d", name, workers), func(t *testing.T) {
					t.Parallel()
					m.walk(t, binary, name, workers)
				})
			}
		}
	})
	m.complete(t)
	total := 0
	for _, n := range m.kills {
		total += n
	}
	again := 0
	for _, n := range m.recoveries {
		again += n
	}
	t.Logf("%d kills and %d more while that was cleared up, in %v, seed %d\n%s", total, again, time.Since(began).Round(time.Second), m.seed, m)
	if len(m.reached) == len(m.stories) && total+again < 300 {
		t.Errorf("%d kills, want at least 300", total+again)
	}
}

// cell is a place in the matrix.
type killCell struct {
	moment, story string
	workers       int
}

type matrix struct {
	stories map[string]killStory
	seed    uint64

	mu         sync.Mutex
	kills      map[killCell]int
	recoveries map[killCell]int           // kills of the runs that followed
	reached    map[string]map[int]moments // by story and workers, in undisturbed runs
}

// walk kills at every moment of a story.
func (m *matrix) walk(t *testing.T, binary, name string, workers int) {
	story := m.stories[name]
	end := story.undisturbed(t, binary, workers)
	m.mu.Lock()
	if m.reached[name] == nil {
		m.reached[name] = map[int]moments{}
	}
	m.reached[name][workers] = end.reached
	m.mu.Unlock()
	for round := range *killRounds {
		for i, moment := range slices.Sorted(maps.Keys(end.reached)) {
			c := killCell{moment, name, workers}
			random := rand.New(rand.NewPCG(m.seed, hashOf(fmt.Sprint(c, round))))
			hit := 1 + random.IntN(end.reached[moment])
			t.Run(fmt.Sprintf("%s#%d", strings.ReplaceAll(moment, "/", ":"), hit), func(t *testing.T) {
				if !m.kill(t, binary, c, hit, end, i+round, random) { // it came less often than before: some do, with several workers
					m.kill(t, binary, c, 1, end, i+round, random)
				}
			})
		}
	}
}

func hashOf(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return h.Sum64()
}

// kill kills in one cell, lets the next runs clear up, and looks at what became of it all. False: it wasn't reached.
func (m *matrix) kill(t *testing.T, binary string, c killCell, hit int, end calm, number int, random *rand.Rand) bool {
	story := m.stories[c.story]
	w := story.night(t, binary, c.workers)
	before := w.accounts()
	commands := story.commands()
	code, said := w.run(fmt.Sprintf("kill %d %s", hit, c.moment), commands[0]...)
	if code == exitInSync {
		return false
	}
	if code != killed {
		t.Fatalf("it ended with %d:\n%s", code, said)
	}
	m.count(m.kills, c)
	w.settled()
	truth := w.accounts()
	run := w.opened(before, truth)

	again := recoveryMoments(&story)
	moment := again[(number+4*c.workers)%len(again)]
	second := 1
	if strings.HasSuffix(moment, "/"+story.write) {
		second += random.IntN(4)
	}
	if code, said = w.run(fmt.Sprintf("kill %d %s", second, moment), commands[0]...); code == killed {
		m.count(m.recoveries, killCell{moment, c.story, c.workers})
	} else if code != exitInSync {
		t.Fatalf("the run after it ended with %d:\n%s", code, said)
	}
	w.settled()
	for _, command := range commands {
		w.must(exitInSync, command...)
	}
	if diff := gocmp.Diff(end.people, people(w.accounts())); diff != "" {
		t.Errorf("killed at the %d. %s, and then at %s, the accounts aren't those of an undisturbed run (-want +got):\n%s", hit, c.moment, moment, diff)
	}
	if got := w.wroteOnce(); got != end.written {
		t.Errorf("the server signed up and deleted %+v, want %+v", got, end.written)
	}
	w.remembers(&story, run, before, truth)
	w.silent()
	if story.opens {
		w.opens()
	}
	return true
}

// opens makes sure that everybody's password is the one that is derived of who they are now: each is written as themselves.
func (w *killWorld) opens() {
	w.Helper()
	const source = "users.csv"
	text, err := os.ReadFile(filepath.Join(w.dir, source))
	if err != nil {
		w.Fatal(err)
	}
	w.write(source, strings.ReplaceAll(string(text), "Pat", "Pit"))
	before := w.server.Counters().Written.Update
	w.must(exitInSync, "sync", "--yes")
	if n := w.server.Counters().Written.Update - before; n != staffSize {
		w.Errorf("%d of %d could be written as themselves", n, staffSize)
	}
}

func (m *matrix) count(in map[killCell]int, c killCell) {
	m.mu.Lock()
	defer m.mu.Unlock()
	in[c]++
}

// recoveryMoments are where the run after a kill is killed.
func recoveryMoments(story *killStory) []string {
	return []string{
		"before-commit/settling what was in doubt", "answered/look up users", "after-commit/settling what was in doubt",
		"before-commit/opening a chunk", "sent/" + story.write, "answered/" + story.write, "before-commit/recording outcomes",
		"after-commit/recording outcomes", "before-rename/", "before-commit/finishing a run", "after-commit/finishing a run",
	}
}

// opened makes sure that of all that was written, the journal knew before. It returns the run.
func (w *killWorld) opened(before, truth map[int64]map[string]any) int64 {
	w.Helper()
	run, outcomes := w.journal()
	known := map[string]bool{}
	ids := map[int64]bool{}
	for _, o := range outcomes {
		known[o.ExternalID], ids[o.AccountID] = true, true
	}
	for id, now := range truth {
		was, there := before[id]
		externalID, _ := now["external_id"].(string)
		if (!there || !gocmp.Equal(was, now)) && !ids[id] && !known[externalID] {
			w.Errorf("account %d of %q was written, and no intent of run %d tells", id, externalID, run)
		}
	}
	for id := range before {
		if _, there := truth[id]; !there && !ids[id] {
			w.Errorf("account %d was deleted, and no intent of run %d tells", id, run)
		}
	}
	return run
}

// remembers makes sure that what was found out about the killed run is what was true when it died, and that nothing is left
// of it.
func (w *killWorld) remembers(story *killStory, run int64, before, truth map[int64]map[string]any) {
	w.Helper()
	store := w.memory()
	defer func() { _ = store.Close() }()
	pending, err := store.Pending(w.Context())
	if err != nil || len(pending) > 0 {
		w.Errorf("still in doubt: %v, %v", pending, err)
	}
	parts, err := filepath.Glob(filepath.Join(w.dir, ".cubesync", "state", "plans", "*", "*.part"))
	if err != nil || len(parts) > 0 {
		w.Errorf("half a plan is left: %v, %v", parts, err)
	}
	if story.kind == plan.Delete || story.kind == plan.Release {
		if n, err := store.WeekDeletes(w.Context(), time.Now()); err != nil || n != leaving {
			w.Errorf("%d are counted as gone in this week, want %d; %v", n, leaving, err)
		}
	}
	if story.arrived == nil {
		return
	}
	byExternalID := map[string]map[string]any{}
	for _, account := range truth {
		externalID, _ := account["external_id"].(string)
		byExternalID[externalID] = account
	}
	for _, o := range w.outcomes(store, run) {
		now := truth[o.AccountID]
		if o.AccountID == 0 || story.kind == plan.Create {
			now = byExternalID[o.ExternalID]
		}
		if arrived := story.arrived(before[o.AccountID], now); o.Kind == story.kind && arrived != (o.Ending == state.DoneApplied) {
			w.Errorf("%s %s is remembered as %q (%s), and arrived: %v", o.Kind, o.ExternalID, o.Ending, o.Words, arrived)
		}
	}
}

// complete makes sure that every cell was reached which can be, and no other; and, where all stories were told, every point
// of the list.
func (m *matrix) complete(t *testing.T) {
	all := m.all()
	for name, byWorkers := range m.reached {
		story := m.stories[name]
		for moment := range all {
			why := excluded(name, &story, moment)
			for workers := range byWorkers {
				if n := m.kills[killCell{moment, name, workers}]; (n == 0) != (why != "") {
					t.Errorf("%s in %s by %d workers: %d kills, excluded because %q", moment, name, workers, n, why)
				}
			}
		}
		for _, moment := range slices.Concat(story.more, []string{"sent/" + story.write, "answered/" + story.write}) {
			if !all[moment] {
				t.Errorf("%s doesn't go through %s", name, moment)
			}
		}
		for _, moment := range recoveryMoments(&story) {
			if !slices.ContainsFunc(killWorkers(), func(n int) bool { return m.recoveries[killCell{moment, name, n}] > 0 }) {
				t.Errorf("no run that cleared up after a kill in %s was killed at %s", name, moment)
			}
		}
	}
	if len(m.reached) < len(m.stories) {
		return
	}
	for _, point := range failpoint.Points() {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(all)), func(moment string) bool { return strings.HasPrefix(moment, string(point)+"/") }) {
			t.Errorf("nobody was killed at %s", point)
		}
	}
}

// killWorkers are how many write at the same time.
func killWorkers() []int { return []int{1, 8, 32} }

// all are the moments of all stories.
func (m *matrix) all() map[string]bool {
	all := map[string]bool{}
	for _, byWorkers := range m.reached {
		for _, reached := range byWorkers {
			for moment := range reached {
				all[moment] = true
			}
		}
	}
	return all
}

// String is the matrix for people: kills by one, 8 and 32 workers, and after + those of the runs that followed.
func (m *matrix) String() string {
	names := slices.Sorted(maps.Keys(m.stories))
	var text strings.Builder
	fmt.Fprintf(&text, "%-48s", "")
	for _, name := range names {
		fmt.Fprintf(&text, " %13s", name)
	}
	text.WriteString("\n")
	all := m.all()
	for c := range m.recoveries {
		all[c.moment] = true
	}
	for _, moment := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "%-48s", moment)
		for _, name := range names {
			var counts [2][3]int
			for i, workers := range killWorkers() {
				counts[0][i], counts[1][i] = m.kills[killCell{moment, name, workers}], m.recoveries[killCell{moment, name, workers}]
			}
			first, again := counts[0], counts[1][0]+counts[1][1]+counts[1][2]
			shown := "-"
			if first != [3]int{} {
				shown = fmt.Sprintf("%d,%d,%d", first[0], first[1], first[2])
			}
			if again > 0 {
				shown = fmt.Sprintf("%s+%d", strings.TrimPrefix(shown, "-"), again)
			}
			fmt.Fprintf(&text, " %13s", cmp.Or(shown, "-"))
		}
		text.WriteString("\n")
	}
	return text.String()
}

func tagsOf(account map[string]any) []string {
	var tags []string
	switch value := account["user_tags"].(type) {
	case string:
		tags = strings.Split(value, ",")
	case []any:
		for _, tag := range value {
			tags = append(tags, fmt.Sprint(tag))
		}
	}
	return tags
}
