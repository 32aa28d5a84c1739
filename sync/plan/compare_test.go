package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/user"
)

func TestDifferences(t *testing.T) {
	phone := []Change{{Field: user.Phone, Before: "1", After: "2"}}
	now := &Plan{
		Operations: []Operation{
			{Kind: Update, Step: Park, ExternalID: "E1", AccountID: 1},
			{Kind: Update, ExternalID: "E1", AccountID: 1, Position: "users.csv:2", Reason: FieldsDiffer, Changes: phone, Wave: 1},
			{Kind: Create, ExternalID: "E2", Position: "users.csv:3", Reason: NewRecord, Changes: []Change{{Field: user.Login, After: "bo"}}},
			{Kind: Update, ExternalID: "E3", AccountID: 3, Reason: FieldsDiffer, Changes: phone},
			{Kind: Delete, ExternalID: "E4", AccountID: 4, Reason: LeftSource, Wave: 9},
		},
		Rejects: []Reject{{Position: "users.csv:9", Reason: BadRecord, Detail: "no id"}},
		Leavers: []Leaver{{ExternalID: "E5", Reason: InGrace, Reads: 2}},
	}
	old := &Plan{
		Operations: []Operation{
			{Kind: Create, ExternalID: "E2", Position: "users.csv:3", Reason: NewRecord, Changes: []Change{{Field: user.Login, After: "b\x1bo"}}},
			{Kind: Update, ExternalID: "E3", AccountID: 3, Reason: FieldsDiffer, Changes: phone, Wave: 1}, // later, and the same
			{Kind: Update, ExternalID: "E6", AccountID: 6, Reason: FieldsDiffer, Changes: phone, Blocked: UpdatesOff, Detail: "updates: off"},
		},
		Leavers: []Leaver{{ExternalID: "E4", Reason: Kept}, {ExternalID: "E5", Reason: InGrace, Reads: 1}},
	}
	var got strings.Builder
	for _, d := range Differences(now, old) {
		fmt.Fprintf(&got, "%s %s | %s | %s\n", d.ExternalID, d.Position, d.Now, d.Old)
	}
	want := ` users.csv:9 | reject: bad-record (no id) | unchanged
E1 users.csv:2 | update  phone: 1 → 2 | unchanged
E2 users.csv:3 | create  login: bo | create  login: b\u001bo
E4  | delete: left-source | leaver: kept
E6  | unchanged | update, not sent: not-permitted (updates: off)  phone: 1 → 2
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("the differences (-want +got):\n%s", diff)
	}
	if same := Differences(now, now); len(same) != 0 {
		t.Errorf("a plan differs from itself: %v", same)
	}
}

// What is written from right to left doesn't turn the arrow round.
func TestDifferencesFromRightToLeft(t *testing.T) {
	d := Decision{What: string(Update), Changes: []Change{{Field: user.FullName, Before: "\u05d0", After: "\u05d1"}}}
	if got, want := d.String(), "update  full_name: \u05d0 \u200e→\u200e \u05d1"; got != want {
		t.Errorf("got %+q, want %+q", got, want)
	}
}
