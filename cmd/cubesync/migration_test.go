package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"cubesync/sink/emulator"
)

// TestMigrationInterruptedAHundredTimes kills one migration again and again, and in its middle the state is lost, too. It ends
// with the accounts of an undisturbed one.
func TestMigrationInterruptedAHundredTimes(t *testing.T) {
	t.Parallel()
	const size, kills = 3000, 100
	binary := buildFailpoints(t)
	staff := staffOf(size)
	undisturbed := openKillWorld(t, binary, emulator.Options{}, nil, nil)
	undisturbed.staff(staff)
	undisturbed.must(exitInSync, "sync", "--yes")
	want := people(undisturbed.accounts())

	slow := map[string]string{"RATE": "1000"} // so that not many are signed up while outcomes gather, on any machine
	w := openKillWorld(t, binary, emulator.Options{}, nil, slow)
	w.staff(staff)
	random := rand.New(rand.NewPCG(1, 2))
	for n := range kills {
		moments := []string{
			fmt.Sprintf("%d answered/sign up", 1+random.IntN(30)),
			fmt.Sprintf("%d sent/sign up", 1+random.IntN(30)),
			fmt.Sprintf("%d before-commit/recording outcomes", 1+random.IntN(3)),
			fmt.Sprintf("%d after-commit/recording outcomes", 1+random.IntN(3)),
			"1 after-commit/opening a chunk", "1 before-commit/opening a chunk", "1 answered/list users", "1 before-rename/",
		}
		order := "kill " + moments[random.IntN(len(moments))]
		if code, said := w.run(order, "sync", "--yes"); code != killed {
			t.Fatalf("%s, %d. of %d, ended with %d:\n%s", order, n, kills, code, said)
		}
		if n == kills/2 {
			w.settled()
			if err := os.RemoveAll(filepath.Join(w.dir, ".cubesync", "state")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := w.wroteOnce().signedUp; n < size/10 || n > size*9/10 {
		t.Errorf("%d of %d were signed up in %d killed runs: too few, or too many, for a test", n, size, kills)
	}
	w.must(exitInSync, "sync", "--yes")
	if diff := gocmp.Diff(want, people(w.accounts())); diff != "" {
		t.Errorf("the accounts aren't those of an undisturbed migration (-want +got):\n%s", diff)
	}
	if n := w.wroteOnce(); n != (counted{signedUp: size}) {
		t.Errorf("the server signed up and deleted %+v", n)
	}
	w.silent()
}
