package state

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"cubesync/sync/plan"
)

const childFolder = "CUBESYNC_TEST_STATE_FOLDER"

// writeUntilKilled opens chunks and records half of each, says so after every commit, and never ends by itself.
func writeUntilKilled(dir string) {
	ctx := context.Background()
	check := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	s, err := Open(ctx, dir, staff)
	check(err)
	run, err := s.Begin(ctx, Run{StartedAt: monday})
	check(err)
	const size = 20
	for from := 0; ; from += size {
		ops := chunk(from, size)
		check(s.Intend(ctx, run, ops))
		fmt.Println("opened", run, from, size)
		var outcomes []Outcome
		for i, op := range ops[:size/2] {
			a := sampleAccount(int64(from+i+1), op.ExternalID)
			outcomes = append(outcomes, Outcome{Operation: op, Ending: DoneApplied, Account: &a})
		}
		check(s.Record(ctx, run, outcomes))
		fmt.Println("recorded", run, from, size/2)
	}
}

func TestKilledInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	opened, recorded := map[string]bool{}, map[string]bool{} // "run external ID"
	const kills = 8
	for n := range kills {
		killChildAfter(t, dir, 5+7*n, func(verb string, run int64, from, count int) {
			for _, op := range chunk(from, count) {
				key := fmt.Sprintf("%d %s", run, op.ExternalID)
				opened[key] = true
				if verb == "recorded" {
					recorded[key] = true
				}
			}
		})
	}

	s := openStore(t, dir)
	pending, err := s.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	inDoubt := map[string]bool{}
	for _, intent := range pending {
		if intent.Kind != plan.Create {
			t.Errorf("pending %+v, want creates only", intent)
		}
		inDoubt[fmt.Sprintf("%d %s", intent.Run, intent.ExternalID)] = true
	}
	applied := map[string]bool{}
	for run := int64(1); run <= kills; run++ {
		err := s.Outcomes(t.Context(), run, func(o StoredOutcome) error {
			if o.Ending == DoneApplied {
				applied[fmt.Sprintf("%d %s", run, o.ExternalID)] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for key := range opened {
		if inDoubt[key] == applied[key] {
			t.Errorf("%s was opened; pending %v, applied %v, want exactly one of them", key, inDoubt[key], applied[key])
		}
	}
	mirror := knownByID(t, s)
	for key := range recorded {
		if !applied[key] {
			t.Errorf("%s was recorded as applied, and is lost", key)
		}
		_, externalID, _ := strings.Cut(key, " ")
		if mirror[externalID].AccountID == 0 {
			t.Errorf("%s was recorded, and the mirror lacks it", key)
		}
	}
	if len(recorded) == 0 {
		t.Error("no child came to record anything")
	}
}

// killChildAfter starts a child, reads some lines of it, kills it without warning, and reads what it still said.
func killChildAfter(t *testing.T, dir string, lines int, said func(verb string, run int64, from, count int)) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childFolder+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(out)
	for n := 1; scanner.Scan(); n++ {
		var verb string
		var run int64
		var from, count int
		if _, err := fmt.Sscan(scanner.Text(), &verb, &run, &from, &count); err != nil {
			t.Errorf("the child said %q", scanner.Text())
			break
		}
		said(verb, run, from, count)
		if n == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
}

func knownByID(t testing.TB, s *Store) map[string]plan.Known {
	t.Helper()
	known, err := s.Known(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]plan.Known{}
	for _, k := range known {
		byID[k.ExternalID] = k
	}
	return byID
}
