package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// atOnce is how many mutants are tried at the same time: each compiles a package and links its tests.
const atOnce = 2

// hunt tries mutants out.
type hunt struct {
	root    string // of the module
	out     io.Writer
	timeout time.Duration // of the tests of one mutant
}

// result is what became of a mutant: killed, or the reason why it counts as none.
type result struct {
	escaped string // "" is killed
	took    time.Duration
}

// run tries the mutants, tells of each, and fails unless all were killed by tests that are green without them.
func (h hunt) run(ctx context.Context, mutants []mutant) error {
	began := time.Now()
	folder, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() // a temporary folder
	sound, err := h.unmutated(ctx, folder, mutants)
	if err != nil {
		return err
	}
	results := make([]chan result, len(mutants))
	for i := range results {
		results[i] = make(chan result, 1)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce + 1)
	group.Go(func() error { return h.report(ctx, mutants, results, began) })
	for i, m := range mutants {
		group.Go(func() error {
			start := time.Now()
			escaped, err := h.try(ctx, folder, m, sound[m.folder])
			results[i] <- result{escaped, time.Since(start)}
			return err
		})
	}
	return group.Wait()
}

// unmutated runs all named tests on the tree as it is, package by package.
func (h hunt) unmutated(ctx context.Context, folder string, mutants []mutant) (map[string]outcome, error) {
	functions := map[string][]string{}
	for _, m := range mutants {
		if !slices.Contains(functions[m.folder], m.function()) {
			functions[m.folder] = append(functions[m.folder], m.function())
		}
	}
	overlay, err := overlayOf(folder, "nothing", nil)
	if err != nil {
		return nil, err
	}
	sound := map[string]outcome{}
	for tested, names := range functions {
		seen, err := goTest(ctx, h.root, tested, anyOf(names), overlay, 10*h.timeout)
		if err != nil {
			return nil, err
		}
		sound[tested] = seen
	}
	return sound, nil
}

// try tries one mutant out, and says why it isn't killed.
func (h hunt) try(ctx context.Context, folder string, m mutant, sound outcome) (escaped string, err error) {
	text, err := m.mutated(h.root)
	if err != nil {
		return err.Error(), nil
	}
	if why := unsound(m, sound); why != "" {
		return why, nil
	}
	changed := filepath.Join(folder, m.name+path.Ext(m.file))
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		return "", err
	}
	original := filepath.Join(h.root, filepath.FromSlash(m.file))
	overlay, err := overlayOf(folder, m.name, map[string]string{original: changed})
	if err != nil {
		return "", err
	}
	seen, err := goTest(ctx, h.root, m.folder, exactly(m.test), overlay, h.timeout)
	if err != nil {
		return "", err
	}
	return survived(m, seen), nil
}

// unsound says why the test proves nothing: it isn't green on the tree as it is.
func unsound(m mutant, seen outcome) string {
	switch said := seen.said[m.test]; {
	case seen.unbuilt || len(seen.said) == 0 && seen.words != "":
		return "the package doesn't compile without it either: " + firstLines(seen.words)
	case said == "":
		return "there is no test " + m.test
	case said != "pass":
		return "the test isn't green without it: " + m.test
	}
	return ""
}

// survived says why a mutant that was tried isn't killed. Only the named test kills it, by failing or by hanging; what
// doesn't compile, or ends the process before the test has an end, proves nothing of the test.
func survived(m mutant, seen outcome) string {
	switch said := seen.said[m.test]; {
	case seen.unbuilt:
		return "it doesn't compile: " + firstLines(seen.words)
	case said == "fail" || seen.hung[m.test]:
		return ""
	case said == "pass":
		return "SURVIVED " + m.test
	default:
		return fmt.Sprintf("%s came to no result: %s", m.test, firstLines(seen.words))
	}
}

// overlayOf writes an overlay for the go command: files of the tree, and what to read instead.
func overlayOf(folder, name string, replace map[string]string) (string, error) {
	raw, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(folder, name+".json")
	return overlay, os.WriteFile(overlay, raw, 0o600)
}

// report tells of each mutant, in the order of the lists, and sums up.
func (h hunt) report(ctx context.Context, mutants []mutant, results []chan result, began time.Time) error {
	var escaped []string
	for i, m := range mutants {
		var r result
		select {
		case r = <-results[i]:
		case <-ctx.Done():
			return ctx.Err()
		}
		fate := "killed by " + m.test
		if r.escaped != "" {
			fate = r.escaped
			escaped = append(escaped, fmt.Sprintf("%s: %s: %s", m.place, m.name, r.escaped))
		}
		fmt.Fprintf(h.out, "%s  %s: %s: %s (%.1f s)\n", m.area, m.name, m.rule, fate, r.took.Seconds())
	}
	fmt.Fprintf(h.out, "%d mutants, %d killed, in %v\n", len(mutants), len(mutants)-len(escaped), time.Since(began).Round(time.Second))
	if len(escaped) > 0 {
		return errors.New(strings.Join(append([]string{"not killed:"}, escaped...), "\n  "))
	}
	return nil
}

// firstLines is enough of what the compiler said.
func firstLines(words string) string {
	lines := strings.Split(strings.TrimSpace(words), "\n")
	return strings.Join(lines[:min(len(lines), 4)], " | ")
}
