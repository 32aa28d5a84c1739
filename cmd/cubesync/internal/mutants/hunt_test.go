package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tiny is a module with one rule for each thing that can become of a mutant.
const tiny = `
-- go.mod --
module tiny

go 1.26
-- rule/rule.go --
package rule

func Least(n int) int {
	if n < 3 {
		return 3
	}
	return n
}

func Most(n int) int {
	if n > 9 {
		return 9
	}
	return n
}

func Wait() bool { return true }
-- rule/rule_test.go --
package rule

import (
	"os"
	"testing"
)

func TestLeast(t *testing.T) {
	for name, n := range map[string]int{"below": 1, "above": 7} {
		t.Run(name, func(t *testing.T) {
			if got := Least(n); got != max(3, n) {
				t.Errorf("got %d", got)
			}
		})
	}
}

func TestNothing(t *testing.T) { Least(1) }

func TestRed(t *testing.T) { t.Error("always") }

func TestSkipped(t *testing.T) { t.Skip("always") }

func TestWait(t *testing.T) {
	t.Run("first", func(t *testing.T) {
		for !Wait() {
		}
	})
	t.Run("second", func(t *testing.T) {})
}

func TestExit(t *testing.T) {
	if !Wait() {
		os.Exit(1)
	}
}
-- other/other_test.go --
package other

import (
	"testing"

	"tiny/rule"
)

func TestFromOutside(t *testing.T) {
	if rule.Least(1) != 3 {
		t.Error("too little")
	}
}
`

const least = `
file rule/rule.go
 	if n < 3 {
-		return 3
+		return 2
`

const wait = `
file rule/rule.go
-func Wait() bool { return true }
+func Wait() bool { return false }
`

// unpack writes files, each after a line with its name, into a new folder.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	root := t.TempDir()
	for part := range strings.SplitSeq(archive, "\n-- ") {
		name, content, named := strings.Cut(part, " --\n")
		if !named {
			continue
		}
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// tried runs the command over the tiny module and the mutants, given by name, and returns what it printed.
func tried(t *testing.T, mutants map[string]string, chosen ...string) (string, error) {
	t.Helper()
	list := ""
	for name, lines := range mutants {
		list += "mutant " + name + "\nrule of " + name + "\n" + strings.ReplaceAll(lines, "\n\n", "\n") + "\n"
	}
	root := unpack(t, tiny+"-- "+listFolder+"/tiny.diff --\n"+list)
	t.Chdir(filepath.Join(root, "rule"))
	var out bytes.Buffer
	err := run(t.Context(), chosen, &out, 3*time.Second)
	return out.String(), err
}

func TestKilled(t *testing.T) {
	out, err := tried(t, map[string]string{
		"by-a-test":      "test TestLeast" + least,
		"by-a-subtest":   "test TestLeast/below" + least,
		"from-outside":   "test other TestFromOutside" + least,
		"by-the-timeout": "test TestWait/first" + wait,
	})
	if err != nil {
		t.Error(err)
	}
	for _, line := range []string{
		"tiny  by-a-test: of by-a-test: killed by TestLeast (", "tiny  by-the-timeout: of by-the-timeout: killed by TestWait/first (",
		"\n4 mutants, 4 killed, in ",
	} {
		if !strings.Contains(out, line) {
			t.Errorf("printed %s; want %q", out, line)
		}
	}
}

func TestNotKilled(t *testing.T) {
	mutants := map[string]struct{ lines, why string }{
		"survives":            {"test TestNothing" + least, "SURVIVED TestNothing"},
		"killed-by-another":   {"test TestLeast/above" + least, "SURVIVED TestLeast/above"},
		"does-not-compile":    {"test TestLeast\nfile rule/rule.go\n \tif n < 3 {\n-\t\treturn 3\n+\t\treturn three\n", "it doesn't compile: "},
		"no-such-test":        {"test TestMost" + least, "there is no test TestMost"},
		"no-such-subtest":     {"test TestLeast/beside" + least, "there is no test TestLeast/beside"},
		"ambiguous":           {"test TestLeast\nfile rule/rule.go\n-\treturn n\n", "its lines occur 2 times in rule/rule.go"},
		"not-there":           {"test TestLeast\nfile rule/rule.go\n-\treturn m\n", "its lines occur 0 times in rule/rule.go"},
		"no-such-file":        {"test TestLeast\nfile rule/gone.go\n-\treturn n\n", "open "},
		"red-without-it":      {"test TestRed" + least, "the test isn't green without it: TestRed"},
		"skipped":             {"test TestSkipped" + least, "the test isn't green without it: TestSkipped"},
		"hangs-in-another":    {"test TestWait/second" + wait, "SURVIVED TestWait/second"},
		"breaks-the-test-off": {"test TestExit" + wait, "TestExit came to no result"},
	}
	lists := map[string]string{"killed": "test TestLeast" + least}
	for name, m := range mutants {
		lists[name] = m.lines
	}
	out, err := tried(t, lists)
	if err == nil {
		t.Fatal("the command didn't fail")
	}
	for name, m := range mutants {
		if !strings.Contains(err.Error(), ": "+name+": "+m.why) {
			t.Errorf("%s: want %q in %v", name, m.why, err)
		}
	}
	if strings.Contains(err.Error(), ": killed:") || !strings.Contains(out, "\n13 mutants, 1 killed, in ") {
		t.Errorf("error %v; printed %s", err, out)
	}
}

func TestUnmutatedPackageThatDoesNotCompile(t *testing.T) {
	_, err := tried(t, map[string]string{
		"one": "test broken TestLeast" + least + "\n-- broken/broken_test.go --\npackage broken\n\nvar x int = false",
	})
	if err == nil || !strings.Contains(err.Error(), "the package doesn't compile without it either: ") || !strings.Contains(err.Error(), "broken_test.go:2") {
		t.Errorf("got error %v", err)
	}
}

func TestChoice(t *testing.T) {
	mutants := []mutant{{area: "a", name: "one"}, {area: "a", name: "two"}, {area: "b", name: "three"}}
	for chosen, want := range map[string]string{"": "one two three", "a": "one two", "two": "two", "b one": "one three", "c": "error", "b c": "error"} {
		got, err := choose(append([]mutant(nil), mutants...), strings.Fields(chosen))
		names := "error"
		if err == nil {
			names = ""
			for _, m := range got {
				names += " " + m.name
			}
		}
		if strings.TrimSpace(names) != want {
			t.Errorf("%q chooses %s, error %v, want %s", chosen, names, err, want)
		}
	}
	if _, err := choose(nil, nil); err == nil {
		t.Error("no mutants at all must fail: a command that finds none proves nothing")
	}
}
