package emulator

import (
	"fmt"
	"slices"
	"strings"
)

// word is a word of a plan for what goes wrong, and what it means.
type word struct{ name, means string }

// faultKinds is what Fault.Do can be.
func faultKinds() []word {
	return []word{
		{string(LoseBefore), "the connection closes without an answer; nothing was done"},
		{string(LoseAfter), "the connection closes without an answer, after it was done"},
		{string(Late), "the connection closes, or status is answered; done delay later"},
		{string(ErrorBefore), "status (500) is answered; nothing was done"},
		{string(ErrorAfter), "status (500) is answered, after it was done"},
		{string(Throttle), "429 is answered; nothing was done"},
		{string(EndSession), "the token of the request ends, before anything is done"},
		{string(Slow), "it is done, and answered delay later"},
		{string(Truncate), "it is done, and the answer breaks off in the middle"},
		{string(Foreign), "it is done, and a proxy answers status (502) with its own page"},
		{string(Reset), "the connection is reset (TCP); nothing was done"},
		{string(ShiftPage), "a list begins shift (1) users later, as if so many had gone"},
	}
}

// faultFields is what a Fault has, as JSON.
func faultFields() []word {
	return []word{
		{"do", "what goes wrong; required"},
		{"call", "the one call that it looks at; without it, every call"},
		{"skip", "how many such calls pass before it strikes (0)"},
		{"times", "how often it strikes (1; with a chance: without end)"},
		{"chance", "how likely it strikes, above 0 up to 1; without it, always"},
		{"delay", "a time such as 2s or 500ms, of late and slow"},
		{"status", "200 to 599, of late, error_before, error_after and foreign"},
		{"shift", "a number of users, of shift_page (1); below 0 the list begins earlier"},
	}
}

func names(words []word) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = w.name
	}
	return strings.Join(all, ", ")
}

// check refuses what can't be, and what would do nothing.
func (f Fault) check() error {
	isKind := func(w word) bool { return w.name == string(f.Do) }
	switch {
	case f.Do == "":
		return fmt.Errorf("a fault needs do: one of %s", names(faultKinds()))
	case !slices.ContainsFunc(faultKinds(), isKind):
		return fmt.Errorf("unknown fault %q; there are %s", f.Do, names(faultKinds()))
	case f.Call != "" && !slices.Contains(kinds(), f.Call):
		return fmt.Errorf("unknown call %q; there are %s", f.Call, calls())
	case f.Skip < 0 || f.Times < 0 || f.Delay < 0:
		return fmt.Errorf("fault %s: skip, times and delay can't be negative", f.Do)
	case f.Chance < 0 || f.Chance > 1:
		return fmt.Errorf("fault %s: chance %v isn't between 0 and 1", f.Do, f.Chance)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("fault %s: status %d isn't between 200 and 599", f.Do, f.Status)
	}
	return f.checkTogether()
}

// checkTogether refuses fields that mean nothing together.
func (f Fault) checkTogether() error {
	switch {
	case f.Do == Slow && f.Delay == 0:
		return fmt.Errorf("fault %s needs a delay, such as 2s", f.Do)
	case f.Delay != 0 && !slices.Contains([]FaultKind{Late, Slow}, f.Do):
		return fmt.Errorf("fault %s takes no delay; late and slow do", f.Do)
	case f.Status != 0 && !slices.Contains([]FaultKind{Late, ErrorBefore, ErrorAfter, Foreign}, f.Do):
		return fmt.Errorf("fault %s takes no status; late, error_before, error_after and foreign do", f.Do)
	case f.Shift != 0 && f.Do != ShiftPage:
		return fmt.Errorf("fault %s takes no shift; shift_page does", f.Do)
	case f.Do == ShiftPage && f.Call != "" && f.Call != List:
		return fmt.Errorf("fault %s: %s has no pages to shift; its call is %s", f.Do, f.Call, List)
	}
	return nil
}

// calls are the names of all calls.
func calls() string {
	all := make([]string, len(kinds()))
	for i, k := range kinds() {
		all[i] = string(k)
	}
	return strings.Join(all, ", ")
}
