package user

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMergeJSON(t *testing.T) {
	for _, test := range []struct {
		name                string
		base, mine, desired string
		want                string
		refused             bool
	}{
		{"adds-a-key", `{"theirs":1}`, ``, `{"ours":2}`, `{"ours":2,"theirs":1}`, false},
		{"overwrites-a-key", `{"ours":1}`, ``, `{"ours":2}`, `{"ours":2}`, false},
		{"takes-out-what-we-no-longer-want", `{"old":1,"theirs":1}`, `{"old":1}`, `{"new":1}`, `{"new":1,"theirs":1}`, false},
		{"takes-out-ours-though-somebody-changed-it", `{"old":9}`, `{"old":1}`, ``, ``, false},
		{"keeps-a-key-of-ours-that-stays", `{"a":1}`, `{"a":1}`, `{"a":1}`, `{"a":1}`, false},
		{"merges-the-top-level-only", `{"a":{"x":1}}`, ``, `{"a":{"y":1}}`, `{"a":{"y":1}}`, false},
		{"null-is-a-value", `{"a":1}`, ``, `{"a":null}`, `{"a":null}`, false},
		{"nothing-becomes-empty", ``, ``, ``, ``, false},
		{"numbers-stay-as-spelled", `{"n":12345678901234567890}`, ``, `{"m":1.0}`, `{"m":1.0,"n":12345678901234567890}`, false},
		{"text-isn't-merged", `hello`, ``, `{"a":1}`, ``, true},
		{"array-isn't-merged", `[1]`, ``, `{"a":1}`, ``, true},
		{"null-isn't-an-object", `null`, ``, `{"a":1}`, ``, true},
		{"ours-must-be-an-object", `{}`, `[]`, `{}`, ``, true},
		{"desired-must-be-an-object", `{}`, ``, `1`, ``, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := MergeJSON(test.base, test.mine, test.desired)
			if got != test.want || ok == test.refused {
				t.Errorf("MergeJSON = %q, %v, want %q, %v", got, ok, test.want, !test.refused)
			}
		})
	}
}

func TestRebaseJSON(t *testing.T) {
	for _, test := range []struct {
		name                   string
		before, after, current string
		want                   string
		refused                bool
	}{
		{"carries-an-addition", `{}`, `{"a":1}`, `{"theirs":1}`, `{"a":1,"theirs":1}`, false},
		{"carries-a-removal", `{"a":1,"b":1}`, `{"b":1}`, `{"a":5,"b":1,"c":1}`, `{"b":1,"c":1}`, false},
		{"carries-a-change", `{"a":1}`, `{"a":2}`, `{"a":3}`, `{"a":2}`, false},
		{"leaves-what-didn't-change-to-them", `{"a":1,"b":1}`, `{"a":1,"b":2}`, `{"a":7,"b":1}`, `{"a":7,"b":2}`, false},
		{"same-value-in-other-spelling-is-no-change", `{"a":{"x":1,"y":2}}`, `{"a":{"y":2,"x":1}}`, `{"a":3}`, `{"a":3}`, false},
		{"nothing-left", `{"a":1}`, ``, `{"a":1}`, ``, false},
		{"current-isn't-an-object", `{}`, `{"a":1}`, `hello`, ``, true},
		{"before-isn't-an-object", `hello`, `{"a":1}`, `{}`, ``, true},
		{"after-isn't-an-object", `{}`, `hello`, `{}`, ``, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := RebaseJSON(test.before, test.after, test.current)
			if got != test.want || ok == test.refused {
				t.Errorf("RebaseJSON = %q, %v, want %q, %v", got, ok, test.want, !test.refused)
			}
		})
	}
}

func TestTags(t *testing.T) {
	for _, test := range []struct {
		name string
		tags []string
		want string
	}{
		{"none", nil, ""},
		{"sorted", []string{"b", "a"}, "a,b"},
		{"once-each", []string{"a", "b", "a"}, "a,b"},
		{"without-outer-space-and-empty-ones", []string{" a ", "", "  "}, "a"},
		{"composed", []string{"e\u0301", "\u00e9"}, "\u00e9"},
	} {
		t.Run(test.name, func(t *testing.T) {
			joined := JoinTags(test.tags)
			if joined != test.want {
				t.Errorf("JoinTags(%q) = %q, want %q", test.tags, joined, test.want)
			}
			if again := JoinTags(SplitTags(joined)); again != joined {
				t.Errorf("read and written again, %q became %q", joined, again)
			}
		})
	}
	if got := SplitTags(""); got != nil {
		t.Errorf("SplitTags of nothing = %q", got)
	}
	if diff := cmp.Diff([]string{"a", "b"}, SplitTags("a,b")); diff != "" {
		t.Error(diff)
	}
}
