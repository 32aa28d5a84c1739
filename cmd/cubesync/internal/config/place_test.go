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
		want string // how the line begins
	}{
		{"connectycube", "connectycube:"},
		{"connectycube admin_key", "  admin_key:"},
		{"connectycube service_user id", "  service_user:"},
		{"connectycube no_such_key", "connectycube:"},
		{"pipelines staff", "  - name: staff"},
		{"pipelines staff leavers", "    leavers: delete"},
		{"pipelines staff mapping tags 1 split", "        - {column: tags"},
		{"pipelines guests", "  - name: guests"},
		{"pipelines guests leavers", "    leavers: release"},
		{"pipelines guests deletes", "  - name: guests"},
		{"pipelines nobody updates", "pipelines:"},
		{"no_such_key", "# Every key"},
		{"", "# Every key"},
	} {
		t.Run(strings.ReplaceAll(each.keys, " ", "."), func(t *testing.T) {
			number, found := strings.CutPrefix(got.Where(strings.Fields(each.keys)...), file+":")
			line, err := strconv.Atoi(number)
			if !found || err != nil || line < 1 || line > len(lines) {
				t.Fatalf("got %s", number)
			}
			if !strings.HasPrefix(lines[line-1], each.want) {
				t.Errorf("got line %d %q, want %q", line, lines[line-1], each.want)
			}
		})
	}
}
