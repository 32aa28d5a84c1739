package plan

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected plans in testdata")

// TestGolden makes the plan of every archive in testdata. An archive says its rule in the comment on top and holds
// desired, observed, known, found, late, rejects, policy and guard, each of which may be missing, and what is expected:
// plan.txt, plan.json and, with a guard, trips.txt.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { golden(t, file) })
	}
}

func golden(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(bytes.TrimSpace(archive.Comment)) == 0 {
		t.Error("the archive doesn't say its rule")
	}
	s := readScenario(t, archive)
	p := s.plan(t)

	var text bytes.Buffer
	if err := p.WriteText(&text, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{"plan.txt": text.String(), "plan.json": string(data) + "\n"}
	if s.guarded {
		var trips strings.Builder
		for _, trip := range Guard(p, s.limits, s.situation) {
			fmt.Fprintln(&trips, trip)
		}
		got["trips.txt"] = trips.String()
	}
	if *update {
		rewrite(t, file, archive, got)
		return
	}
	want := map[string]string{}
	for _, part := range archive.Files {
		if isExpected(part.Name) {
			want[part.Name] = string(part.Data)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the plan differs (-want +got); if it is right, go test ./sync/plan -update\n%s", diff)
	}
}

func isExpected(part string) bool {
	return part == "plan.txt" || part == "plan.json" || part == "trips.txt"
}

func rewrite(t *testing.T, file string, archive *txtar.Archive, got map[string]string) {
	parts := archive.Files[:0]
	for _, part := range archive.Files {
		if !isExpected(part.Name) {
			parts = append(parts, part)
		}
	}
	for _, name := range []string{"plan.txt", "plan.json", "trips.txt"} {
		if data, ok := got[name]; ok {
			parts = append(parts, txtar.File{Name: name, Data: []byte(data)})
		}
	}
	archive.Files = parts
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
