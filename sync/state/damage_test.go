package state

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// damagedState is what a state must hold: all of it, or none that can be read.
type damagedState struct {
	Known    []plan.Known
	Agreed   []plan.Digests
	Claiming []int64
	Open     []int64
	Baseline *plan.Baseline
	Listing  Listing
}

func readAll(ctx context.Context, s *Store) (all damagedState, err error) {
	if all.Known, err = allKnown(ctx, s); err != nil {
		return all, err
	}
	agreements, err := s.Agreements(ctx)
	if err != nil {
		return all, err
	}
	for _, agreement := range agreements.Rows() {
		all.Agreed = append(all.Agreed, agreement)
	}
	all.Open = agreements.Open()
	if all.Claiming, err = agreements.Claiming(ctx, map[user.Digest]bool{2: true}); err != nil {
		return all, err
	}
	if all.Listing, err = s.Listing(ctx); err != nil {
		return all, err
	}
	if all.Baseline, err = s.Baseline(ctx); err != nil {
		return all, err
	}
	if _, _, err = s.LastEvidence(ctx); err != nil {
		return all, err
	}
	_, err = s.Pending(ctx)
	return all, err
}

func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	run := begin(t, s)
	all := manyAccounts(60)
	for half := range slices.Chunk(all, 30) {
		var outcomes []Outcome
		for i := range half {
			outcomes = append(outcomes, Outcome{Operation: createOf(half[i].ExternalID), Ending: DoneApplied, Account: &half[i]})
		}
		write(t, s, run, outcomes...)
	}
	baseline := plan.Baseline{Run: run, Present: 60}
	finish(t, s, begin(t, s), End{Baseline: baseline, Counts: true, Observed: listed(all...), Agreed: agreeingAll(all[:40]...)}, 0)
	finish(t, s, begin(t, s), End{Baseline: baseline, Rows: []int64{7}, Observed: listed(all[6]), Listing: &Listing{Watermark: monday, SinceFull: 3}}, 0)
	want, err := readAll(t.Context(), s)
	if err != nil || len(want.Known) != 60 || len(want.Agreed) != 39 || len(want.Claiming) != 39 || len(want.Open) != 21 {
		t.Fatal(len(want.Known), len(want.Agreed), want.Open, err)
	}
	closeStore(t, s)
	whole, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("zero-bytes-start-afresh", func(t *testing.T) {
		checkDamaged(t, nil, damagedState{}, false)
	})
	t.Run("text", func(t *testing.T) {
		checkDamaged(t, []byte(strings.Repeat("not a database\n", 300)), want, true)
	})
	t.Run("truncated", func(t *testing.T) {
		for _, n := range []int{1, 99, 100, 511, 512, 4095, 4096, 5000, len(whole) / 2, len(whole) - 4096, len(whole) - 1} {
			checkDamaged(t, whole[:n], want, true)
		}
	})
	t.Run("flipped-bytes", func(t *testing.T) {
		refused := 0
		step := len(whole)/80 | 1
		for at := 0; at < len(whole); at += step {
			flipped := bytes.Clone(whole)
			flipped[at] ^= 0xff
			if checkDamaged(t, flipped, want, false) {
				refused++
			}
		}
		if refused < 15 {
			t.Errorf("only %d damages were noticed", refused)
		}
	})
	t.Run("a-letter-within-a-value", func(t *testing.T) {
		for _, letters := range [][2]string{{"Ann Nr. 33", "Ann Nr. 34"}, {`"Present":60`, `"Present":61`}, {"baseline{", "baselina{"},
			{`"since_full":3`, `"since_full":2`}, {"\tnumber INTEGER PRIMARY KEY, -- of the part: the rows from number * 168", "\tnumber INTEGER PRIMARY\xdfKEY, -- of the part: the rows from number * 168"}, {keyOf(all[0]), "\x00" + keyOf(all[0])[1:]}, {keyOf(all[6]), keyOf(all[0])}} {
			if !bytes.Contains(whole, []byte(letters[0])) {
				t.Fatalf("the file doesn't hold %q", letters[0])
			}
			checkDamaged(t, bytes.Replace(whole, []byte(letters[0]), []byte(letters[1]), 1), want, true)
		}
	})
}

// checkDamaged opens a state with the content: it must be refused with a clear error, or hold what is wanted.
func checkDamaged(t *testing.T, content []byte, want damagedState, mustFail bool) (refused bool) {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, filepath.Base(staff.file(dir)))
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for how, open := range map[string]func(context.Context, string, Identity) (*Store, error){"Peek": Peek, "Open": Open} {
		got, err := func() (damagedState, error) {
			s, err := open(t.Context(), dir, staff)
			if err != nil {
				return damagedState{}, err
			}
			defer closeStore(t, s)
			return readAll(t.Context(), s)
		}()
		if err == nil {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s read something else without an error (-want +got):\n%s", how, diff)
			}
			if mustFail {
				t.Errorf("%s took it", how)
			}
			continue
		}
		refused = true
		var damaged *DamagedError
		var newer *VersionError
		if !errors.As(err, &damaged) && !errors.As(err, &newer) {
			t.Errorf("%s said %v, want a DamagedError", how, err)
		}
		for _, word := range []string{file, "move", "grace and baselines"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s said %q, want %q in it", how, err, word)
			}
		}
	}
	return refused
}

// keyOf is the key of an agreement, as its slot holds it.
func keyOf(a account.Account) string {
	agreement, k := agreementOf(a), digestsPacking()
	return string(k.slot(nil, &agreement)[:8])
}

func TestChecksumCoversBorders(t *testing.T) {
	if checksum("ab", "c") == checksum("a", "bc") {
		t.Error("a letter that moved from one value to the next isn't noticed")
	}
}

func TestDamagedAgreements(t *testing.T) {
	for name, damage := range map[string]string{
		"slot":                    "UPDATE agreement SET slots = x'01' || substr(slots, 2)",
		"number-of-a-part":        "UPDATE agreement SET number = number + 4611686018427387000",
		"negative-number":         "UPDATE agreement SET number = -1",
		"cut-off":                 "UPDATE agreement SET slots = substr(slots, 2)",
		"text":                    "UPDATE agreement SET slots = 'x'",
		"nothing":                 "UPDATE agreement SET sum = 'x'",
		"row-without-one":         "UPDATE unagreed SET row = 1",
		"twin-of-one-without-one": "UPDATE unagreed SET twin = -1",
	} {
		t.Run(name, func(t *testing.T) {
			s := townOf(t, "E1", "E2")
			a := sampleAccount(2, "E2")
			write(t, s, begin(t, s), Outcome{Operation: createOf("E2"), Ending: DoneApplied, Account: &a})
			execute(t, s.file, damage)
			_, err := s.Agreements(t.Context())
			if _, damaged := errors.AsType[*DamagedError](err); !damaged {
				t.Errorf("got %v, want a DamagedError", err)
			}
		})
	}
	for name, damage := range map[string]string{
		"claims":           "UPDATE claim SET slots = x'07' || substr(slots, 2)",
		"claims-elsewhere": "UPDATE claim SET number = number + 1",
		"generation":       "UPDATE fact SET value = '\"x\"' WHERE name = 'agreements'",
	} {
		t.Run(name, func(t *testing.T) {
			s := townOf(t, "E1", "E2")
			a, err := s.Agreements(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			execute(t, s.file, damage)
			_, err = a.Claiming(t.Context(), map[user.Digest]bool{1: true})
			if _, damaged := errors.AsType[*DamagedError](err); !damaged {
				t.Errorf("got %v, want a DamagedError", err)
			}
		})
	}
	t.Run("found-by-the-end-of-a-run", func(t *testing.T) {
		s := townOf(t, "E1", "E2")
		execute(t, s.file, "UPDATE agreement SET slots = x'01' || substr(slots, 2)")
		a := agreementOf(sampleAccount(1, "E1"))
		a.Record = 8
		end := &End{Rows: []int64{1}, Observed: accounts("E1"), Agreed: map[string]plan.Agreement{"E1": a}, Now: monday}
		err := s.Finish(t.Context(), Run{ID: begin(t, s), Status: Applied}, end, 0)
		if _, damaged := errors.AsType[*DamagedError](err); !damaged {
			t.Errorf("got %v, want a DamagedError", err)
		}
	})
}
