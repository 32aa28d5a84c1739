package user_test

import (
	"testing"

	"cubesync/sync/user"
)

func TestLooseKey(t *testing.T) {
	for _, test := range []struct {
		name, a, b string
		same       bool
	}{
		{"equal", "E1", "E1", true},
		{"other", "E1", "E2", false},
		{"case", "jdoe", "JDoe", true},
		{"composition", "Zo\u00eb", "ZOE\u0308", true},
		{"accent", "Zo\u00eb", "Zoe", false},
		{"width", "E1", "\uff25\uff11", true},
		{"outer-space", "E1", " E1\u00a0", true},
		{"inner-space", "E 1", "E\u00a0\t1", true},
		{"no-space", "E 1", "E1", false},
		{"invisible", "E1", "E\u200b1\ufeff", true},
		{"uuid", "0189c0de-6a3f-7b1e-9c55-3f2a4d5e6f70", "{0189C0DE-6A3F-7B1E-9C55-3F2A4D5E6F70}", true},
		{"uuid-without-hyphens", "0189c0de-6a3f-7b1e-9c55-3f2a4d5e6f70", "0189C0DE6A3F7B1E9C553F2A4D5E6F70", true},
		{"another-uuid", "0189c0de-6a3f-7b1e-9c55-3f2a4d5e6f70", "0189c0de-6a3f-7b1e-9c55-3f2a4d5e6f71", false},
		{"hyphens", "1-23", "12-3", false},
		{"zeros", "7", "0007", true},
		{"zeros-of-no-number", "E7", "0E7", false},
		{"decimals", "70", "70.000", true},
		{"no-decimals", "7", "70", false},
		{"fraction", "7", "7.5", false},
		{"nothing-but-zeros", "0", "00.0", true},
		{"letters", "a.0", "a", false},
		{"two-points", "1.0", "1.0.0", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if a, b := user.LooseKey(test.a), user.LooseKey(test.b); (a == b) != test.same {
				t.Errorf("%q of %q and %q of %q: the same %t, want %t", a, test.a, b, test.b, a == b, test.same)
			}
		})
	}
}
