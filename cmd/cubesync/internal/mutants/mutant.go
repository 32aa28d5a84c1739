package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// mutant is one rule, broken in one place, and the test that must turn red.
type mutant struct {
	area, name string
	rule       string // that it breaks, in words
	file       string // that it changes, slash-separated, from the root of the module
	folder     string // of the test's package
	test       string // TestX, or a subtest of it: TestX/case
	from, to   string // whole lines
	place      string // in its list: client.diff:12
}

// function is the test's function, without the subtest.
func (m mutant) function() string {
	name, _, _ := strings.Cut(m.test, "/")
	return name
}

// complete says what a mutant lacks.
func (m mutant) complete() error {
	switch {
	case m.name == "" || m.rule == "" || m.file == "" || m.test == "":
		return errors.New("a mutant needs a name, a rule, a file and a test")
	case strings.ContainsAny(m.name, " \t"):
		return errors.New("a mutant's name is one word, in kebab-case")
	case m.from == m.to:
		return errors.New("a mutant needs lines to take out (-) or to put in (+)")
	case m.from == "":
		return errors.New("a mutant that only puts lines in needs a line beside which to do so, after a space")
	}
	return nil
}

// mutated returns the file's text with the rule broken.
func (m mutant) mutated(root string) (string, error) {
	source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.file)))
	if err != nil {
		return "", err
	}
	text := string(source)
	at, times := 0, 0
	for line := 0; line < len(text); line += strings.IndexByte(text[line:]+"\n", '\n') + 1 {
		if strings.HasPrefix(text[line:], m.from) {
			at = line
			times++
		}
	}
	if times != 1 {
		return "", fmt.Errorf("its lines occur %d times in %s, not once", times, m.file)
	}
	return text[:at] + m.to + text[at+len(m.from):], nil
}

// set sets what a line of a list says.
func (m *mutant) set(key, value string) error {
	into, known := map[string]*string{"mutant": &m.name, "rule": &m.rule, "file": &m.file, "test": &m.test}[key]
	if !known {
		return fmt.Errorf("unknown %q; a line begins with mutant, rule, file, test, -, +, a space or #", key)
	}
	if value == "" || *into != "" {
		return fmt.Errorf("%s is said twice, or says nothing", key)
	}
	*into = value
	switch folder, test, elsewhere := strings.Cut(value, " "); {
	case key == "test" && elsewhere:
		m.folder, m.test = folder, test
	case key == "file" && m.folder == "":
		m.folder = path.Dir(value)
	}
	return nil
}
