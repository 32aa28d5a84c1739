package state

import (
	"bytes"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/plan"
)

// powerLossThorough breaks the power off at each frame there is, as `make soak` does.
var powerLossThorough = flag.Bool("powerloss.thorough", false, "break the power off at every frame, not only at some")

// disk is what the state's files hold at some moment.
type disk struct{ data, log []byte }

func diskOf(t *testing.T, file string) (d disk) {
	t.Helper()
	var err error
	if d.data, err = os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	if d.log, err = os.ReadFile(file + "-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return d
}

// The log of a database: a header, and frames of a page each.
const (
	logHeader = 32
	logFrame  = 24 + 4096
)

// losses are what a disk may hold when the power goes while a commit brings it from one state to the next: of what wasn't
// synced, any sector may be there or not. What was committed before was synced before.
func losses(random *rand.Rand, before, after disk) (all []disk) {
	synced := 0
	if bytes.HasPrefix(after.log, before.log) {
		synced = len(before.log)
	}
	for at := max(synced, logHeader); synced > 0 && at < len(after.log); at += logFrame {
		cut := slices.Clone(after.log[:at])
		half := slices.Clone(after.log[:min(len(after.log), at+random.IntN(logFrame))])
		zeroed := slices.Clone(after.log)
		clear(zeroed[at:])
		hole := slices.Clone(after.log)
		clear(hole[at:min(len(hole), at+logFrame)])
		for _, log := range [][]byte{cut, half, zeroed, hole} {
			all = append(all, disk{before.data, log})
		}
	}
	if !bytes.Equal(before.data, after.data) && synced > 0 { // the log was being brought into the file
		for range 4 {
			mixed := slices.Clone(after.data)
			for page := 0; page < len(mixed); page += 4096 {
				if end := page + 4096; random.IntN(2) == 0 && end <= len(before.data) {
					copy(mixed[page:end], before.data[page:end])
				}
			}
			all = append(all, disk{mixed, after.log})
		}
	}
	return all
}

// Whenever the power goes, the state opens and holds either what was committed, or that and the commit under way.
func TestPowerLoss(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	s := openStore(t, dir)
	begin(t, s)
	if _, err := s.writer.ExecContext(t.Context(), "PRAGMA wal_autocheckpoint = 20"); err != nil { // so that the log goes into the file now and then
		t.Fatal(err)
	}
	before, held := diskOf(t, s.file), dump(t, dir)
	tried, checkpoints := 0, 0
	commit := func(name string, do func()) {
		do()
		after, holds := diskOf(t, s.file), dump(t, dir)
		if !bytes.Equal(before.data, after.data) {
			checkpoints++
		}
		all := losses(random, before, after)
		if !*powerLossThorough {
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			all = all[:min(len(all), 4)]
		}
		for _, lost := range append(all, after) {
			tried++
			got := afterLoss(t, lost)
			if got != held && got != holds || cmp.Equal(lost, after, cmp.AllowUnexported(disk{})) && got != holds {
				t.Fatalf("%s: after a loss it holds neither what was committed nor what was being committed", name)
			}
		}
		before, held = after, holds
	}
	rounds := 5
	if *powerLossThorough {
		rounds = 40
	}
	for round := range rounds {
		people := manyAccounts(20 + round)
		var run int64
		var ops []plan.Operation
		var ended []Outcome
		for i := range people {
			op := plan.Operation{Kind: plan.Update, ExternalID: people[i].ExternalID, AccountID: people[i].ID, Mine: mineOf(fmt.Sprint("t", round), "")}
			ops, ended = append(ops, op), append(ended, Outcome{Operation: op, Ending: DoneApplied, Account: &people[i]})
		}
		commit("begin", func() { run = begin(t, s) })
		commit("intend", func() { intend(t, s, run, ops...) })
		commit("record", func() { write(t, s, run, ended...) })
		commit("finish", func() {
			if err := s.Finish(t.Context(), Run{ID: run, Status: Applied}, &End{Observed: listed(people...), Agreed: agreeingAll(people...)}, 3); err != nil {
				t.Fatal(err)
			}
		})
	}
	if checkpoints == 0 {
		t.Error("the log was never brought into the file")
	}
	t.Logf("%d losses, the log brought into the file %d times", tried, checkpoints)
}

// afterLoss is what a state holds that is opened on such a disk; it must be sound.
func afterLoss(t *testing.T, d disk) string {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // there are thousands
	file := filepath.Join(dir, filepath.Base(staff.file(dir)))
	for path, content := range map[string][]byte{file: d.data, file + "-wal": d.log} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), dir, staff)
	if err != nil {
		t.Fatalf("it doesn't open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if c := checked(t, dir); !c.Sound() {
		t.Fatalf("it isn't sound: %+v", c.Problems)
	}
	return dump(t, dir)
}

// dump is all that a state holds.
func dump(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	p := peek(t, dir)
	err := p.moment(t.Context(), "dumping it", func(tx *sql.Tx) error {
		all.Reset()
		for _, query := range []string{
			"SELECT 'known ' || row || external_id || account || notes || written FROM known ORDER BY row",
			"SELECT 'journal ' || run || external_id || kind || step || mine || ending FROM journal ORDER BY run, external_id, kind, step",
			"SELECT 'chunk ' || number || run || operations FROM chunk ORDER BY number",
			"SELECT 'run ' || id || body FROM run ORDER BY id",
			"SELECT 'fact ' || name || value FROM fact ORDER BY name",
			"SELECT 'agreement ' || number || hex(slots) FROM agreement ORDER BY number",
			"SELECT 'unagreed ' || row FROM unagreed ORDER BY row",
		} {
			err := each(t.Context(), tx, func(rows *sql.Rows) error {
				var line string
				err := rows.Scan(&line)
				all.WriteString(line + "\n")
				return err
			}, query)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
