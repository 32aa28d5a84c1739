package plan

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// Picture is what a record points at as its user's avatar. The zero Picture is none: the avatar is left as it is.
type Picture struct {
	Stamp  string // recognises it as well as can be told without reading it
	SHA256 string // of its content, hex; "" where that is known only once it is fetched, or can't be read
	Bytes  int    // 0 where SHA256 is ""
	Source string // where it is, for people
	// Problem is why it can't be used, as far as that is known; "" for none.
	Problem string
}

// Uploaded is the avatar that an account was given last, and the one that the service refused. The zero Uploaded is none.
type Uploaded struct {
	Stamp   string   `json:"stamp,omitempty"`
	SHA256  string   `json:"sha256,omitempty"`
	UID     string   `json:"uid,omitempty"` // what the service calls the file
	Place   string   `json:"place,omitempty"`
	Refused *Refusal `json:"refused,omitempty"`
}

// Is reports whether the picture is the avatar already, wherever the stamp or the content shows that.
func (u *Uploaded) Is(p *Picture, place string) bool {
	return u.UID != "" && u.Place == place && (u.Stamp == p.Stamp || p.SHA256 != "" && u.SHA256 == p.SHA256)
}

// Avatar is a picture to be set as an account's avatar. It is no operation: it is set after all of them, and no record ends
// with it.
type Avatar struct {
	ExternalID string          `json:"external_id"`
	AccountID  int64           `json:"account_id,omitempty"` // 0 for somebody who is signed up first
	Position   record.Position `json:"position"`
	Stamp      string          `json:"stamp"` // the source must say the same when it is set
	SHA256     string          `json:"sha256,omitempty"`
	Bytes      int             `json:"bytes,omitempty"`
	Source     string          `json:"source,omitempty"`
	Replaces   bool            `json:"replaces,omitempty"` // one that we set
	Blocked    Reason          `json:"blocked,omitempty"`  // why it is listed but not set; "" for one that is
	Detail     string          `json:"detail,omitempty"`   // of Blocked, for people
	Digest     string          `json:"digest"`             // recognises it when a later run plans it again
}

// AvatarsSent returns how many avatars are to be set.
func (p *Plan) AvatarsSent() int {
	n := 0
	for i := range p.Avatars {
		if p.Avatars[i].Blocked == "" {
			n++
		}
	}
	return n
}

// Writes returns how much is to be written in all: operations and avatars.
func (p *Plan) Writes() int { return p.Sent() + p.AvatarsSent() }

// depict plans the avatar of a record and its account; nil for one that is signed up. It reports whether nothing is left to
// be said about it. What the account's user did with their avatar isn't looked at: it stays until the source has another.
//
//	the record's picture       | the account was given   | decision
//	---------------------------+-------------------------+------------------------------
//	none                       | anything                | nothing
//	can't be used              | anything                | remark bad-picture
//	same stamp or content      | it, in the same place   | nothing
//	any other                  | it was refused before   | avatar, blocked refused-before
//	any other                  | anything                | avatar
func (b *builder) depict(d Desired, known Known, have *account.Account) (settled bool) {
	p := &d.Picture
	if p.Stamp == "" || b.policy.AvatarPlace == "" {
		return true
	}
	a := Avatar{
		ExternalID: d.User.ExternalID, Position: d.Position, Stamp: p.Stamp, SHA256: p.SHA256, Bytes: p.Bytes, Source: p.Source,
	}
	var given Uploaded
	if have != nil {
		a.AccountID = have.ID
		if known.AccountID == have.ID {
			given = known.Avatar
		}
	}
	switch {
	case given.Is(p, b.policy.AvatarPlace):
		return true
	case b.policy.UpdatesOff:
		a.Blocked, a.Detail = UpdatesOff, "updates: off"
	case p.Problem != "":
		b.plan.Remarks = append(b.plan.Remarks, Remark{
			ExternalID: a.ExternalID, AccountID: a.AccountID, Position: a.Position, Field: avatarField, Reason: BadPicture, Detail: p.Problem,
		})
		return false
	}
	a.Replaces, a.Digest = given.UID != "", AvatarDigest(b.in.ConfigDigest, a, have)
	if r := given.Refused; a.Blocked == "" && r != nil && r.Digest == a.Digest && !b.in.RetryRefused {
		a.Blocked, a.Detail = RefusedBefore, r.Words+"; --retry-failed sends it again"
	}
	b.plan.Avatars = append(b.plan.Avatars, a)
	return false
}

// avatarField is what remarks call the avatar.
const avatarField = "avatar"

// AvatarDigest changes with whatever may make the service answer otherwise: the configuration, the picture, the account.
func AvatarDigest(configDigest string, a Avatar, have *account.Account) string {
	var d user.Digester
	for _, text := range []string{configDigest, avatarField, a.ExternalID, cmp.Or(a.SHA256, a.Stamp)} {
		d.Add(text)
	}
	if have != nil {
		d.AddNumber(have.ID)
		for i := range have.Values {
			d.Add(have.Values[i].Text)
		}
	}
	return strconv.FormatUint(uint64(d.Digest()), 16)
}

// settleAvatars drops the avatars of those who turned out to be rejected, or to stay without an account, and gives those who
// are adopted their account.
func (b *builder) settleAvatars() {
	if len(b.plan.Avatars) == 0 {
		return
	}
	rejected := map[string]bool{}
	for i := range b.plan.Rejects {
		rejected[b.plan.Rejects[i].ExternalID] = true
	}
	adopted, without := map[string]int64{}, map[string]bool{}
	for i := range b.plan.Operations {
		switch op := &b.plan.Operations[i]; {
		case op.Kind == Adopt && op.Blocked == "":
			adopted[op.ExternalID] = op.AccountID
		case (op.Kind == Adopt || op.Kind == Create) && op.Blocked != "":
			without[op.ExternalID] = true
		}
	}
	b.plan.Avatars = slices.DeleteFunc(b.plan.Avatars, func(a Avatar) bool { return rejected[a.ExternalID] || without[a.ExternalID] })
	for i := range b.plan.Avatars {
		if a := &b.plan.Avatars[i]; a.AccountID == 0 {
			a.AccountID = adopted[a.ExternalID]
		}
	}
	slices.SortStableFunc(b.plan.Avatars, func(a, b Avatar) int { return strings.Compare(a.ExternalID, b.ExternalID) })
}

// replacedAvatars are those whose avatar becomes another one.
func (p *Plan) replacedAvatars() concerned {
	var who concerned
	for i := range p.Avatars {
		if a := &p.Avatars[i]; a.Replaces && a.Blocked == "" {
			who.add(a.ExternalID)
		}
	}
	return who
}
