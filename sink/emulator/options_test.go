package emulator

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The service's application ids are numbers, and its answers show them so.
func TestApplicationIDs(t *testing.T) {
	for _, id := range []string{"mine", "0", "-1", "+1", "01", "1.0", " 1", "99999999999999999999"} {
		if _, err := Open(Options{ApplicationID: id}); err == nil || !strings.Contains(err.Error(), "must be a number above 0") {
			t.Errorf("%q: %v", id, err)
		}
	}
	client := open(t, Options{ApplicationID: "4711"})
	client.do("POST", "/session", strings.Replace(plainSession, ":1,", ":4711,", 1)).want(t, 201, `"application_id":4711,`)
}

// One missing folder is made; a path of which more is missing is a slip.
func TestFolderOfData(t *testing.T) {
	folder := t.TempDir()
	open(t, Options{Data: filepath.Join(folder, "new", "users.jsonl")})
	_, err := Open(Options{Data: filepath.Join(folder, "slip", "of", "users.jsonl")})
	if !errors.Is(err, ErrNoFolder) || !strings.Contains(err.Error(), filepath.Join(folder, "slip")+":") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(folder, "slip")); err == nil {
		t.Error("it was made")
	}
}
