package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/plan"
)

func TestReadRenames(t *testing.T) {
	for _, test := range []struct{ name, content, problem string }{
		{"good", "\ufeffnew_external_id,name,old_external_id\r\n N1 ,Ann,P1\r\n\"Zoe\u0308,2\",\"two\nlines\",P2\n", ""},
		{"empty", "", "map.csv is empty: it needs the columns old_external_id and new_external_id"},
		{"columns", "a,b\n", `map.csv has the columns ["a" "b"]: it needs old_external_id and new_external_id`},
		{"no-row", "old_external_id,new_external_id\n", "the map has no row"},
		{"missing", "old_external_id,new_external_id\nP1,\n", "map.csv:2: an external ID is missing: fill it in, or take the row out"},
		{"ragged", "old_external_id,new_external_id\nP1\n", "map.csv: record on line 2: wrong number of fields"},
		{"same", "old_external_id,new_external_id\nP1,P1\n", `map.csv:2: "P1" stays as it is: take the row out`},
		{"old-twice", "old_external_id,new_external_id\nP1,N1\nP1,N2\n", `map.csv:3: "P1" is to be changed twice, first in map.csv:2: keep one of the rows`},
		{"new-twice", "old_external_id,new_external_id\nP1,N1\nP2,N1\n", `map.csv:3: "N1" is given twice, first in map.csv:2: keep one of the rows`},
		{"new-twice-composed", "old_external_id,new_external_id\nP1,Zo\u00eb\nP2,Zoe\u0308\n", `map.csv:3: "Zoë" is given twice, first in map.csv:2: keep one of the rows`},
		{"invisible", "old_external_id,new_external_id\nP1,N\u200b1\n", `map.csv:2: external_id: "N\u200b1" has the invisible character U+200B in it, with which it would be another person's: remove it`},
		{"control", "old_external_id,new_external_id\nP1,\"N\n1\"\n", `map.csv:2: external_id: "N\n1" contains the control character U+000A: remove it`},
		{"encoding", "old_external_id,new_external_id\nP1,Zo\xeb\n", `map.csv:2: external_id: "Zo\xeb" isn't valid UTF-8: correct the source's encoding`},
		{"long", "old_external_id,new_external_id\nP1," + strings.Repeat("n", 256) + "\n", "map.csv:2: external_id: it has 256 characters and may have 255"},
		{"chain", "old_external_id,new_external_id\nP2,N2\nP1,P2\n", `map.csv:3: "P2" is the old external ID of map.csv:2: carry such chains and swaps in two maps, first to external IDs that nobody had`},
		{"swap", "old_external_id,new_external_id\nP1,P2\nP2,P1\n", `map.csv:2: "P2" is the old external ID of map.csv:3: carry such chains and swaps in two maps, first to external IDs that nobody had`},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "map.csv")
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := readRenames(path)
			if test.problem == "" {
				want := []plan.Rename{{Old: "P1", New: "N1", Position: "map.csv:2"}, {Old: "P2", New: "Zo\u00eb,2", Position: "map.csv:3"}}
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("%v (-want +got)\n%s", err, diff)
				}
				return
			}
			if err == nil || err.Error() != test.problem || codeOf(err) != exitUsage {
				t.Errorf("got %v, want %s", err, test.problem)
			}
		})
	}
}
