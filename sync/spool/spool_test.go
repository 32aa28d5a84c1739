package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// crowdOf are users in no order, some of whom share an external ID, with as much to say as makes it use the disk.
func crowdOf(n, letters int) []plan.Desired {
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]plan.Desired, n)
	for i := range all {
		d := &all[i]
		d.User.ExternalID = fmt.Sprintf("E%d", random.IntN(n))
		d.Position, d.Digest = record.Position(fmt.Sprintf("users.csv:%d", i+2)), user.Digest(random.Uint64())
		d.User.Values[user.Email], d.User.Values[user.FullName] = user.Text("é@example.com"), user.Text("")
		if i%2 == 0 {
			d.Picture = plan.Picture{Stamp: fmt.Sprint(i), SHA256: "8e", Bytes: i * 1000, Source: "é.png", Problem: "none"}
			d.Unfit = "it is empty"
		}
		d.User.Values[user.CustomData] = user.Text(strings.Repeat("x", letters))
	}
	return all
}

func gathered(t *testing.T, u *Users) []plan.Desired {
	t.Helper()
	var all []plan.Desired
	for d, err := range u.Sorted() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

func TestUsersAreSorted(t *testing.T) {
	for name, size := range map[string]struct{ users, letters, stretches int }{
		"nobody": {0, 0, 0}, "in-memory": {1000, 10, 0}, "on-the-disk": {1000, 60_000, 3},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			u := NewUsers(folder)
			defer u.Close()
			want := crowdOf(size.users, size.letters)
			for i := range want {
				if err := u.Add(&want[i]); err != nil {
					t.Fatal(err)
				}
			}
			slices.SortStableFunc(want, func(a, b plan.Desired) int { return strings.Compare(a.User.ExternalID, b.User.ExternalID) })
			for range 2 {
				if diff := cmp.Diff(len(want), len(gathered(t, u))); diff != "" {
					t.Error(diff)
				}
				for i, got := range gathered(t, u) {
					if got != want[i] {
						t.Fatalf("number %d is %+v, want %+v", i, got, want[i])
					}
				}
			}
			if u.Len() != size.users || len(u.stretches) != size.stretches {
				t.Errorf("%d users in %d stretches", u.Len(), len(u.stretches))
			}
			if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
				t.Errorf("the folder holds %v, %v", left, err)
			}
			u.Close()
			if n := len(gathered(t, u)); n > 0 || u.Len() > 0 {
				t.Errorf("%d are left after it was closed", n)
			}
		})
	}
}

// What was put aside is for its owner only, and goes among the temporary files where the folder can't be written.
func TestTapeFile(t *testing.T) {
	elsewhere := t.TempDir()
	t.Setenv("TMPDIR", elsewhere)
	for name, folder := range map[string]string{"in-its-folder": t.TempDir(), "elsewhere": filepath.Join(t.TempDir(), "missing")} {
		t.Run(name, func(t *testing.T) {
			s := &tape{folder: folder}
			defer s.close()
			text := []byte(strings.Repeat("0123456789abcdef", tapeRoom/16-1))
			var all []byte
			for range 3 {
				all = appendEntry(all, text)
				if err := s.add(text); err != nil {
					t.Fatal(err)
				}
			}
			info, err := s.file.Stat()
			if err != nil || info.Mode().Perm() != 0o600 || info.Size() != s.filed || s.filed == 0 || len(s.rest) == 0 {
				t.Fatalf("%v, %v: %d bytes on the disk, %d in memory", info.Mode(), err, s.filed, len(s.rest))
			}
			if in := filepath.Dir(s.file.Name()); (in == folder) != (name == "in-its-folder") {
				t.Errorf("it lies in %s", in)
			}
			size := int64(len(all))
			for _, part := range [][2]int64{{0, 0}, {5, 9}, {0, size}, {s.filed - 3, s.filed + 3}, {s.filed, s.filed + 5}, {size - 1, size}} {
				got, err := io.ReadAll(s.part(part[0], part[1]))
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, all[part[0]:part[1]]) {
					t.Errorf("from %d to %d: %d bytes", part[0], part[1], len(got))
				}
			}
		})
	}
}

func TestNoRoomOnTheDisk(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "missing")
	t.Setenv("TMPDIR", nowhere)
	s := &tape{folder: nowhere}
	err := s.add(make([]byte, tapeRoom))
	if err == nil || !strings.Contains(err.Error(), "putting aside on the disk what memory has no room for") {
		t.Errorf("got %v", err)
	}
}

func TestSignUpsComeBack(t *testing.T) {
	s := NewSignUps(t.TempDir())
	defer s.Close()
	const all = 50
	long := strings.Repeat("x", 3*tapeRoom/all)
	for i := range all {
		op := plan.Operation{ExternalID: fmt.Sprint(i), Changes: []plan.Change{{Field: user.FullName, After: long}}}
		if err := s.Add(&op); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		n := 0
		for op, err := range s.All() {
			if err != nil || op.ExternalID != fmt.Sprint(n) || op.Changes[0].After != long {
				t.Fatalf("number %d is %q, %v", n, op.ExternalID, err)
			}
			n++
		}
		if n != all || s.Len() != all || s.tape.file == nil {
			t.Errorf("%d of %d came back; the file is %v", n, s.Len(), s.tape.file)
		}
	}
	s.Close()
	for op, err := range s.All() {
		t.Errorf("%q is left after it was closed, %v", op.ExternalID, err)
	}
}

func TestEntriesComeBack(t *testing.T) {
	op := plan.Operation{
		Kind: plan.Create, Reason: plan.NewRecord, ExternalID: "E1", Position: "users.csv:2", Digest: "abc", Record: 1 << 63,
		Changes: []plan.Change{{Field: user.Login, After: "ann"}, {Field: user.Tags, After: "a,b"}},
		Mine:    plan.Mine{CustomData: user.Text(""), Tags: user.Text("a")},
	}
	if !op.IsSignUp() {
		t.Fatal("it is no sign-up")
	}
	entry := string(appendSignUp(nil, &op))
	got, err := readSignUp(entry)
	if diff := cmp.Diff(op, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	d := crowdOf(1, 5)[0]
	record := string(appendDesired(nil, &d))
	if got, err := readDesired(record); got != d || err != nil {
		t.Errorf("got %+v, %v, want %+v", got, err, d)
	}
	for i := range len(entry) {
		if _, err := readSignUp(entry[:i]); !errors.Is(err, errDamaged) {
			t.Fatalf("%d bytes of a sign-up: %v", i, err)
		}
	}
	for i := range len(record) {
		if _, err := readDesired(record[:i]); !errors.Is(err, errDamaged) {
			t.Fatalf("%d bytes of a user: %v", i, err)
		}
	}
	for _, cut := range []int{1, 3} {
		text := appendEntry(nil, []byte(entry))
		broken := newEntries(strings.NewReader(string(text[:len(text)-cut])))
		if _, err := broken.next(); !errors.Is(err, errDamaged) {
			t.Errorf("an entry without its end: %v", err)
		}
	}
}
