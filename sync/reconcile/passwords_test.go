package reconcile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/apply"
	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// secretCell is the column of passwords.
const secretCell = 4 // phone

// keyring is a world whose records have the passwords of new users.
type keyring struct{ *world }

func newKeyring(t *testing.T, people int) *keyring {
	t.Helper()
	k := &keyring{adopting(t, emulator.Options{})}
	k.Policy.Adopt = nil
	spec := allColumns()
	delete(spec.Fields, user.Phone)
	spec.Password = columns[secretCell]
	var err error
	if k.Mapper, err = mapping.New(spec); err != nil {
		t.Fatal(err)
	}
	k.Password, k.SecretColumns = nil, []string{spec.Password}
	k.people(people)
	return k
}

// people are staff whose passwords are their own.
func (k *keyring) people(n int) {
	k.source.persons = staff(n)
	for i := range k.source.persons {
		k.source.persons[i][secretCell] = passwordOf(i)
	}
}

func passwordOf(i int) string { return fmt.Sprintf("Pa55word of %d", i) }

// opens checks that somebody signs in with a password.
func (k *keyring) opens(t *testing.T, externalID, password string) {
	t.Helper()
	if err := k.client.ChangePassword(t.Context(), k.find(t, account.ByExternalID, externalID), password, password); err != nil {
		t.Errorf("%s doesn't sign in with the password of the source: %v", externalID, err)
	}
}

// kept checks that the state has no password in it.
func (k *keyring) kept(t *testing.T, passwords ...string) {
	t.Helper()
	err := filepath.WalkDir(k.StateDir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		for _, password := range append(passwords, "Pa55word") {
			if before, _, found := bytes.Cut(content, []byte(password)); found {
				t.Errorf("%s holds a password behind %q", path, before[max(0, len(before)-40):])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// interrupted is a source to which something happens before its nth read, from 1.
type interrupted struct {
	*roster
	happens func(read int) error
	began   int
}

func (b *interrupted) Open(ctx context.Context) (record.Reader, error) {
	b.began++
	if err := b.happens(b.began); err != nil {
		return nil, err
	}
	return b.roster.Open(ctx)
}

// before lets something happen before a read.
func (k *keyring) before(happens func(read int) error) {
	k.Source = &interrupted{roster: k.source, happens: happens}
}

func TestPasswordsOfTheSource(t *testing.T) {
	k := newKeyring(t, 30)
	k.PasswordsHeld = 7
	wantStatus(t, k.sync(t), state.Applied)
	if want := 1 + 5; k.source.reads != want { // 30 people in lots of 7
		t.Errorf("the source was read %d times, want %d", k.source.reads, want)
	}
	for _, i := range []int{0, 6, 7, 8, 29} {
		k.opens(t, fmt.Sprintf("e%04d", i), passwordOf(i))
	}

	before, reads := k.writes(), k.source.reads
	for i := range k.source.persons {
		k.source.persons[i][secretCell] = fmt.Sprintf("another of %d", i)
	}
	again := k.sync(t)
	wantStatus(t, again, state.Applied)
	if again.Run.Tally.Unchanged != 30 || k.writes() != before || k.source.reads != reads+1 {
		t.Errorf("%d writes for passwords that changed, %d reads, %+v", k.writes()-before, k.source.reads-reads, again.Run.Tally)
	}
	if n := k.agreements(t).Len(); n != 30 {
		t.Errorf("%d of 30 agree", n)
	}
	k.opens(t, "e0003", passwordOf(3))
	k.kept(t, "another of")
}

// A password that ConnectyCube wouldn't take matters of those only who are signed up.
func TestBadPasswords(t *testing.T) {
	k := newKeyring(t, 10)
	k.sync(t)
	k.people(14)
	bad := map[int]string{0: "", 1: "short", 2: "{SSHA}Zm9vYmFyYmF6cXV4", 10: "", 11: "sh0rt", 12: "{SSHA}Zm9vYmFyYmF6cXV5"}
	for i, password := range bad {
		k.source.persons[i][secretCell] = password
	}
	k.source.persons[1][3] = "Another name"
	k.source.persons[11][6] = "a;b;c;d;e;f"
	result := k.sync(t)
	wantStatus(t, result, state.Applied)
	if tally := result.Run.Tally; tally.Rejected != 3 || tally.Applied != 2 || tally.Unchanged != 9 {
		t.Errorf("%+v", tally)
	}
	want := map[string]string{
		"e0010": "bad-password row 11: password: it is empty",
		"e0011": "bad-record row 12: tags: ",
		"e0012": "bad-password row 13: password: it is the hash",
	}
	for _, reject := range result.Plan.Rejects {
		got := fmt.Sprintf("%s %s: %s", reject.Reason, reject.Position, reject.Detail)
		if begin := want[reject.ExternalID]; begin == "" || !strings.HasPrefix(got, begin) {
			t.Errorf("%s: %s, want %s…", reject.ExternalID, got, begin)
		}
		if reject.ExternalID == "e0011" && !strings.Contains(got, "; password: it is shorter") {
			t.Errorf("not all that is wrong: %s", got)
		}
		if len(reject.Cells) != len(columns) || reject.Cells[secretCell].Text() != "" || reject.Cells[0].Text() != reject.ExternalID {
			t.Errorf("its cells are %v", reject.Cells)
		}
	}
	k.opens(t, "e0013", passwordOf(13))
	k.kept(t, "sh0rt", "Zm9v")
}

// A look at the first records says of newcomers without a password what the plan says.
func TestSampleOfBadPasswords(t *testing.T) {
	k := newKeyring(t, 2)
	k.sync(t)
	k.people(4)
	k.source.persons[1][secretCell], k.source.persons[2][secretCell] = "", "short"
	want := []string{"row 1 unchanged", "row 2 unchanged", "row 3 reject bad-password", "row 4 create new-record"}
	if diff := cmp.Diff(want, told(k.sample(t, 4))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// What is planned takes the passwords of the source as it is then, of those whose record still says the same.
func TestPasswordsOfASavedPlan(t *testing.T) {
	carries := map[string]func(*testing.T, *keyring) *reconcile.Result{
		"apply": func(t *testing.T, k *keyring) *reconcile.Result {
			t.Helper()
			file := k.save(t)
			changeMeanwhile(k)
			return k.apply(t, file)
		},
		"approve": func(t *testing.T, k *keyring) *reconcile.Result {
			t.Helper()
			k.Guards.Creates = plan.Ceiling{Floor: 1}
			held := k.sync(t)
			wantStatus(t, held, state.Held)
			changeMeanwhile(k)
			return k.approve(t, held.Run.ID)
		},
		"sync": func(t *testing.T, k *keyring) *reconcile.Result {
			t.Helper()
			k.before(func(read int) error {
				if read == 2 {
					changeMeanwhile(k)
				}
				return nil
			})
			return k.sync(t)
		},
	}
	for name, carry := range carries {
		t.Run(name, func(t *testing.T) {
			k := newKeyring(t, 2)
			k.HoldMost = 1
			k.sync(t) // a baseline
			k.people(12)
			result := carry(t, k)
			wantStatus(t, result, state.Applied)
			said := map[string]string{}
			for _, trouble := range result.Troubles {
				said[trouble.Operation.ExternalID] = trouble.Words
			}
			for externalID, words := range map[string]string{
				"e0003": "its record changed in the source since the plan was made",
				"e0004": "its record is gone from the source since the plan was made",
				"e0005": "its password changed in the source since the plan was made: it is shorter",
				"e0006": "several records of the source have its external ID, and they differ",
				"e0007": "its record changed in the source since the plan was made",
			} {
				if !strings.HasPrefix(said[externalID], words) {
					t.Errorf("%s: %q, want %q", externalID, said[externalID], words)
				}
			}
			if tally := result.Run.Tally; tally.Skipped != 5 || tally.Done[plan.Create] != 5 {
				t.Errorf("%+v", tally)
			}
			k.opens(t, "e0008", "changed meanwhile")
			k.opens(t, "e0009", passwordOf(9))
			k.kept(t, "changed meanwhile", "of two")

			k.people(12)
			k.Guards = plan.DefaultLimits()
			next := k.sync(t)
			wantStatus(t, next, state.Applied)
			if next.Run.Tally.Done[plan.Create] != 5 {
				t.Errorf("the next run: %+v", next.Run.Tally)
			}
			k.opens(t, "e0004", passwordOf(4))
		})
	}
}

// changeMeanwhile changes what a plan was made of, somebody in each way.
func changeMeanwhile(k *keyring) {
	p := slices.Clone(k.source.persons)
	p[3][3] = "Another name"
	p[5][secretCell] = "short"
	p[7][2] = "no address"
	p[8][secretCell] = "changed meanwhile"
	twin, same := p[6], p[9]
	twin[secretCell] = "the other of two"
	k.source.persons = append(slices.Delete(p, 4, 5), twin, same)
}

// A source that can't be read again stops the run before anything is sent; approved or not, the plan can still be carried out.
func TestPasswordsCantBeRead(t *testing.T) {
	t.Run("before-anything-is-sent", func(t *testing.T) {
		k := newKeyring(t, 5)
		file := k.save(t)
		k.source.cutOff = 3
		cut := k.apply(t, file)
		wantStatus(t, cut, state.Incomplete)
		if !strings.Contains(cut.Run.Problem, "couldn't be read again for the passwords of 5 new users: cut off") || cut.Run.Tally.NotAttempted != 5 || k.writes() != 0 {
			t.Errorf("%q, %+v, %d writes", cut.Run.Problem, cut.Run.Tally, k.writes())
		}
		k.source.completeness = record.Incomplete // each record is there, and the end isn't
		wantStatus(t, k.apply(t, file), state.Incomplete)
		k.source.completeness = record.Proven
		k.source.cutOff = 2
		wantStatus(t, k.apply(t, file), state.Applied)
		k.opens(t, "e0004", passwordOf(4))
	})
	t.Run("on-the-way", func(t *testing.T) {
		k := newKeyring(t, 12)
		k.PasswordsHeld = 5
		k.before(func(read int) error {
			if read == 4 {
				return errors.New("the share is gone")
			}
			return nil
		})
		first := k.sync(t)
		wantStatus(t, first, state.Failed)
		if tally := first.Run.Tally; tally.NotAttempted != 12 || k.writes() != 0 || !strings.Contains(first.Run.Problem, "of 2 new users: the share is gone; nothing more is sent") {
			t.Errorf("%q, %+v, %d writes", first.Run.Problem, tally, k.writes()) // all of them are one piece, which isn't opened
		}
		wantStatus(t, k.sync(t), state.Applied)
		k.opens(t, "e0011", passwordOf(11))
	})
	t.Run("stopped", func(t *testing.T) {
		k := newKeyring(t, 5)
		stop := make(chan struct{})
		k.before(func(read int) error {
			if read == 2 {
				close(stop)
			}
			return nil
		})
		wantStatus(t, k.order(t, reconcile.Order{Stop: stop}), state.Interrupted)
		if n := k.writes(); n != 0 {
			t.Errorf("%d writes", n)
		}
	})
	t.Run("without-the-column", func(t *testing.T) {
		k := newKeyring(t, 5)
		file := k.save(t)
		was := columns[secretCell]
		columns[secretCell] = "renamed"
		defer func() { columns[secretCell] = was }()
		lacking := k.apply(t, file)
		wantStatus(t, lacking, state.Incomplete)
		if !strings.Contains(lacking.Run.Problem, `lacks "phone" (for password)`) {
			t.Error(lacking.Run.Problem)
		}
	})
}

// A run without sign-ups needs no password, and reads once.
func TestNobodyNeedsAPassword(t *testing.T) {
	k := newKeyring(t, 5)
	k.sync(t)
	k.source.persons[2][3] = "Another name"
	reads := k.source.reads
	wantStatus(t, k.sync(t), state.Applied)
	if n := k.source.reads - reads; n != 1 {
		t.Errorf("%d reads", n)
	}
}

// A sign-up in doubt is repeated with the same login and the same password, one of a killed run with those of the source.
func TestPasswordsInDoubt(t *testing.T) {
	for _, do := range []emulator.FaultKind{emulator.LoseBefore, emulator.LoseAfter} {
		t.Run(string(do), func(t *testing.T) {
			k := newKeyring(t, 3)
			if err := k.server.SetFaults(1, emulator.Fault{Do: do, Call: emulator.SignUp, Times: 2}); err != nil {
				t.Fatal(err)
			}
			result := k.sync(t)
			wantStatus(t, result, state.Applied)
			for i := range 3 {
				k.opens(t, fmt.Sprintf("e%04d", i), passwordOf(i))
			}
			if n := k.server.Counters().Written.SignUp; n != 3 {
				t.Errorf("%d were signed up", n)
			}
		})
	}
	t.Run("killed", func(t *testing.T) {
		k := newKeyring(t, 3)
		k.killedWhile(t, plan.Operation{Kind: plan.Create, ExternalID: "e0001", Changes: []plan.Change{{Field: user.Login, After: "login-e0001"}}})
		wantStatus(t, k.sync(t), state.Applied)
		k.opens(t, "e0001", passwordOf(1))
		k.kept(t)
	})
}

// The sample of a plan takes its passwords out of turn.
func TestPasswordsOfACanary(t *testing.T) {
	k := newKeyring(t, 20)
	k.PasswordsHeld, k.HoldMost = 3, 1
	result, err := k.Apply(t.Context(), reread(t, k.save(t)), reconcile.Order{Canary: apply.Canary{Count: 4}})
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, result, state.Applied)
	if result.Run.Tally.Done[plan.Create] != 20 || result.Run.Canary == nil {
		t.Errorf("%+v", result.Run)
	}
	for i := range 20 {
		k.opens(t, fmt.Sprintf("e%04d", i), passwordOf(i))
	}
}
