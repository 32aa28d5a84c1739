package main

import (
	"testing"

	"cubesync/sync/state"
)

func TestCodeOfRun(t *testing.T) {
	for name, test := range map[string]struct {
		run  state.Run
		want int
	}{
		"in-sync":          {state.Run{Status: state.Applied, Tally: state.Tally{Read: 2, Unchanged: 1, Applied: 1}}, exitInSync},
		"by-policy":        {state.Run{Status: state.Applied, Tally: state.Tally{Read: 1, Skipped: 1, ByPolicy: 1}}, exitInSync},
		"failed":           {state.Run{Status: state.Applied, Tally: state.Tally{Read: 1, Failed: 1}}, exitTroubles},
		"locked-out":       {state.Run{Status: state.Applied, Tally: state.Tally{Read: 1, Unchanged: 1, LockedOut: 1}}, exitTroubles},
		"only-looked-at":   {state.Run{Status: state.Planned, Tally: state.Tally{LockedOut: 1}}, exitInSync},
		"held":             {state.Run{Status: state.Held}, exitHeld},
		"leavers-in-doubt": {state.Run{Status: state.Applied, Tally: state.Tally{LeaversUnknown: 1}}, exitTroubles},
	} {
		t.Run(name, func(t *testing.T) {
			if got := codeOfRun(test.run); got != test.want {
				t.Errorf("exit code %d, want %d", got, test.want)
			}
		})
	}
}
