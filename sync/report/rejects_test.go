package report

import "testing"

// What some spreadsheet takes for a formula is quoted; the same is taken off in source/csvfile.
func TestFormulasAreQuoted(t *testing.T) {
	for cell, want := range map[string]string{
		"=1": "'=1", "＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠a": "'＠a", " =1": "' =1", "\n-1": "'\n-1", "\u00a0@a": "'\u00a0@a", "'＝1": "''＝1",
		"": "", " ": " ", "a=1": "a=1", "１": "１", "é": "é",
	} {
		if got := harmless(cell); got != want {
			t.Errorf("%q is written as %q, want %q", cell, got, want)
		}
	}
}
