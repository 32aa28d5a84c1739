package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/cmd/cubesync/internal/config"
)

// severalOf loads the minimal fixture with several sources.
func severalOf(t *testing.T, sources ...string) config.Pipeline {
	t.Helper()
	path := write(t, "source: {csv: {path: users.csv}}", "sources: ["+strings.Join(sources, ", ")+"]")
	text, err := os.ReadFile(path)
	if err == nil {
		const mapping = "external_id: {column: id}\n      email: {column: email}"
		text = []byte(strings.Replace(string(text), mapping, "external_id: {column: key}\n      email: {first: [hr.email, ad.mail]}", 1))
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return load(t, path).Pipelines[0]
}

func TestSources(t *testing.T) {
	p := severalOf(t, `{name: hr, key: id, csv: {path: /hr.csv, completeness: plausible}}`,
		`{name: ad, key: employeeID, ldap: {urls: [ldaps://ldap.example.com], bind: anonymous, base: "dc=example", filter: (uid=*), values: {employeeid: first}}}`)
	parts := p.Source.Parts
	if len(parts) != 2 || parts[0].Name != "hr" || parts[0].Key != "id" || parts[0].CSV.Path != "/hr.csv" || parts[1].Name != "ad" || parts[1].Key != "employeeID" || parts[1].LDAP.Base != "dc=example" {
		t.Errorf("%+v", parts)
	}
	if p.Source.CSV != nil || p.Source.LDAP != nil || p.Source.SQL != nil {
		t.Errorf("%+v", p.Source)
	}
	if diff := cmp.Diff([][]string{p.UsedColumns(), parts[0].Own(p.UsedColumns()), parts[1].Own(p.UsedColumns())}, [][]string{{"key", "hr.email", "ad.mail"}, {"email"}, {"mail"}}); diff != "" {
		t.Errorf("the columns (-got +want)\n%s", diff)
	}
}

// Whatever of any source decides what is read, or believed, is in the settings as that of a single one; their order isn't.
func TestSettingsOfSources(t *testing.T) {
	const hr, ad = `{name: hr, key: id, csv: {path: /hr.csv, complete: {records: 7}}}`, `{name: ad, key: id, csv: {path: /ad.csv, complete: {records: 7}}}`
	before := severalOf(t, hr, ad)
	for name, test := range map[string]struct {
		after                config.Pipeline
		source, completeness bool
	}{
		"as-it-was":        {severalOf(t, hr, ad), false, false},
		"order":            {severalOf(t, ad, hr), false, false},
		"another-file":     {severalOf(t, hr, strings.Replace(ad, "/ad.csv", "/ad2.csv", 1)), true, false},
		"another-key":      {severalOf(t, strings.Replace(hr, "key: id", "key: number", 1), ad), true, false},
		"another-source":   {severalOf(t, hr, ad, `{name: crm, key: id, csv: {path: /ad.csv, complete: {records: 7}}}`), true, true},
		"names-exchanged":  {severalOf(t, strings.Replace(hr, "name: hr", "name: ad", 1), strings.Replace(ad, "name: ad", "name: hr", 1)), true, false},
		"what-is-believed": {severalOf(t, hr, strings.Replace(ad, "complete: {records: 7}", "completeness: plausible", 1)), false, true},
		"what-proves-it":   {severalOf(t, strings.Replace(hr, "{records: 7}", "{records: 5}", 1), ad), false, true},
	} {
		for setting, changes := range map[string]bool{"source": test.source, "completeness": test.completeness} {
			if (test.after.Settings[setting] != before.Settings[setting]) != changes {
				t.Errorf("%s: %s changes: %t, want %t", name, setting, !changes, changes)
			}
		}
		if either := test.source || test.completeness; (test.after.Digest != before.Digest) != either {
			t.Errorf("%s: the digest changes: %t, want %t", name, !either, either)
		}
	}
}

// The configurations that docs/sources.md shows for several sources are good ones, and the tests of their mappings pass.
func TestDocumentedSources(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", "sources.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Several sources\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := strings.Split(section, "```yaml\n")[1:]
	if len(blocks) != 1 {
		t.Fatalf("there are %d configurations", len(blocks))
	}
	block, _, _ := strings.Cut(blocks[0], "```")
	const minimal = "source: {csv: {path: users.csv}}\n    mapping:\n      external_id: {column: id}\n      email: {column: email}"
	p := load(t, write(t, minimal, strings.ReplaceAll(strings.TrimSpace(strings.ReplaceAll(block, "file:/etc/cubesync/ldap-password", "${AUTH_KEY}")), "\n", "\n    "))).Pipelines[0]
	if err := p.Test(); err != nil || len(p.Source.Parts) != 2 || p.Tests.Len() < 2 {
		t.Errorf("%d sources, %d tests: %v", len(p.Source.Parts), p.Tests.Len(), err)
	}
}
