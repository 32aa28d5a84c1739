package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// outcome is what go test told of the tests of one package.
type outcome struct {
	said    map[string]string // the last word on each test: run, pass, fail, skip
	hung    map[string]bool   // the tests that the timeout broke off
	unbuilt bool              // it doesn't compile
	words   string            // of the compiler, or of whatever kept the tests from running
}

// event is a line of go test -json.
type event struct {
	Action, Test, Output, FailedBuild string
}

// goTest runs tests of a package; what the overlay names is in the place of the tree's files. The package isn't optimised:
// most of the time goes into compiling it.
func goTest(ctx context.Context, root, folder, pattern, overlay string, timeout time.Duration) (outcome, error) {
	command := exec.CommandContext(ctx, "go", "test", "-json", "-vet=off", "-gcflags=-N -l", "-count=1",
		"-timeout", timeout.String(), "-run", pattern, "./"+folder)
	command.Dir = root
	// Not as an argument: what the tests build is broken, too.
	command.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+overlay)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) } // it stops what it has started
	command.WaitDelay = 10 * time.Second
	var out, complaints bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaints
	err := command.Run()
	if ctx.Err() != nil {
		return outcome{}, ctx.Err()
	}
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		return outcome{}, err
	}
	seen := read(out.Bytes())
	if len(seen.said) == 0 {
		seen.words += complaints.String()
	}
	return seen, nil
}

// read reads the events of one package's tests.
func read(events []byte) outcome {
	seen := outcome{said: map[string]string{}, hung: map[string]bool{}}
	listing := false // of the tests that were running when the time was over
	for line := range bytes.Lines(events) {
		var e event
		if json.Unmarshal(line, &e) != nil {
			seen.words += string(line) // the go command's own
			continue
		}
		switch e.Action {
		case "build-output":
			seen.words += e.Output
		case "build-fail":
			seen.unbuilt = true
		case "output":
			if e.Test == "" {
				continue
			}
			name, isTest := strings.CutPrefix(e.Output, "\t\t")
			if listing && isTest {
				name, _, _ = strings.Cut(name, " ")
				seen.hung[name] = true
			}
			listing = e.Output == "\trunning tests:\n" || listing && isTest
		case "run", "pass", "fail", "skip":
			if e.Test != "" {
				seen.said[e.Test] = e.Action
			}
			seen.unbuilt = seen.unbuilt || e.FailedBuild != ""
		}
	}
	return seen
}

// exactly is the pattern of -run for one test, or one subtest.
func exactly(test string) string {
	parts := strings.Split(test, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

// anyOf is the pattern of -run for some test functions.
func anyOf(functions []string) string {
	return "^(" + strings.Join(functions, "|") + ")$"
}
