package emulator

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/emulator.md is all that most users will ever read. It names everything there is, and what it shows works.
func TestManual(t *testing.T) {
	text, err := os.ReadFile("../../docs/emulator.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	t.Run("rows", func(t *testing.T) { manualRows(t, page) })
	t.Run("plans", func(t *testing.T) { manualPlans(t, page) })
	t.Run("shell", func(t *testing.T) { manualShell(t, page) })
	t.Run("sdk", func(t *testing.T) { manualSDK(t, page) })
}

func manualRows(t *testing.T, page string) {
	var rows []string
	for _, s := range new(Options).Switches() {
		rows = append(rows, "| `--"+s.Name+"` | `"+s.Key()+"` | `"+s.Default+"` | "+s.Changes+" |")
	}
	for _, words := range [][]word{ownPages(), faultFields(), faultKinds()} {
		for _, w := range words {
			rows = append(rows, "| `"+w.name+"` | "+w.means+" |")
		}
	}
	for _, row := range rows {
		if !strings.Contains(page, row+"\n") {
			t.Errorf("there is no row\n%s", row)
		}
	}
	for _, kind := range kinds() {
		if !strings.Contains(page, "`"+string(kind)+"`") {
			t.Errorf("the call %s isn't named", kind)
		}
	}
}

// blocks are the examples in a language.
func blocks(page, language string) []string {
	var found []string
	for _, match := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(page, -1) {
		found = append(found, match[1])
	}
	return found
}

func manualPlans(t *testing.T, page string) {
	plans := blocks(page, "json")
	if len(plans) == 0 {
		t.Fatal("no plan is shown")
	}
	client := open(t, Options{})
	for _, plan := range plans {
		client.do("POST", faultsPath, plan).want(t, 200, `"faults":[{"do":`)
	}
}

// The examples in curl are one walk, from the first to the last.
func manualShell(t *testing.T, page string) {
	need(t, "curl")
	client := open(t, Options{})
	web := httptest.NewServer(client.server)
	defer web.Close()
	walk := "set -e\n" + strings.Join(blocks(page, "sh"), "\n")
	run := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(walk, "http://127.0.0.1:8390", web.URL))
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, shown := range []string{
		`"user_tags":["staff"]`, `"what":"password_reset"`, "as your app would see it", `"login":"bob"`,
		`{"do":"lose_after","call":"sign_up","struck":1}`, `{"seed":0,"faults":[]}`, "(hidden)", `"user_writes":2`,
	} {
		if !strings.Contains(string(out), shown) {
			t.Errorf("%s isn't shown:\n%s", shown, out)
		}
	}
}

func manualSDK(t *testing.T, page string) {
	modules := needSDK(t)
	web := httptest.NewServer(open(t, Options{}).server)
	defer web.Close()
	folder := t.TempDir()
	if err := os.Symlink(modules, filepath.Join(folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	app := strings.ReplaceAll(strings.Join(blocks(page, "js"), "\n"), "http://127.0.0.1:8390", web.URL)
	if err := os.WriteFile(filepath.Join(folder, "app.mjs"), []byte(app), 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), "node", "app.mjs")
	run.Dir = folder
	if out, err := run.CombinedOutput(); err != nil || !strings.Contains(string(out), "1 a note\n") {
		t.Fatalf("%v\n%s", err, out)
	}
}
