package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// committed is the sample that the default configuration reads.
const committed = "../../docs/sample/users.csv"

func TestCommittedSample(t *testing.T) {
	want, err := os.ReadFile(committed)
	if err != nil {
		t.Fatal(err)
	}
	if got := generate(t, "-n", "1000"); !bytes.Equal(got, want) {
		t.Errorf("%s isn't what the generator writes (run `make sample`):\n%s", committed,
			cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")))
	}
}

func TestRun(t *testing.T) {
	t.Run("to-a-file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "users.csv")
		if out := generate(t, "-n", "700", "-o", file); len(out) > 0 {
			t.Errorf("standard output got %d bytes beside the file", len(out))
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, generate(t, "-n", "700")) {
			t.Error("the file differs from standard output")
		}
	})
	t.Run("longer-starts-with-shorter", func(t *testing.T) {
		if !bytes.HasPrefix(generate(t, "-n", "1500"), generate(t, "-n", "600")) {
			t.Error("1500 users don't start with the first 600")
		}
	})
	t.Run("another-seed-other-users", func(t *testing.T) {
		if bytes.Equal(generate(t, "-n", "10"), generate(t, "-n", "10", "-seed", "2")) {
			t.Error("seeds 1 and 2 give the same users")
		}
	})
	t.Run("no-users-only-a-header", func(t *testing.T) {
		got := string(generate(t, "-n", "0"))
		want := "employee_id,email,given_name,family_name,phone,website,department,tags,custom_data\n"
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestRunRefuses(t *testing.T) {
	tests := []struct {
		name string
		args []string
		code int
		says string
	}{
		{"negative-number", []string{"-n", "-1"}, exitUsage, "can't be negative"},
		{"no-number", []string{"-n", "many"}, exitUsage, "invalid value"},
		{"unknown-flag", []string{"-rows", "3"}, exitUsage, "-rows"},
		{"stray-argument", []string{"users.csv"}, exitUsage, "use -o FILE"},
		{"no-folder", []string{"-o", filepath.Join(t.TempDir(), "none", "users.csv")}, exitFailed, "users.csv"},
		{"help", []string{"-h"}, exitDone, "number of users"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(test.args, &stdout, &stderr); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(stderr.String(), test.says) {
				t.Errorf("standard error says %q, want something with %q", stderr.String(), test.says)
			}
			if stdout.Len() > 0 {
				t.Errorf("standard output got %q", stdout.String())
			}
		})
	}
}

func TestFullDisk(t *testing.T) {
	for _, room := range []int{0, 40, 100_000} {
		var stderr bytes.Buffer
		if code := run([]string{"-n", "5000"}, &smallDisk{room: room}, &stderr); code != exitFailed {
			t.Errorf("room for %d bytes: exit code %d, want %d", room, code, exitFailed)
		}
		if !strings.Contains(stderr.String(), errFull.Error()) {
			t.Errorf("room for %d bytes: standard error says %q", room, stderr.String())
		}
	}
}

var errFull = errors.New("no space left")

type smallDisk struct{ room int }

func (d *smallDisk) Write(p []byte) (int, error) {
	if d.room -= len(p); d.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func generate(t *testing.T, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(args, &stdout, &stderr); code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	return stdout.Bytes()
}
