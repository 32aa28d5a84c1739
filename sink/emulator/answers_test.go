package emulator

import (
	"slices"
	"testing"
)

func TestEverySwitchHasItsAnswers(t *testing.T) {
	for i, s := range (&Options{}).Switches() {
		t.Run(s.Name, func(t *testing.T) {
			answers := s.Answers()
			if len(answers) < 2 || answers[0] != s.Default || len(slices.Compact(slices.Sorted(slices.Values(answers)))) != len(answers) {
				t.Fatalf("answers %q, the default is %q", answers, s.Default)
			}
			for _, answer := range answers {
				var o Options
				one := o.Switches()[i]
				if err := one.Set(answer); err != nil || one.String() != answer || one.Changed() != (answer != s.Default) {
					t.Errorf("set to %q it is %q: %v", answer, one, err)
				}
			}
		})
	}
}
