package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestListsFitTheTree finds at once what the command would find after minutes: a mutant that the tree has left behind.
func TestListsFitTheTree(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	mutants, err := readLists(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	areas := map[string]int{}
	for _, m := range mutants {
		areas[m.area]++
		if !kebab.MatchString(m.name) {
			t.Errorf("%s: the name %q isn't in kebab-case", m.place, m.name)
		}
		if _, err := m.mutated(root); err != nil {
			t.Errorf("%s: %s: %v", m.place, m.name, err)
		}
		if err := m.tested(root); err != nil {
			t.Errorf("%s: %s: %v", m.place, m.name, err)
		}
	}
	if n := areas["client"] + areas["emulator"]; n < 30 {
		t.Errorf("client and emulator have %d mutants, want 30 at least", n)
	}
	if n := areas["plan"]; n < 40 {
		t.Errorf("the planner has %d mutants, want 40 at least", n)
	}
}

func TestParse(t *testing.T) {
	got, err := parse("area.diff", `# what this is about

mutant one
rule   it is one
file   a/b/c.go
test   TestOne/case
-	one
+	two

mutant two
rule   it stays
# why it is so
file   a/b/c.go
test   a/tests TestTwo
 	before
-
-	gone`)
	if err != nil {
		t.Fatal(err)
	}
	want := []mutant{
		{"area", "one", "it is one", "a/b/c.go", "a/b", "TestOne/case", "\tone\n", "\ttwo\n", "area.diff:3"},
		{"area", "two", "it stays", "a/b/c.go", "a/tests", "TestTwo", "\tbefore\n\n\tgone\n", "\tbefore\n", "area.diff:10"},
	}
	if diff := cmp.Diff(got, want, cmp.AllowUnexported(mutant{})); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
}

func TestListsThatCannotBeRead(t *testing.T) {
	const good = "mutant one\nrule r\nfile a/b.go\ntest TestOne\n-a\n+b\n"
	for name, test := range map[string]struct{ list, words string }{
		"no-name":      {strings.Replace(good, "mutant one\n", "", 1), "a.diff:6: a mutant needs a name"},
		"no-rule":      {strings.Replace(good, "rule r\n", "", 1), "needs a name, a rule"},
		"no-test":      {strings.Replace(good, "test TestOne\n", "", 1), "needs a name, a rule"},
		"no-file":      {strings.Replace(good, "file a/b.go\n", "", 1), "needs a name, a rule"},
		"two-words":    {strings.Replace(good, "one", "one two", 1), "one word"},
		"no-change":    {strings.Replace(good, "+b", "+a", 1), "lines to take out"},
		"no-place":     {strings.Replace(good, "-a\n", "", 1), "needs a line beside"},
		"unknown-line": {strings.Replace(good, "rule", "rules", 1), `a.diff:2: unknown "rules"`},
		"rule-twice":   {strings.Replace(good, "file", "rule s\nfile", 1), "a.diff:3: rule is said twice"},
		"name-twice":   {good + "\n" + good, "a.diff:8: the name one is taken by a.diff:1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readLists(fstest.MapFS{"a.diff": {Data: []byte(test.list)}})
			if err == nil || !strings.Contains(err.Error(), test.words) {
				t.Errorf("got error %v, want %q", err, test.words)
			}
		})
	}
}

func TestLinesThatMustOccurOnce(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "a.go"), []byte("x\nx\n\ty\nz"), 0o600); err != nil {
		t.Fatal(err)
	}
	for from, times := range map[string]string{"x\n": "2 times", "w\n": "0 times", "y\n": "0 times", "z\n": "0 times", "\ty\n": ""} {
		got, err := mutant{file: "a.go", from: from, to: "new\n"}.mutated(root)
		if times == "" && (err != nil || got != "x\nx\nnew\nz") {
			t.Errorf("%q: got %q, error %v", from, got, err)
		}
		if times != "" && (err == nil || !strings.Contains(err.Error(), times)) {
			t.Errorf("%q: got error %v, want %s", from, err, times)
		}
	}
}

// tested reports whether the test's function stands in the test's package.
func (m mutant) tested(root string) error {
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(m.folder), "*_test.go"))
	if err != nil {
		return err
	}
	declared := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(m.function()) + `\(`)
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if declared.Match(source) {
			return nil
		}
	}
	return fmt.Errorf("there is no %s in %s", m.function(), m.folder)
}
