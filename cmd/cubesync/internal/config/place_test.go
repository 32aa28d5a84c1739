package config_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestWhere(t *testing.T) {
	const file = "testdata/full.good.yaml"
	got := load(t, file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, each := range []struct {
		keys string // separated by spaces
		want string // how the line begins; after "under ", where the key isn't there
	}{
		{"connectycube", "connectycube:"},
		{"connectycube admin_key", "  admin_key:"},
		{"connectycube service_user id", "  service_user:"},
		{"connectycube no_such_key", "under connectycube:"},
		{"pipelines staff", "  - name: staff"},
		{"pipelines staff leavers", "    leavers: delete"},
		{"pipelines staff mapping tags 2 split", "        - {column: tags"},
		{"pipelines guests", "  - name: guests"},
		{"pipelines guests leavers", "    leavers: release"},
		{"pipelines guests deletes", "under   - name: guests"},
		{"pipelines nobody updates", "under pipelines:"},
		{"no_such_key", "# Every key"},
		{"", "# Every key"},
	} {
		t.Run(strings.ReplaceAll(each.keys, " ", "."), func(t *testing.T) {
			place, missing := strings.CutPrefix(got.Where(strings.Fields(each.keys)...), "under ")
			want, wantMissing := strings.CutPrefix(each.want, "under ")
			number, found := strings.CutPrefix(place, file+":")
			line, err := strconv.Atoi(number)
			if !found || missing != wantMissing || err != nil || line < 1 || line > len(lines) {
				t.Fatalf("got %s, missing %t", place, missing)
			}
			if !strings.HasPrefix(lines[line-1], want) {
				t.Errorf("got line %d %q, want %q", line, lines[line-1], want)
			}
		})
	}
}
