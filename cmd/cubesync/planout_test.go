package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/state"
)

func TestPlanReplacesPlansOnly(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	file := &plan.File{Plan: &plan.Plan{}}
	for name, text := range map[string]string{"config.yaml": "connectycube:\n", "empty": ""} {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(at("config.yaml"), at("link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config.yaml", "empty", "link", "."} {
		t.Run("refused-"+name, func(t *testing.T) {
			before, _ := os.ReadFile(at(name))
			err := writeOut(at(name), file)
			if after, _ := os.ReadFile(at(name)); err == nil || codeOf(err) != exitUsage || !bytes.Equal(before, after) {
				t.Errorf("got %v, exit code %d, and the file %q", err, codeOf(err), after)
			}
		})
	}
	t.Run("new-and-again", func(t *testing.T) {
		for range 2 {
			if err := writeOut(at("plan.jsonl"), file); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := readPlan(at("plan.jsonl"), nil); err != nil {
			t.Error(err)
		}
	})
	t.Run("device", func(t *testing.T) {
		if err := writeOut(os.DevNull, file); err != nil {
			t.Error(err)
		}
		if info, err := os.Lstat(os.DevNull); err != nil || info.Mode()&os.ModeDevice == 0 {
			t.Errorf("it is a device no more: %v, %v", info, err)
		}
	})
	t.Run("pipe", func(t *testing.T) {
		if err := syscall.Mkfifo(at("pipe"), 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := os.OpenFile(at("pipe"), os.O_RDWR, 0) // so that nobody waits
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = in.Close() }()
		if err := writeOut(at("pipe"), file); err != nil {
			t.Fatal(err)
		}
		text := make([]byte, len(planBegins))
		if _, err := io.ReadFull(in, text); err != nil || string(text) != planBegins {
			t.Errorf("read %q, %v", text, err)
		}
	})
}

func TestRedactedRunTellsNothing(t *testing.T) {
	run := state.Run{
		Status: state.Incomplete, Problem: "row 3 of Ann", Config: "the key", Reviewed: "77",
		Verdict: state.Verdict{Reason: "row 3 of Ann", Note: "Ann is left out", Evidence: record.Evidence{SHA256: "ab"}},
		Trips:   []plan.Trip{{Guard: "deletes", Concerns: []string{"E1"}}},
	}
	redactRun(&run)
	if run.Config+run.Reviewed+run.Verdict.Reason+run.Verdict.Note+run.Verdict.Evidence.SHA256 != "" || strings.Contains(run.Problem, "Ann") || len(run.Trips[0].Concerns) > 0 {
		t.Errorf("it still tells: %+v", run)
	}
}
