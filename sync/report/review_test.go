package report_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/report"
	"cubesync/sync/user"
)

var update = flag.Bool("update", false, "rewrite the expected files in testdata")

// reviewed is a plan with something in every group.
func reviewed() report.Review {
	at := time.Date(2026, 3, 10, 3, 0, 0, 0, time.UTC)
	tags := func(before, after string) plan.Change {
		return plan.Change{Field: user.Tags, Before: before, After: after}
	}
	none := ""
	gone := account.Account{ID: 9, ExternalID: "E9"}
	gone.Values[user.Login], gone.Values[user.Email], gone.Values[user.FullName] = user.Text("gus"), user.Text("gus@example.com"), user.Text("Gus Gray")
	p := &plan.Plan{
		Operations: []plan.Operation{
			{Kind: plan.Create, ExternalID: "E1", Position: "users.csv:2", Reason: plan.NewRecord, Changes: []plan.Change{
				{Field: user.Login, After: "cubesync-e1"}, {Field: user.Email, After: "zoe.lee@example.com"}, {Field: user.FullName, After: "Zoë Lee"},
				{Field: user.CustomData, After: `{"department":"Research","floor":3}`}, tags("", "choir,staff"),
			}},
			{Kind: plan.Update, Step: plan.Park, ExternalID: "E3", AccountID: 3, Ring: "E3", Reason: plan.FieldsDiffer, Changes: []plan.Change{{Field: user.Email, Before: "bo@example.com"}}},
			{Kind: plan.Update, ExternalID: "E2", AccountID: 2, Position: "users.csv:3", Reason: plan.FieldsDiffer, Ring: "E3", WaitsFor: []string{"E3"}, Changes: []plan.Change{
				{Field: user.Email, Before: "ann@example.com", After: "bo@example.com"}, {Field: user.Phone, Before: "+44 20 7946 0001"},
			}},
			{Kind: plan.Update, ExternalID: "E3", AccountID: 3, Position: "users.csv:4", Reason: plan.FieldsDiffer, Ring: "E3", WaitsFor: []string{"E2", "E3"},
				Parked:  []plan.Given{{Field: user.Email, To: "E2"}},
				Changes: []plan.Change{{Field: user.Email, Before: "bo@example.com", After: "ann@example.com"}, {Field: user.FullName, Before: "דוד כהן", After: "משה כהן"}}},
			{Kind: plan.Adopt, ExternalID: "E4", AccountID: 4, Position: "users.csv:5", Reason: plan.MatchesEmail, ExternalIDBefore: &none, Changes: []plan.Change{tags("vip", "staff,vip")}},
			{Kind: plan.Release, ExternalID: "E5", AccountID: 5, Reason: plan.LeftSource, Changes: []plan.Change{tags("staff,vip", "vip")}},
			{Kind: plan.Delete, ExternalID: "E9", AccountID: 9, Reason: plan.LeftSource, Account: &gone},
			{Kind: plan.Update, ExternalID: "E6", AccountID: 6, Position: "users.csv:6", Reason: plan.FieldsDiffer, Blocked: plan.RefusedBefore,
				Detail: "email: is invalid; --retry-failed sends it again", Changes: []plan.Change{{Field: user.Email, Before: "eve@example.com", After: "eve@localhost"}}},
		},
		Rejects: []plan.Reject{{Position: "users.csv:7", ExternalID: "E7", Reason: plan.BadRecord, Detail: `email: "zoe.lee(at)example.com" is no address`}},
		Leavers: []plan.Leaver{
			{ExternalID: "E8", AccountID: 8, Reason: plan.InGrace, Reads: 1, Since: at, Due: at.Add(72 * time.Hour), MoreReads: 2},
			{ExternalID: "E10", AccountID: 10, Reason: plan.IsProtected},
		},
		Remarks: []plan.Remark{{ExternalID: "E11", AccountID: 11, Position: "users.csv:8", Field: "tags", Reason: plan.NoRoomForTags, Detail: "five tags are the most"}},
		Owned:   1200, Desired: 1204, Collapsed: 1, Unchanged: 1197,
	}
	return report.Review{Approve: "cubesync approve 12 --pipeline staff", File: &plan.File{Plan: p, Header: plan.Header{
		Endpoint: "https://api.example.com", ApplicationID: "7", Pipeline: "staff", OwnerTag: "staff", MadeAt: at, ExpiresAt: at.Add(24 * time.Hour), Run: 12,
		Source:  plan.Source{Completeness: "plausible", Reason: "it ends in a line break", Evidence: record.Evidence{Name: "/data/users.csv", ModTime: at.Add(-time.Hour), Size: 81234}},
		Leavers: plan.DeleteLeavers, Counts: plan.Counts{Read: 1205}, Calls: plan.Calls{List: 13, LookUp: 1, Session: 4, Write: 7, Seconds: 2.6},
		Guards: []plan.Trip{{Guard: "deletes", Saw: "releases and deletes: 2 among 1,200 owned accounts", Limit: "1", Concerns: []string{"E5", "E9"}, Count: 1202, Remedy: "look at them in the plan"}},
	}}}
}

// attacks are values that somebody may have given themselves.
func attacks() []string {
	return []string{
		`<script>alert(1)</script>`, `</script><script>alert(1)</script>`, `<!--<script>`, `--><img src=x onerror=alert(1)>`, `"><svg/onload=alert(1)>`,
		`'onmouseover='alert(1)`, `&lt;b&gt;`, `&#60;b&#62;`, "`code` ``", "```\n# heading\n```", `a|b`, `a\|b`, `a\\|b|`, "line\nbreak\r\n| cell |", "\x1b[31mred\x1b[0m",
		"abc\u202ecba\u2066", `=cmd()|'/c calc'!A0`, `@everyone @octo/team`, `#1 GH-1 octo/repo#1 !2 %3 ~4 $5`, `:tada: $x$ **b** _i_ ~~s~~`, `[link](javascript:alert(1))`,
		`![x](https://evil.example/p.png)`, `https://evil.example www.evil.example a@evil.example`, `</td></tr></table><h1>x`, `</details></code><!-- `, "\u2028x\u2029", "bad\xff\xfe",
		"0123456789abcdef0123456789abcdef01234567", "/approve", "{{.}} {{template}}", "${x} `${x}`", "]]>", strings.Repeat("é|", 5000),
	}
}

// attacked puts each attack everywhere that a value can stand.
func attacked() report.Review {
	p, h := &plan.Plan{}, plan.Header{}
	for i, bad := range attacks() {
		id := fmt.Sprint(i) + bad
		p.Operations = append(p.Operations,
			plan.Operation{Kind: plan.Create, ExternalID: id, Position: record.Position(bad), Reason: plan.Reason(bad), Changes: []plan.Change{{Field: user.Login, After: bad}}},
			plan.Operation{Kind: plan.Update, ExternalID: id, AccountID: 1, Position: record.Position(bad), Reason: plan.Reason(bad), ExternalIDBefore: &bad,
				WaitsFor: []string{bad}, Parked: []plan.Given{{To: bad}}, Changes: []plan.Change{{Field: user.FullName, Before: bad, After: bad + "x"}}},
			plan.Operation{Kind: plan.Adopt, ExternalID: id, AccountID: 1, Blocked: plan.Reason(bad), Detail: bad},
			plan.Operation{Kind: plan.Delete, ExternalID: id, AccountID: 1, Account: &account.Account{Values: user.Values{user.Login: user.Text(bad)}}})
		p.Rejects = append(p.Rejects, plan.Reject{Position: record.Position(bad), ExternalID: bad, Reason: plan.Reason(bad), Detail: bad})
		p.Leavers = append(p.Leavers, plan.Leaver{ExternalID: bad, Reason: plan.Reason(bad)})
		p.Remarks = append(p.Remarks, plan.Remark{ExternalID: bad, Position: record.Position(bad), Field: bad, Reason: plan.Reason(bad), Detail: bad})
		h.Guards = append(h.Guards, plan.Trip{Guard: bad, Saw: bad, Limit: bad, Concerns: []string{bad}, Remedy: bad})
	}
	all := strings.Join(attacks(), " ")
	h.Pipeline, h.Endpoint, h.ApplicationID, h.OwnerTag, h.Leavers, h.AbsenceUnknown = all, all, all, all, plan.Leavers(all), all
	h.Source = plan.Source{Completeness: all, Reason: all, Evidence: record.Evidence{Name: all, SHA256: all}}
	return report.Review{File: &plan.File{Header: h, Plan: p}, Approve: all}
}

// golden compares with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	file = "testdata/" + file
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); if it is right, go test ./sync/report -update\n%s", file, diff)
	}
}

// many is a plan with n sign-ups among other things.
func many(n int) report.Review {
	r := reviewed()
	first := r.File.Plan.Operations[0]
	for i := range n {
		op := first
		op.ExternalID, op.Position = fmt.Sprint("N", i), record.Position(fmt.Sprint("users.csv:", i+10))
		r.File.Plan.Operations = append(r.File.Plan.Operations, op)
	}
	return r
}
