package plan

import (
	"fmt"
	"slices"
	"testing"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// BenchmarkBuild plans a night in which a third of those concerned is new, a third has changed and a third is gone.
func BenchmarkBuild(b *testing.B) {
	const each = 10_000
	var desired []Desired
	var observed []account.Account
	var known []Known
	for i := range 3 * each {
		d := Desired{Position: record.Position(fmt.Sprintf("users.csv:%d", i)), Digest: 1}
		d.User.ExternalID = fmt.Sprintf("sample-%06d", i)
		for field, text := range map[user.Field]string{
			user.Email: fmt.Sprintf("ann%d@example.com", i), user.FullName: "Ann Lee", user.Phone: "+1 514 555 0197", user.Tags: "a,b",
			user.Website: "https://example.com/ann", user.CustomData: fmt.Sprintf(`{"desk":%d,"office":"東京"}`, i),
		} {
			d.User.Values[field] = user.Text(text)
		}
		if i >= each {
			a := account.Account{ID: int64(i), ExternalID: d.User.ExternalID, Values: d.User.Values}
			a.Values[user.Login] = user.Text(user.ComputedLogin(a.ExternalID))
			a.Values[user.FullName] = user.Text("Ann Li")
			a.Values[user.Tags] = user.Text("a,b,staff")
			observed = append(observed, a)
			known = append(known, Known{ExternalID: a.ExternalID, AccountID: a.ID, Mine: Merged(d.User.Values)})
		}
		if i < 2*each {
			desired = append(desired, d)
		}
	}
	in := Input{
		Desired: slices.Values(desired), Observed: slices.Values(observed), Known: slices.Values(known),
		Policy: Policy{OwnerTag: "staff", Leavers: DeleteLeavers}, ConfigDigest: "config",
	}
	b.ReportAllocs()
	for b.Loop() {
		if p := NewSurvey(in).Build(nil); p.Count(Create) != each || p.Count(Update) != each || p.Count(Delete) != each {
			b.Fatalf("planned %d, %d, %d", p.Count(Create), p.Count(Update), p.Count(Delete))
		}
	}
}
