package config_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"cubesync/sync/mapping"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// TestMappingPage loads what docs/mapping.md shows, runs the tests in it, and computes each of its examples.
func TestMappingPage(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(mapping:\n.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 1 {
		t.Fatalf("the page has %d configurations, want 1", len(blocks))
	}
	text := "    " + strings.ReplaceAll(strings.TrimSpace(blocks[0][1]), "\n", "\n    ")
	p := load(t, write(t, "    mapping:\n      external_id: {column: id}\n      email: {column: email}", text)).Pipelines[0]
	if err := p.Test(); err != nil || p.Tests.Len() != 5 {
		t.Errorf("%d tests: %v", p.Tests.Len(), err)
	}

	examples := regexp.MustCompile("(?m)^\\| `([a-zA-Z0-9]+\\(.*\\).*)` \\| `(.*)` \\|.*\\|$").FindAllStringSubmatch(string(page), -1)
	said := ""
	for _, each := range examples {
		said += each[1]
		mapper, err := mapping.New(mapping.Spec{
			ExternalID: mapping.Rule{Column: "id"}, Tables: p.Mapping.Tables,
			Fields: map[user.Field]mapping.Rule{user.FullName: {Expr: each[1]}},
		})
		if err != nil {
			t.Errorf("%s: %v", each[1], err)
			continue
		}
		columns, err := record.NewColumns([]string{"id"})
		if err != nil {
			t.Fatal(err)
		}
		u, err := mapper.User(record.OfTexts("a row", columns, []string{"E1"}))
		if got := u.Values[user.FullName]; err != nil || got != user.Text(each[2]) {
			t.Errorf("%s gives %q, %v; the page says %q", each[1], got.Text, err, each[2])
		}
	}
	_, err = mapping.New(mapping.Spec{ExternalID: mapping.Rule{Expr: "unknown()"}})
	_, all, found := strings.Cut(err.Error(), "there are ")
	all, _, _ = strings.Cut(all, ", at character")
	if !found {
		t.Fatalf("%v doesn't say which functions there are", err)
	}
	for name := range strings.SplitSeq(all, ", ") {
		if !strings.Contains(said, name+"(") && !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("the page doesn't show %s", name)
		}
	}
}
