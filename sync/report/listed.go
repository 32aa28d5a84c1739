package report

import (
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// listedNote says whether a run listed all accounts or only what changed, and why all.
func listedNote(l *state.Listed) string {
	if l.All == "" {
		return "only what changed since " + plan.Moment(l.Since)
	}
	why := map[state.WhyAll]string{
		state.ListedNever:      "for the first time",
		state.ListAsked:        "as --list-all says",
		state.ListDue:          "as it was time for that (full_list_every)",
		state.ListWithoutClock: "as ConnectyCube didn't say when the last list was",
		state.ListUnanswered:   "as ConnectyCube didn't answer what changed",
		state.ListOutdated:     "as an account wasn't what the run before it had listed",
		state.ListClockSet:     "as a clock was set since the last list",
		state.ListNotAll:       "as the changes alone don't add up",
	}[l.All]
	if why == "" {
		return "all"
	}
	return "all, " + why
}
