package plan

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"cubesync/sync/record"
	"cubesync/sync/user"
)

// Redacted returns a view of the plan for sharing: what says something about a person is replaced by a short digest,
// the same for the same value in all plans of one configuration, so that it can be followed and not guessed. Prose that
// may quote values, and the records' cells, are left out. Such a plan can't be carried out.
//
// Kinds, reasons, counts, account ids, times, the owner tag and positions such as users.csv:12 stay.
func (f *File) Redacted() *File {
	r := redaction{key: []byte(f.Header.Config), ownerTag: f.Header.OwnerTag}
	redacted := &File{Header: f.Header, Plan: &Plan{
		Owned: f.Plan.Owned, Desired: f.Plan.Desired, Collapsed: f.Plan.Collapsed, Filtered: f.Plan.Filtered, Unchanged: f.Plan.Unchanged,
	}}
	h := &redacted.Header
	h.Redacted, h.Config, h.Settings, h.Reviewed = true, "", nil, "" // Config is the key of the digests
	h.Source.Reason, h.Source.Note, h.Source.Evidence = "", "", h.Source.Evidence.With(func(e *record.Evidence) { e.SHA256 = "" })
	h.Columns, h.LeftEmpty = nil, nil
	if h.AbsenceUnknown != "" {
		h.AbsenceUnknown = "(not told in a redacted plan)"
	}
	h.Guards = r.guards(h.Guards)
	for i := range f.Plan.Operations {
		redacted.Plan.Operations = append(redacted.Plan.Operations, r.operation(f.Plan.Operations[i]))
	}
	redacted.Plan.SignUps = f.Plan.SignUps.redacted(r)
	for line := range f.Plan.notes() {
		redacted.Plan.add(r.note(line))
	}
	return redacted
}

type redaction struct {
	key      []byte
	ownerTag string
}

func (r redaction) note(l Line) Line {
	switch {
	case l.Reject != nil:
		reject := *l.Reject
		reject.ExternalID, reject.Position, reject.Detail, reject.Cells = r.id(reject.ExternalID), r.position(reject.Position), "", nil
		return Line{Reject: &reject}
	case l.Leaver != nil:
		leaver := *l.Leaver
		leaver.ExternalID = r.id(leaver.ExternalID)
		return Line{Leaver: &leaver}
	case l.Avatar != nil:
		avatar := *l.Avatar
		avatar.ExternalID, avatar.Position = r.id(avatar.ExternalID), r.position(avatar.Position)
		avatar.Stamp, avatar.SHA256, avatar.Source, avatar.Detail, avatar.Digest = "", r.digest("avatar", avatar.SHA256), "", "", ""
		return Line{Avatar: &avatar}
	default:
		remark := *l.Remark
		remark.ExternalID, remark.Position, remark.Detail = r.id(remark.ExternalID), r.position(remark.Position), ""
		return Line{Remark: &remark}
	}
}

func (r redaction) operation(op Operation) Operation {
	op.ExternalID, op.Position, op.Detail, op.Ring = r.id(op.ExternalID), r.position(op.Position), "", r.id(op.Ring)
	op.Account, op.Mine, op.Digest, op.Record = nil, Mine{}, "", 0
	if before := op.ExternalIDBefore; before != nil {
		hidden := r.id(*before)
		op.ExternalIDBefore = &hidden
	}
	changes, waitsFor, parked := op.Changes, op.WaitsFor, op.Parked
	op.Changes, op.WaitsFor, op.Parked = nil, nil, nil
	for _, c := range changes {
		op.Changes = append(op.Changes, Change{Field: c.Field, Before: r.value(c.Field, c.Before), After: r.value(c.Field, c.After)})
	}
	for _, other := range waitsFor {
		op.WaitsFor = append(op.WaitsFor, r.id(other))
	}
	for _, given := range parked {
		op.Parked = append(op.Parked, Given{Field: given.Field, To: r.id(given.To)})
	}
	return op
}

func (r redaction) guards(trips []Trip) []Trip {
	hidden := slices.Clone(trips)
	for i := range hidden {
		hidden[i].Concerns = slices.Clone(trips[i].Concerns)
		for j, externalID := range hidden[i].Concerns {
			hidden[i].Concerns[j] = r.id(externalID)
		}
	}
	return hidden
}

func (r redaction) id(externalID string) string { return r.digest("external_id", externalID) }

// value hides a field's value; of tags, each one but ours.
func (r redaction) value(field user.Field, text string) string {
	if field != user.Tags {
		return r.digest(field.String(), text)
	}
	tags := user.SplitTags(text)
	for i, tag := range tags {
		if tag != r.ownerTag {
			tags[i] = r.digest(field.String(), tag)
		}
	}
	return user.JoinTags(tags)
}

// position keeps what only counts, and hides what may name somebody, such as a DN.
func (r redaction) position(p record.Position) record.Position {
	if regexp.MustCompile(`^(row \d+|[^=@]*:\d+)$`).MatchString(string(p)) {
		return p
	}
	return record.Position(r.digest("position", string(p)))
}

func (r redaction) digest(what, text string) string {
	if text == "" {
		return ""
	}
	const bytesShown = 5
	mac := hmac.New(sha256.New, r.key)
	mac.Write([]byte(strings.Join([]string{what, text}, "\x00")))
	return "#" + hex.EncodeToString(mac.Sum(nil)[:bytesShown])
}
