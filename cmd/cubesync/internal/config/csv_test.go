package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/cmd/cubesync/internal/config"
)

func csvOf(t *testing.T, keys string) config.Pipeline {
	t.Helper()
	return load(t, write(t, "path: users.csv", keys)).Pipelines[0]
}

// What decides what is read is part of the setting source, what decides whether it is believed part of completeness, and
// what decides when it may be read of neither.
func TestSettingsOfCSV(t *testing.T) {
	before := csvOf(t, `path: /users.csv, delimiter: ";"`)
	for keys, want := range map[string]struct{ source, completeness bool }{
		`encoding: utf-16`:                 {true, false},
		`skip_rows: 1`:                     {true, false},
		`comment: "#"`:                     {true, false},
		`columns: [id, email]`:             {true, false},
		`quotes: lenient`:                  {true, false},
		`damaged_keys: accept`:             {true, false},
		`files: 2`:                         {true, false},
		`complete: {records: 5}`:           {false, true},
		`complete: {checksum: sums}`:       {false, true},
		`complete: {trailer: T, count: 2}`: {false, true},
		`complete: {done: users.done}`:     {false, true},
		`completeness: plausible`:          {false, true},
		`settle: 10s`:                      {false, false},
		`max_age: 26h`:                     {false, false},
		`max_bytes: 5000`:                  {false, false},
		`quotes: strict`:                   {false, false}, // as it is without
	} {
		t.Run(keys, func(t *testing.T) {
			after := csvOf(t, `path: /users.csv, delimiter: ";", `+keys)
			for name, changes := range map[string]bool{"source": want.source, "completeness": want.completeness} {
				if (after.Settings[name] != before.Settings[name]) != changes {
					t.Errorf("%s changes: %t, want %t", name, !changes, changes)
				}
			}
			if either := want.source || want.completeness; (after.Digest != before.Digest) != either {
				t.Errorf("the digest changes: %t, want %t", !either, either)
			}
		})
	}
	if usual, said := csvOf(t, "path: /u, complete: {trailer: T}"), csvOf(t, "path: /u, complete: {trailer: T, count: 2}"); usual.Digest != said.Digest {
		t.Error("a default that is written out changes the digest")
	}
}

func TestStandardInput(t *testing.T) {
	if got := csvOf(t, `path: "-"`).Source.CSV.Path; got != "-" {
		t.Errorf("the path is %q", got)
	}
	if got, want := csvOf(t, `path: "./-"`).Source.CSV.Path, "-"; filepath.Base(got) != want || !filepath.IsAbs(got) {
		t.Errorf("the path is %q", got)
	}
}

func TestProofOfCSV(t *testing.T) {
	path := write(t, "path: users.csv", "path: users.csv, complete: {checksum: sums/users.sha256}")
	want := config.Complete{Checksum: filepath.Join(filepath.Dir(path), "sums", "users.sha256")}
	if diff := cmp.Diff(load(t, path).Pipelines[0].Source.CSV.Complete, want); diff != "" {
		t.Errorf("(-got +want)\n%s", diff)
	}
}

// Every configuration that docs/sources.md shows for CSV loads, and it names every key there is.
func TestCSVPage(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## CSV\n")
	if !found {
		t.Fatal("there is no section CSV")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := strings.Split(section, "```yaml\n")[1:]
	if len(blocks) < 8 {
		t.Fatalf("there are %d configurations", len(blocks))
	}
	for _, block := range blocks {
		text, _, _ := strings.Cut(block, "```")
		p := load(t, write(t, "source: {csv: {path: users.csv}}", strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    "))).Pipelines[0]
		if p.Source.CSV == nil || p.Source.CSV.Path == "" {
			t.Errorf("it is read as %+v:\n%s", p.Source, text)
		}
	}
	csv := reflect.TypeFor[config.CSV]()
	_, err = config.Load(write(t, "path: users.csv", "path: users.csv, keys: none"), env, schedule)
	_, keys, _ := strings.Cut(err.Error(), "the keys here are ")
	names := strings.Split(keys, ", ")
	if len(names) != csv.NumField() {
		t.Errorf("%d keys are known, %v, for %d fields", len(names), names, csv.NumField())
	}
	for _, name := range names {
		if !strings.Contains(section, "\n| `"+strings.TrimSpace(name)+"` |") {
			t.Errorf("%s isn't described", name)
		}
	}
}
