package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The README's outputs are the real ones, times and rates aside.
func TestReadmeShowsWhatIsPrinted(t *testing.T) {
	readme := readReadme(t)
	folder := t.TempDir()
	sample := filepath.Join(folder, "docs", "sample", "users.csv")
	for _, name := range []string{"config.yaml", filepath.Join("docs", "sample", "users.csv")} {
		if err := provide(filepath.Join("..", "..", name), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		command string
		before  func()
	}{
		{"sync", func() {}},
		{"plan", func() {
			text, err := os.ReadFile(sample)
			if err == nil {
				err = os.WriteFile(sample, bytes.Replace(text, []byte("gunay.gok2@example.com"), []byte("gunay@example.org"), 1), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}},
	} {
		step.before()
		var out, log bytes.Buffer
		code := run(context.Background(), nil, []string{step.command, "-c", filepath.Join(folder, "config.yaml")},
			environment{lookup: os.LookupEnv, stdin: strings.NewReader(""), stdout: &out, stderr: &log})
		if code != 0 {
			t.Fatalf("%s: exit %d\n%s", step.command, code, log.String())
		}
		_, block, found := strings.Cut(readme, "$ go run ./cmd/cubesync "+step.command+"\n")
		block, _, closed := strings.Cut(block, "```")
		if !found || !closed {
			t.Fatalf("the README doesn't show %s", step.command)
		}
		if diff := cmp.Diff(timeless(out.String()), timeless(withoutBars(block))); diff != "" {
			t.Errorf("%s (-printed +README):\n%s", step.command, diff)
		}
	}
}

// withoutBars leaves out the lines of progress, which a terminal shows on standard error.
func withoutBars(block string) string {
	return regexp.MustCompile(`(?m)^(read|list|look up|apply) +\d.*\n`).ReplaceAllString(block, "")
}

// timeless leaves out what another run has otherwise: how long it took, and which numbers the accounts got.
func timeless(text string) string {
	text = regexp.MustCompile(`in \d[\d.]*m?s\n`).ReplaceAllString(text, "in TIME\n")
	return regexp.MustCompile(`account \d+`).ReplaceAllString(text, "account N")
}

// What the README shows of `make test` is what the Makefile installs and runs.
func TestReadmeShowsMakeTest(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(readReadme(t), "$ make test\n")
	block, _, _ = strings.Cut(block, "```")
	packages := regexp.MustCompile(`(?m)^TEST_PACKAGES := (.*)$`).FindStringSubmatch(string(text))
	race := regexp.MustCompile(`(?m)^RACE := (.*)$`).FindStringSubmatch(string(text))
	plain := regexp.MustCompile(`(?m)^PLAIN := (.*)$`).FindStringSubmatch(string(text))
	processes := regexp.MustCompile(`(?m)^PROCESSES := (.*)$`).FindStringSubmatch(string(text))
	recipes := regexp.MustCompile(`(?m)^(?:test|simulation):.*\n((?:\t.*\n)+)`).FindAllStringSubmatch(string(text), -1)
	if packages == nil || race == nil || plain == nil || processes == nil || len(recipes) != 2 {
		t.Fatal("the Makefile doesn't say what `make test` installs and runs")
	}
	want := []string{"installing for the tests: " + regexp.MustCompile(`:\S*`).ReplaceAllString(packages[1], "")}
	for _, recipe := range recipes {
		spelled := strings.NewReplacer("\t", "", "$(MAKE)", "make", "$(RACE)", race[1], "$(PLAIN)", plain[1], "$(PROCESSES)", processes[1]).Replace(strings.TrimSpace(recipe[1]))
		want = append(want, strings.Split(strings.ReplaceAll(spelled, "$$", "$"), "\n")...)
	}
	for _, line := range want {
		if !strings.Contains("\n"+block, "\n"+line+"\n") {
			t.Errorf("the README doesn't show %s", line)
		}
	}
}

// Every test, script and golden plan that the README names as proof is there.
func TestReadmeNamesItsProofs(t *testing.T) {
	_, promises, _ := strings.Cut(readReadme(t), "## What it promises")
	promises, _, _ = strings.Cut(promises, "\n## ")
	var tests strings.Builder
	files := map[string]bool{}
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if strings.HasSuffix(path, "_test.go") {
			text, err := os.ReadFile(path)
			tests.Write(text)
			return err
		}
		if name, found := strings.CutSuffix(entry.Name(), ".txtar"); found {
			files[name] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	proofs := regexp.MustCompile("`([A-Za-z][A-Za-z-]+)`").FindAllStringSubmatch(promises, -1)
	if len(proofs) < 15 {
		t.Fatalf("only %d proofs were found in the README", len(proofs))
	}
	for _, proof := range proofs {
		name := proof[1]
		if !files[name] && !strings.Contains(tests.String(), "func "+name+"(") && name != "adds" {
			t.Errorf("the README names %s, which isn't there", name)
		}
	}
}

func readReadme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
