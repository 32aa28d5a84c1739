package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cubesync/cmd/cubesync/internal/config"
)

// Whatever a file holds, Load answers with a configuration or with complaints that have a place and a remedy.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no fixtures: %v", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	path := filepath.Join(f.TempDir(), "config.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "file:") {
			t.Skip("would read files of this machine")
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := config.Load(path, env, schedule)
		if err == nil {
			if len(got.Pipelines) == 0 {
				t.Error("accepted without a pipeline")
			}
			return
		}
		var wrong *config.Error
		if !errors.As(err, &wrong) {
			t.Fatalf("got %v (%T), want a *config.Error", err, err)
		}
		for _, c := range wrong.Complaints {
			if c.Line < 1 || c.Column < 1 || c.Problem == "" || c.Remedy == "" {
				t.Errorf("half a complaint: %#v", c)
			}
		}
	})
}
