package state

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"cubesync/sync/account"
	"cubesync/sync/plan"
)

const childFolder = "CUBESYNC_TEST_STATE_FOLDER"

// writeUntilKilled opens chunks and records half of each, and then a run ends in which they agree, and says so after every
// commit; it never ends by itself.
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
	const size = 20
	for from := 0; ; from += size {
		run, err := s.Begin(ctx, Run{StartedAt: monday})
		check(err)
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
		agreements, err := s.Agreements(ctx)
		check(err)
		remembered, err := s.Remember(ctx, agreements.Open())
		check(err)
		end := &End{Rows: agreements.Open(), Agreed: map[string]plan.Agreement{}, Now: monday}
		end.Observed = func(yield func(string, account.Account) bool) {
			for _, r := range remembered {
				if !yield(r.ExternalID, r.Account) {
					return
				}
			}
		}
		for _, r := range remembered {
			end.Agreed[r.ExternalID] = agreementOf(r.Account)
		}
		night, err := s.Begin(ctx, Run{StartedAt: monday})
		check(err)
		check(s.Finish(ctx, Run{ID: night, Status: Applied}, end, 0))
		fmt.Println("agreed", run, from, size/2)
	}
}

func TestKilledInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	opened, recorded := map[string]bool{}, map[string]bool{} // "run external ID"
	runs, agreeing := map[int64]bool{}, map[string]bool{}    // agreeing: external IDs
	const kills = 8
	for n := range kills {
		killChildAfter(t, dir, 5+7*n, func(verb string, run int64, from, count int) {
			runs[run] = true
			for _, op := range chunk(from, count) {
				key := fmt.Sprintf("%d %s", run, op.ExternalID)
				opened[key] = true
				switch verb {
				case "opened": // from now on it may be written, whether or not that is said
					delete(agreeing, op.ExternalID)
				case "recorded":
					recorded[key] = true
				case "agreed":
					agreeing[op.ExternalID] = true
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
	for run := range runs {
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
	agreed, _ := agreementsByID(t, s)
	for externalID, a := range agreed {
		if a.Key != plan.KeyOf(externalID) {
			t.Errorf("%s has the agreement of somebody else", externalID)
		}
	}
	for externalID := range agreeing {
		if _, agrees := agreed[externalID]; !agrees {
			t.Errorf("%s was said to agree, and doesn't", externalID)
		}
	}
	if len(recorded) == 0 || len(agreeing) == 0 {
		t.Errorf("no child came to record or agree: %d, %d", len(recorded), len(agreeing))
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
	known, err := allKnown(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]plan.Known{}
	for _, k := range known {
		byID[k.ExternalID] = k
	}
	return byID
}
