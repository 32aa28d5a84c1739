package plan

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

const place = "custom_data"

// depicted is the plan of one record with a picture.
func depicted(p Picture, known *Known, have []account.Account, change func(*Input)) *Plan {
	d := Desired{User: user.User{ExternalID: "E1"}, Position: "users.csv:2", Digest: 9, Picture: p}
	d.User.Values[user.Email] = user.Text("ann@example.com")
	in := Input{
		Desired: slices.Values([]Desired{d}), Observed: slices.Values(have), Known: func(func(Known) bool) {},
		Policy: Policy{OwnerTag: "staff", AvatarPlace: place}, ConfigDigest: "c0ffee",
	}
	if known != nil {
		in.Known = slices.Values([]Known{*known})
	}
	if change != nil {
		change(&in)
	}
	survey := NewSurvey(in)
	return survey.Build(nil)
}

func ann() account.Account {
	a := account.Account{ID: 7, ExternalID: "E1"}
	for i := range a.Values {
		a.Values[i] = user.Text("")
	}
	a.Values[user.Email], a.Values[user.Tags] = user.Text("ann@example.com"), user.Text("staff")
	return a
}

func TestDepict(t *testing.T) {
	have := ann()
	given := Uploaded{Stamp: "s1", SHA256: "h1", UID: "u1", Place: place}
	picture := Picture{Stamp: "s2", SHA256: "h2", Bytes: 34_000, Source: "ann.png"}
	planned := Avatar{ExternalID: "E1", AccountID: 7, Position: "users.csv:2", Stamp: "s2", SHA256: "h2", Bytes: 34_000, Source: "ann.png"}
	planned.Digest = AvatarDigest("c0ffee", planned, &have)
	replacing := planned
	replacing.Replaces = true
	refused := planned
	refused.Blocked, refused.Detail = RefusedBefore, "no; --retry-failed sends it again"
	signedUp := planned
	signedUp.AccountID, signedUp.Digest = 0, AvatarDigest("c0ffee", planned, nil)
	off := replacing
	off.Blocked, off.Detail = UpdatesOff, "updates: off"
	byAddress := Avatar{ExternalID: "E1", AccountID: 7, Position: "users.csv:2", Stamp: "s2", Source: "https://photos.example.com/ann.png", Replaces: true}
	byAddress.Digest = AvatarDigest("c0ffee", byAddress, &have)

	for _, test := range []struct {
		name    string
		picture Picture
		given   Uploaded
		other   bool // it was given to another account
		nobody  bool // there is no account
		change  func(*Input)
		want    []Avatar
		remark  string
		agrees  bool
	}{
		{name: "none", given: given, agrees: true},
		{name: "first", picture: picture, want: []Avatar{planned}},
		{name: "another", picture: picture, given: given, want: []Avatar{replacing}},
		{name: "same-stamp", picture: Picture{Stamp: "s1"}, given: given, agrees: true},
		{name: "same-content", picture: Picture{Stamp: "s2", SHA256: "h1"}, given: given, agrees: true},
		{name: "another-place", picture: picture, given: Uploaded{Stamp: "s2", SHA256: "h2", UID: "u1", Place: "avatar"}, want: []Avatar{replacing}},
		{name: "of-another-account", picture: picture, given: Uploaded{Stamp: "s2", SHA256: "h2", UID: "u1", Place: place}, other: true, want: []Avatar{planned}},
		{name: "never-uploaded", picture: picture, given: Uploaded{Stamp: "s2", SHA256: "h2", Place: place}, want: []Avatar{planned}},
		{name: "address", picture: Picture{Stamp: "s2", Source: "https://photos.example.com/ann.png"}, given: given, want: []Avatar{byAddress}},
		{name: "bad", picture: Picture{Stamp: "s2", Problem: "it is no picture"}, given: given, remark: "users.csv:2: E1: account 7: avatar: it is no picture"},
		{name: "bad-but-known", picture: Picture{Stamp: "s1", Problem: "it is no picture"}, given: given, agrees: true},
		{name: "sign-up", picture: picture, nobody: true, want: []Avatar{signedUp}},
		{name: "refused", picture: picture, given: Uploaded{Refused: &Refusal{Digest: planned.Digest, Words: "no"}}, want: []Avatar{refused}},
		{name: "refused-and-retried", picture: picture, given: Uploaded{Refused: &Refusal{Digest: planned.Digest, Words: "no"}}, change: func(in *Input) { in.RetryRefused = true }, want: []Avatar{planned}},
		{name: "another-was-refused", picture: picture, given: Uploaded{Refused: &Refusal{Digest: "other", Words: "no"}}, want: []Avatar{planned}},
		{name: "updates-off", picture: picture, given: given, change: func(in *Input) { in.Policy.UpdatesOff = true }, want: []Avatar{off}},
		{name: "not-configured", picture: picture, change: func(in *Input) { in.Policy.AvatarPlace = "" }, agrees: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			known := &Known{ExternalID: "E1", AccountID: 7, Avatar: test.given}
			accounts := []account.Account{have}
			if test.other {
				known.AccountID = 0
			}
			if test.nobody {
				known, accounts = nil, nil
			}
			p := depicted(test.picture, known, accounts, test.change)
			if diff := cmp.Diff(test.want, p.Avatars); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			remark := ""
			if len(p.Remarks) > 0 {
				remark = p.Remarks[0].String()
			}
			if _, agrees := p.Agreed["E1"]; agrees != test.agrees || remark != test.remark {
				t.Errorf("agrees: %v, remark %q", agrees, remark)
			}
		})
	}
}

// Nobody who was rejected, or stays without an account, gets an avatar; who is adopted gets it on that account.
// Whoever has yet to get an avatar, or to be told of a bad picture, doesn't agree as soon as they are signed up.
func TestSignUpsWithAvatarsDoNotAgree(t *testing.T) {
	for name, test := range map[string]struct {
		picture Picture
		want    user.Digest
	}{
		"no-picture": {Picture{}, 9}, "picture": {Picture{Stamp: "5a"}, 0}, "bad-picture": {Picture{Stamp: "5a", Problem: "it is empty"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if ops := depicted(test.picture, nil, nil, nil).Operations; len(ops) != 1 || ops[0].Record != test.want {
				t.Errorf("%+v", ops)
			}
		})
	}
}

func TestAvatarsFollowTheirRecords(t *testing.T) {
	p := &Plan{
		Operations: []Operation{
			{Kind: Create, ExternalID: "new"}, {Kind: Create, ExternalID: "left", Blocked: LeftVanished},
			{Kind: Adopt, ExternalID: "adopted", AccountID: 9}, {Kind: Adopt, ExternalID: "blocked", AccountID: 8, Blocked: UpdatesOff},
			{Kind: Update, ExternalID: "refused", AccountID: 6, Blocked: RefusedBefore},
		},
		Rejects: []Reject{{ExternalID: "rejected"}},
		Avatars: []Avatar{{ExternalID: "rejected"}, {ExternalID: "new"}, {ExternalID: "left"}, {ExternalID: "adopted"}, {ExternalID: "blocked"}, {ExternalID: "refused", AccountID: 6}, {ExternalID: "other", AccountID: 5}},
	}
	b := &builder{plan: p}
	b.settleAvatars()
	want := []Avatar{{ExternalID: "adopted", AccountID: 9}, {ExternalID: "new"}, {ExternalID: "other", AccountID: 5}, {ExternalID: "refused", AccountID: 6}}
	if diff := cmp.Diff(want, p.Avatars); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A plan file brings avatars back, no letter of them can be changed, and a redacted one names nobody.
func TestAvatarsInFiles(t *testing.T) {
	file := sampleFile()
	file.Plan.Avatars = []Avatar{
		{ExternalID: "E1", Position: "users.csv:2", Stamp: "5a", SHA256: "8ee05e021969aa", Bytes: 1234, Source: "faces/ann.png", Digest: "a1"},
		{ExternalID: "E2", AccountID: 7, Position: "cn=Bo,ou=people", Stamp: "5b", Source: "https://photos.example.com/bo", Replaces: true, Blocked: RefusedBefore, Detail: "bo is refused", Digest: "a2"},
	}
	text := written(t, file)
	back, err := ReadFile(bytes.NewReader(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(file.Plan.Avatars, back.Plan.Avatars); diff != "" || digestOf(t, back.Plan) != digestOf(t, file.Plan) {
		t.Errorf("(-written +read)\n%s", diff)
	}
	for i := bytes.Index(text, []byte(`{"avatar"`)); i < len(text); i++ {
		changed := bytes.Clone(text)
		changed[i] ^= 1
		if _, err := ReadFile(bytes.NewReader(changed), nil); err == nil {
			t.Fatalf("byte %d was changed and nobody noticed", i)
		}
	}
	if _, err := ReadFile(bytes.NewReader(text[:bytes.LastIndex(text, []byte(`{"avatar"`))]), nil); err == nil {
		t.Error("a plan without its last avatar was read")
	}
	hidden := string(written(t, file.Redacted()))
	for _, secret := range []string{"ann.png", "bo is refused", "cn=Bo", "photos.example.com", "8ee05e021969aa", `"E1"`} {
		if strings.Contains(hidden, secret) {
			t.Errorf("the redacted plan holds %s", secret)
		}
	}
	file.Plan.Avatars[1].Blocked = ""
	if digestOf(t, file.Plan) == digestOf(t, back.Plan) || file.Plan.AvatarsSent() != 2 || back.Plan.AvatarsSent() != 1 || back.Plan.Writes() != back.Plan.Sent()+1 {
		t.Error("what is sent isn't told apart from what isn't")
	}
}

func TestAvatarsInText(t *testing.T) {
	p := &Plan{Avatars: []Avatar{
		{ExternalID: "E1", Position: "users.csv:2", SHA256: "8ee05e021969aabb", Bytes: 34_499, Source: "ann.png"},
		{ExternalID: "E2", AccountID: 7, Position: "users.csv:3", Source: "https://photos.example.com/bo", Replaces: true},
		{ExternalID: "E3", AccountID: 8, SHA256: "00", Bytes: 999, Blocked: RefusedBefore, Detail: "no"},
	}}
	var out strings.Builder
	if err := p.WriteText(&out, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	const want = `avatars 3
  E1 users.csv:2  avatar: ann.png, sha256 8ee05e021969…, 34 KB
  E2 (account 7) users.csv:3  avatar: https://photos.example.com/bo, in place of another one of ours
  E3 (account 8)  avatar: sha256 00…, 999 bytes; not sent: refused-before (no)
plan: 0 to create, 0 to update, 0 to release, 0 to delete; 0 unchanged, 0 rejected, 2 avatars to set
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestReplacedAvatarsAreGuarded(t *testing.T) {
	p := &Plan{Owned: 30, Desired: 30, Unchanged: 30}
	for range 30 {
		p.Avatars = append(p.Avatars, Avatar{ExternalID: "E1"}, Avatar{ExternalID: "E2", Replaces: true, Blocked: RefusedBefore})
	}
	for n := range 22 {
		trips := Guard(p, DefaultLimits(), Situation{})
		if held := len(trips) == 1 && trips[0].Guard == guardField; held != (n > 20) {
			t.Errorf("with %d of 30 replaced: %v", n, trips)
		}
		p.Avatars = append(p.Avatars, Avatar{ExternalID: "E3", Replaces: true})
	}
}
