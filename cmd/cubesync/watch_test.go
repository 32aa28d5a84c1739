package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cubesync/sync/user"
)

// watch looks for secrets where none may be: in what commands show, in plans that they write, and in what lies under .cubesync.
type watch struct {
	dir         string
	shown       bytes.Buffer
	took        time.Duration     // by the last command
	broken      []string          // what went wrong behind the script
	secrets     map[string]string // spelling → what it is
	keys        map[string]bool   // secrets that passwords may be derived from
	externalIDs map[string]bool

	proxy   *connectProxy   // nil until the script starts one
	backend *companyBackend // likewise
}

type watchKey struct{}

func newWatch(dir string) *watch {
	return &watch{dir: dir, secrets: map[string]string{}, keys: map[string]bool{}, externalIDs: map[string]bool{}}
}

// shortest is how long a secret must be to be searched for: shorter ones occur by chance.
const shortest = 8

// secretLine is a line of a configuration that holds a secret in the open.
var secretLine = regexp.MustCompile(`(?m)^\s*(?:auth_key|auth_secret|admin_key|password|secret|previous|token|access_token):\s*"?([^"\s#$]+)`)

// secret adds one secret.
func (w *watch) secret(text string) {
	if len(text) < shortest || strings.HasPrefix(text, "file:") {
		return
	}
	w.keys[text] = true
	w.add(text, "a secret")
}

func (w *watch) add(text, what string) {
	for _, spelling := range []string{
		text, url.QueryEscape(text), hex.EncodeToString([]byte(text)), base64.StdEncoding.EncodeToString([]byte(text)),
	} {
		w.secrets[spelling] = what
	}
}

// look takes note of the secrets in every configuration, and of the external IDs and passwords in every CSV file. It is to be called
// before each command, as scripts change both.
func (w *watch) look() error {
	return filepath.WalkDir(w.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil // a file may go while we walk
		}
		switch filepath.Ext(path) {
		case ".yaml":
			text, err := os.ReadFile(path)
			for _, match := range secretLine.FindAllSubmatch(text, -1) {
				w.secret(string(match[1]))
			}
			return err
		case ".csv":
			text, err := os.ReadFile(path)
			for line := range strings.Lines(string(text)) {
				id, _, _ := strings.Cut(line, ",")
				w.externalIDs[id] = true
			}
			w.passwords(string(text))
			return err
		}
		return nil
	})
}

// passwords takes note of those in the last column of a file whose header calls it so.
func (w *watch) passwords(table string) {
	for line := range strings.Lines(table) {
		_, last, _ := cutLast(strings.TrimSpace(line), ",")
		if strings.HasPrefix(table, line) && last != passwordColumn {
			return
		}
		if last != passwordColumn && len(last) >= shortest {
			w.add(last, "a password of the source")
		}
	}
}

// passwordColumn is the last column of tables with passwords.
const passwordColumn = "initial_password"

func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return "", text, false
	}
	return text[:i], text[i+len(separator):], true
}

// leaks names every secret that came out, and where. It never repeats it.
func (w *watch) leaks() []string {
	for key := range w.keys {
		for id := range w.externalIDs {
			w.add(user.DerivePassword(key, id), "the derived password of "+id)
		}
	}
	finder := newFinder(w.secrets)
	leaks := slices.Concat(w.broken, finder.in("what was shown", w.shown.Bytes()))
	_ = filepath.WalkDir(filepath.Join(w.dir, ".cubesync"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			leaks = append(leaks, err.Error())
		}
		leaks = append(leaks, finder.in(entry.Name(), content)...)
		return nil
	})
	plans, err := filepath.Glob(filepath.Join(w.dir, "*.jsonl"))
	if err != nil {
		leaks = append(leaks, err.Error())
	}
	for _, path := range plans {
		content, err := os.ReadFile(path)
		if err != nil {
			leaks = append(leaks, err.Error())
		}
		leaks = append(leaks, finder.in(filepath.Base(path), content)...)
	}
	return leaks
}

// finder finds thousands of texts in one pass.
type finder map[[shortest]byte][]found

type found struct{ text, what string }

func newFinder(secrets map[string]string) finder {
	f := finder{}
	for text, what := range secrets {
		begin := [shortest]byte([]byte(text))
		f[begin] = append(f[begin], found{text, what})
	}
	return f
}

func (f finder) in(place string, content []byte) (leaks []string) {
	for i := 0; i+shortest <= len(content); i++ {
		for _, candidate := range f[[shortest]byte(content[i:])] {
			if bytes.HasPrefix(content[i:], []byte(candidate.text)) {
				leaks = append(leaks, fmt.Sprintf("%s at byte %d of %s", candidate.what, i, place))
			}
		}
	}
	return leaks
}

// A watch that finds nothing proves something only if it finds what is there.
func TestWatchFindsSecrets(t *testing.T) {
	const key = "the-secret-of-all-passwords-of-staff"
	password := user.DerivePassword(key, "E1")
	cases := map[string]struct {
		shown, kept string
		want        int
	}{
		"nothing":             {"all is well", "some rows", 0},
		"shown":               {"secret: " + key + "!", "", 1},
		"kept":                {"", "\x00\x01" + key + "\x02", 1},
		"in-base64":           {base64.StdEncoding.EncodeToString([]byte(key)), "", 1},
		"in-hex":              {hex.EncodeToString([]byte(key)), "", 1},
		"admin-key":           {"called with emulator-admin-key-of-ours", "", 1},
		"derived-and-shown":   {`{"password":"` + password + `"}`, "", 1},
		"derived-and-kept":    {"", password, 1},
		"both":                {password, key, 2},
		"password-of-nobody":  {user.DerivePassword(key, "E9"), "", 0},
		"secret-of-the-shell": {"SHELL-SECRET-42", "", 1},
		"of-the-source":       {"", "x her own password x", 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for path, text := range map[string]string{
				"config.yaml":              "  admin_key: emulator-admin-key-of-ours # of ours\n  secret: \"" + key + "\"\n  password: ${NAME}\n",
				"users.csv":                "id,name\nE1,Ann\n",
				"others.csv":               "id,initial_password\nE2,her own password\n",
				".cubesync/state/staff.db": c.kept,
			} {
				path = filepath.Join(dir, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			w := newWatch(dir)
			w.secret("SHELL-SECRET-42")
			if err := w.look(); err != nil {
				t.Fatal(err)
			}
			w.shown.WriteString(c.shown)
			if got := w.leaks(); len(got) != c.want {
				t.Errorf("got %d leaks %q, want %d", len(got), got, c.want)
			}
		})
	}
}
