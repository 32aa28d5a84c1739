package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// readLists reads all lists of a folder, one for each area, as parse does.
func readLists(folder fs.FS) ([]mutant, error) {
	names, err := fs.Glob(folder, "*.diff")
	if err != nil {
		return nil, err
	}
	var all []mutant
	for _, name := range names {
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		mutants, err := parse(name, string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, mutants...)
	}
	named := map[string]string{}
	for _, m := range all {
		if first := named[m.name]; first != "" {
			return nil, fmt.Errorf("%s: the name %s is taken by %s", m.place, m.name, first)
		}
		named[m.name] = m.place
	}
	return all, nil
}

// parse reads a list. Mutants are parted by empty lines; a line that begins with # is a comment. Each is four lines, and
// then the change as a diff shows it, of whole lines that stand in the file exactly once:
//
//	mutant session-never-ends
//	rule   a session ends two hours after its last request
//	file   sink/emulator/token.go
//	test   TestTokenLivesTwoHoursAfterLastRequest
//	-	if s == nil || !now.Before(s.expires) {
//	+	if s == nil {
//
// A line after a space stays, and makes the others unique. The test is one of the file's package, unless its folder
// stands before it; a subtest is named as go test names it: TestRights/delete-others.
func parse(name, text string) ([]mutant, error) {
	area := strings.TrimSuffix(path.Base(name), path.Ext(name))
	var mutants []mutant
	var m mutant
	for i, line := range strings.Split(text+"\n", "\n") {
		place := fmt.Sprintf("%s:%d", name, i+1)
		var err error
		switch {
		case strings.HasPrefix(line, "#"):
		case line == "":
			if m.place == "" {
				continue
			}
			err = m.complete()
			mutants = append(mutants, m)
			m = mutant{}
		default:
			if m.place == "" {
				m.area, m.place = area, place
			}
			err = m.take(line)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", place, err)
		}
	}
	return mutants, nil
}

// take takes one line of a mutant in.
func (m *mutant) take(line string) error {
	rest := line[1:] + "\n"
	switch line[0] {
	case '-':
		m.from += rest
	case '+':
		m.to += rest
	case ' ':
		m.from += rest
		m.to += rest
	default:
		key, value, _ := strings.Cut(line, " ")
		return m.set(key, strings.TrimSpace(value))
	}
	return nil
}

// choose returns the mutants of the areas and with the names, or all of them where none is given.
func choose(mutants []mutant, chosen []string) ([]mutant, error) {
	if len(chosen) > 0 {
		for _, name := range chosen {
			if !slices.ContainsFunc(mutants, func(m mutant) bool { return m.area == name || m.name == name }) {
				return nil, fmt.Errorf("there is no area and no mutant called %s", name)
			}
		}
		mutants = slices.DeleteFunc(mutants, func(m mutant) bool {
			return !slices.Contains(chosen, m.area) && !slices.Contains(chosen, m.name)
		})
	}
	if len(mutants) == 0 {
		return nil, errors.New("there are no mutants")
	}
	return mutants, nil
}
