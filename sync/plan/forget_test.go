package plan

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/record"
	"cubesync/sync/user"
)

// What is left of a plan is a plan, without a word of who was forgotten.
func TestForget(t *testing.T) {
	mentioning := func() *File {
		f := sampleFile()
		f.Plan.Operations[3].Account.Values = user.Values{}
		f.Header.AbsenceUnknown = "bo@example.com may be anybody"
		f.Header.Source.Note = "bo@example.com is left out"
		f.Header.Guards[0].Concerns, f.Header.Guards[0].Count = []string{"E1", "E2", "E3", "E4"}, 9
		f.Plan.Rejects = append(f.Plan.Rejects,
			Reject{Position: "users.csv:7", ExternalID: "E7", Reason: HeldByLeaver, Detail: "the e-mail is held by leaver E2 until Monday"},
			Reject{Position: "users.csv:8", Reason: BadRecord, Detail: "its key is empty", Cells: []record.Value{record.Null(), record.Text("BO@example.com")}})
		f.Plan.Operations[0].WaitsFor, f.Plan.Operations[0].Detail = []string{"E2"}, "after E2"
		return f
	}
	for name, test := range map[string]struct {
		who        Person
		lines      int
		operations string
		rejects    int
		leavers    int
		remarks    int
	}{
		"in-a-swap":     {Person{ExternalIDs: []string{"E2"}, AccountIDs: []int64{7}, Names: []string{"bo@example.com"}}, 8, "E1 E3", 2, 1, 1},
		"signed-up":     {Person{ExternalIDs: []string{"E1"}, Names: []string{"ann", "ann@example.com"}}, 3, "E2 E2 E3", 3, 1, 1},
		"by-account":    {Person{ExternalIDs: []string{"Q9"}, AccountIDs: []int64{8}}, 1, "E1 E2 E2", 3, 1, 1},
		"rejected":      {Person{ExternalIDs: []string{"E4"}}, 2, "E1 E2 E2 E3", 2, 1, 1},
		"leaver":        {Person{ExternalIDs: []string{"E5"}, AccountIDs: []int64{9}}, 1, "E1 E2 E2 E3", 3, 0, 1},
		"remarked-upon": {Person{ExternalIDs: []string{"E6"}}, 1, "E1 E2 E2 E3", 3, 1, 0},
		"another-id":    {Person{ExternalIDs: []string{"E0"}}, 1, "E1 E2 E3", 3, 1, 1},
		"a-stranger":    {Person{ExternalIDs: []string{"E"}, AccountIDs: []int64{77}, Names: []string{"o@example.com"}}, 0, "E1 E2 E2 E3", 3, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := mentioning()
			if got, err := f.Forget(&test.who); err != nil || got != test.lines || f.Header.Forgotten != test.lines {
				t.Errorf("%d lines, the header says %d, want %d", got, f.Header.Forgotten, test.lines)
			}
			text := written(t, f)
			read, err := ReadFile(bytes.NewReader(text), nil)
			if err != nil {
				t.Fatalf("it can't be read any more: %v", err)
			}
			var operations []string
			for _, op := range read.Plan.Operations {
				operations = append(operations, op.ExternalID)
			}
			p := read.Plan
			if strings.Join(operations, " ") != test.operations || len(p.Rejects) != test.rejects || len(p.Leavers) != test.leavers || len(p.Remarks) != test.remarks {
				t.Errorf("operations %v, %d rejects, %d leavers, %d remarks", operations, len(p.Rejects), len(p.Leavers), len(p.Remarks))
			}
			for _, word := range append(test.who.ExternalIDs, test.who.Names...) {
				if hasWord(strings.ToLower(string(text)), strings.ToLower(word)) && test.lines > 0 {
					t.Errorf("%s is left in it:\n%s", word, text)
				}
			}
		})
	}
}

// A ring that was named for somebody goes by another's name, and a swap's other half stays where it belongs.
func TestForgetAvatars(t *testing.T) {
	f := sampleFile()
	theirs := Avatar{ExternalID: "Q7", AccountID: 70, Source: "photos/bo.png", Stamp: "1", Digest: "1"}
	f.Plan.Avatars = []Avatar{theirs, {ExternalID: "Q8", Detail: "the picture is Q7's", Stamp: "1", Digest: "1"}}
	var texts []string
	Line{Avatar: &theirs}.Texts(func(text string) { texts = append(texts, text) })
	if got := strings.Join(texts, " "); got != "Q7 photos/bo.png" {
		t.Errorf("their texts are %q", got)
	}
	if lines, err := f.Forget(&Person{ExternalIDs: []string{"Q7"}, AccountIDs: []int64{70}}); err != nil || lines != 2 || len(f.Plan.Avatars) != 1 || f.Plan.Avatars[0].Detail != TakenOut {
		t.Errorf("%d lines: %+v", lines, f.Plan.Avatars)
	}
}

func TestForgetOneOfARing(t *testing.T) {
	f := &File{Plan: &Plan{Filtered: 3, Operations: []Operation{
		{Kind: Update, Step: Park, ExternalID: "E2", AccountID: 2, Ring: "E1"},
		{Kind: Update, ExternalID: "E1", AccountID: 1, Ring: "E1", WaitsFor: []string{"E2"}},
		{Kind: Update, ExternalID: "E2", AccountID: 2, Ring: "E1", WaitsFor: []string{"E1", "E2"}, Parked: []Given{{user.Login, "E1"}, {user.Email, "E3"}}},
		{Kind: Update, ExternalID: "E3", AccountID: 3, Ring: "E1"},
	}}}
	if _, err := f.Forget(&Person{ExternalIDs: []string{"E1"}}); err != nil {
		t.Fatal(err)
	}
	read, err := ReadFile(bytes.NewReader(written(t, f)), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []Operation{
		{Kind: Update, Step: Park, ExternalID: "E2", AccountID: 2, Ring: "E2"},
		{Kind: Update, ExternalID: "E2", AccountID: 2, Ring: "E2", WaitsFor: []string{"E2"}, Parked: []Given{{user.Email, "E3"}}},
		{Kind: Update, ExternalID: "E3", AccountID: 3, Ring: "E2"},
	}
	if diff := cmp.Diff(want, read.Plan.Operations); diff != "" || read.Plan.Filtered != 3 {
		t.Errorf("%d filtered, (-want +got):\n%s", read.Plan.Filtered, diff)
	}
}

func TestNamed(t *testing.T) {
	who := Person{ExternalIDs: []string{"E1", "Ä-7"}, Names: []string{"Ann@example.com"}}
	for prose, want := range map[string]bool{
		"": false, "E1": true, "held by E1.": true, "E12 waits": false, "ME1": false, "E12 and E1": true, "e1": false,
		"who is Ä-7?": true, "xÄ-7": false, "login: ann@EXAMPLE.com is taken": true, "joann@example.com": false, "E1é": false,
	} {
		if got := who.Named(prose); got != want {
			t.Errorf("%q names them: %v, want %v", prose, got, want)
		}
	}
}
