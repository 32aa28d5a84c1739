package connectycube

import "testing"

// What a server may take for the same is no sign that it ignored the question.
func TestHoldsAny(t *testing.T) {
	for name, test := range map[string]struct {
		field       string
		held, asked []string
		want        bool
	}{
		"same":           {"login", []string{"ann"}, []string{"bob", "ann"}, true},
		"another":        {"login", []string{"ann"}, []string{"bob", "annlee"}, false},
		"nothing":        {"external_id", []string{""}, []string{"E1"}, false},
		"nothing-loose":  {"login", []string{""}, []string{"\u0301"}, false},
		"folded-email":   {"email", []string{"ann@example.com"}, []string{"Ann@Example.com"}, true},
		"trimmed":        {"email", []string{"ann@example.com"}, []string{" Ann@example.com "}, true},
		"folded-tag":     {"user_tags", []string{"a", "our tag"}, []string{"Our  Tag "}, true},
		"sharp-s":        {"login", []string{"strasse"}, []string{"Straße"}, true},
		"composed":       {"full_name", []string{"Zoë"}, []string{"Zoe\u0308"}, true},
		"without-accent": {"full_name", []string{"Zoe"}, []string{"Zoë"}, true},
		"digits":         {"phone", []string{"+49301234"}, []string{"+49 (30) 1234"}, true},
		"other-digits":   {"phone", []string{"+49301234"}, []string{"+49 30 1235"}, false},
		"hyphen":         {"login", []string{"hr-1"}, []string{"hr1"}, false},
		"beginning":      {"external_id", []string{"E12"}, []string{"E1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := holdsAny(test.field, test.held, test.asked); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
