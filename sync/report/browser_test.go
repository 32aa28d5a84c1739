package report_test

import (
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cubesync/sync/plan"
)

// TestPageInBrowser opens the pages in Chromium, where there is one: the script runs under the page's own policy,
// shows every value as text, and runs nothing else.
func TestPageInBrowser(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs chromium")
	}
	file := filepath.Join(t.TempDir(), "plan.html")
	if err := os.WriteFile(file, []byte(page(t, attacked())), 0o600); err != nil {
		t.Fatal(err)
	}
	dump, err := exec.CommandContext(t.Context(), browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(),
		"--window-size=1200,900", "--virtual-time-budget=1000", "--dump-dom", "file://"+file).Output()
	if err != nil {
		t.Fatal(err)
	}
	rows, _ := between(t, string(dump), `<tbody id="rows">`, "</tbody>")
	for _, tag := range regexp.MustCompile(`<[^>]*>?`).FindAllString(rows, -1) {
		name := strings.Trim(strings.Fields(tag)[0], "</>")
		if !slices.Contains(strings.Fields("tr td bdi small div span del ins"), name) {
			t.Errorf("a value is markup: %s", tag)
		}
	}
	var logins []string
	for _, match := range regexp.MustCompile(`<span>login: </span><ins><bdi>(.*?)</bdi>`).FindAllStringSubmatch(rows, -1) {
		logins = append(logins, html.UnescapeString(match[1]))
	}
	for i, bad := range attacks() { // the sign-ups stand first
		if want := plan.Printable(bad); i >= len(logins) || logins[i] != want {
			t.Fatalf("%q isn't shown as it is", bad)
		}
	}
}
