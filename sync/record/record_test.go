package record

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func columns(t *testing.T, names ...string) *Columns {
	t.Helper()
	c, err := NewColumns(names)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestValues(t *testing.T) {
	r := New("users.csv:2", columns(t, "id", "name", "phone", "late"), []Value{Text("1"), Text(""), Null()})
	for _, test := range []struct {
		name         string
		absent, null bool
		text         string
	}{
		{"id", false, false, "1"},
		{"name", false, false, ""},
		{"phone", false, true, ""},
		{"late", true, false, ""},  // a short row
		{"other", true, false, ""}, // no such column
	} {
		t.Run(test.name, func(t *testing.T) {
			v := r.Value(test.name)
			if v.IsAbsent() != test.absent || v.IsNull() != test.null || v.Text() != test.text {
				t.Errorf("absent %v, null %v, text %q", v.IsAbsent(), v.IsNull(), v.Text())
			}
		})
	}
	if !(Value{}).IsAbsent() || Text("") == Null() {
		t.Error("absent, null and empty are three things")
	}
}

func TestOfTexts(t *testing.T) {
	c := columns(t, "id", "name", "late")
	r := OfTexts("users.csv:2", c, []string{"1", ""})
	if r.Columns() != c || c.Index("late") != 2 || c.Index("other") != -1 {
		t.Errorf("columns %v, late is number %d, other %d", r.Columns(), c.Index("late"), c.Index("other"))
	}
	for i, want := range map[int]Value{-1: {}, 0: Text("1"), 1: Text(""), 2: {}, 3: {}} {
		if r.At(i) != want {
			t.Errorf("value %d is %+v; want %+v", i, r.At(i), want)
		}
	}
	if r.Value("id") != Text("1") || !r.Value("late").IsAbsent() || !r.Value("other").IsAbsent() {
		t.Errorf("by name: %+v, %+v, %+v", r.Value("id"), r.Value("late"), r.Value("other"))
	}
}

func TestColumns(t *testing.T) {
	c := columns(t, "b", "a")
	if diff := cmp.Diff([]string{"b", "a"}, c.Names()); diff != "" {
		t.Error(diff)
	}
	c.Names()[0] = "changed"
	if !c.Has("b") || c.Has("changed") || c.Has("B") || c.Names()[0] != "b" {
		t.Errorf("the columns are %v", c.Names())
	}
	_, err := NewColumns([]string{"id", "name", "id"})
	const want = `column "id" stands twice, as number 1 and 3: rename one of them`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestRejectError(t *testing.T) {
	for want, e := range map[string]*RejectError{
		"users.csv:3: it has 2 cells":          {Position: "users.csv:3", Problem: "it has 2 cells"},
		"users.csv:3: email: isn't an address": {Position: "users.csv:3", Field: "email", Problem: "isn't an address"},
	} {
		if e.Error() != want {
			t.Errorf("got %q, want %q", e.Error(), want)
		}
	}
}

func TestCompleteness(t *testing.T) {
	for _, test := range []struct {
		completeness Completeness
		name         string
		usable       bool
	}{
		{Completeness(0), "incomplete", false},
		{Stale, "stale", false},
		{Plausible, "plausible", true},
		{Proven, "proven", true},
	} {
		if test.completeness.String() != test.name || test.completeness.Usable() != test.usable {
			t.Errorf("%s, usable: %v, want %s, %v", test.completeness, test.completeness.Usable(), test.name, test.usable)
		}
	}
}

func TestEvidence(t *testing.T) {
	at := time.Date(2026, 3, 10, 3, 0, 0, 0, time.UTC)
	one := Evidence{Name: "users.csv", ModTime: at, Size: 10, SHA256: "ab"}
	same := one
	same.ModTime = at.In(time.FixedZone("elsewhere", 3600))
	if !one.Same(same) {
		t.Error("the same moment in another zone is other evidence")
	}
	for name, change := range map[string]func(*Evidence){
		"name":    func(e *Evidence) { e.Name = "other.csv" },
		"time":    func(e *Evidence) { e.ModTime = at.Add(time.Second) },
		"size":    func(e *Evidence) { e.Size++ },
		"content": func(e *Evidence) { e.SHA256 = "cd" },
	} {
		other := one
		change(&other)
		if one.Same(other) {
			t.Errorf("another %s is the same evidence", name)
		}
	}
}

// A source that says nothing of its data shows something new after an hour.
func TestEvidenceByTime(t *testing.T) {
	at := time.Date(2026, 3, 10, 3, 0, 0, 0, time.UTC)
	one := Evidence{Name: "ldaps://ldap.example.com/dc=example", ReadAt: at}
	for after, same := range map[time.Duration]bool{
		0: true, time.Hour - time.Second: true, time.Hour: false, -time.Hour + time.Second: true, -time.Hour: false,
	} {
		if got := one.Same(Evidence{Name: one.Name, ReadAt: at.Add(after)}); got != same {
			t.Errorf("after %s the same: %t, want %t", after, got, same)
		}
	}
}

// Of several sources each has to show something new.
func TestEvidenceOfParts(t *testing.T) {
	hr, ad := Evidence{Name: "hr.csv", Size: 1}, Evidence{Name: "ad.csv", Size: 1}
	newHR, newAD := Evidence{Name: "hr.csv", Size: 2}, Evidence{Name: "ad.csv", Size: 2}
	both := Evidence{Name: "both", Parts: []Evidence{hr, ad}}
	for name, test := range map[string]struct {
		other Evidence
		same  bool
	}{
		"both-as-they-were": {both, true},
		"first-as-it-was":   {Evidence{Name: "both", Parts: []Evidence{hr, newAD}}, true},
		"second-as-it-was":  {Evidence{Name: "both", Parts: []Evidence{newHR, ad}}, true},
		"in-another-order":  {Evidence{Name: "both", Parts: []Evidence{newAD, hr}}, true},
		"both-new":          {Evidence{Name: "both", Parts: []Evidence{newHR, newAD}}, false},
		"one-alone":         {hr, true},
		"one-alone-and-new": {newHR, false},
	} {
		if both.Same(test.other) != test.same || test.other.Same(both) != test.same {
			t.Errorf("%s: the same: %t and %t, want %t", name, both.Same(test.other), test.other.Same(both), test.same)
		}
	}
	changed := both.With(func(e *Evidence) { e.Size = 0 })
	if both.Parts[0].Size != 1 || changed.Parts[0].Size != 0 || changed.Parts[1].Size != 0 {
		t.Errorf("%+v became %+v", both, changed)
	}
}
