package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// Build decides. Found are the accounts that the survey's look-ups returned.
//
//	record   | account under its external ID      | policy           | decision
//	---------+------------------------------------+------------------+------------------------------------
//	one      | none                               |                  | create
//	one      | none, but known before             | vanished: leave  | create, blocked left-vanished
//	one      | none; login or e-mail taken        |                  | reject not-ours, value-taken, held-by-leaver
//	one      | one with our tag, equal            |                  | unchanged
//	one      | one with our tag, differs          |                  | update
//	one      | one with our tag, differs          | updates: off     | update, blocked not-permitted
//	one      | one known under another record's   |                  | reject ambiguous, both records
//	         | external ID                        |                  |
//	one      | one without our tag, known by id   |                  | update lost-tag
//	one      | one without our tag                | adopt: refuse    | reject not-ours
//	one      | several                            |                  | reject ambiguous
//	several equal |                               |                  | as one; the others are collapsed
//	several different |                           |                  | reject duplicate-key
//	rejected | any                                |                  | present: left alone
//	none     | one with our tag                   | leavers: keep    | leaver kept
//	none     | one with our tag                   | release, delete  | leaver in grace, then release or delete
//	none     | one with our tag                   | absence unknown  | leaver absence-unknown
//	none     | one with our tag, no external ID   |                  | remark no-external-id
func (s *Survey) Build(found []account.Account) *Plan {
	b := &builder{
		Survey: s, policy: s.in.Policy,
		plan:     &Plan{Operations: []Operation{}, Rejects: []Reject{}, Leavers: []Leaver{}, Remarks: []Remark{}},
		rejected: map[string]bool{}, foundByID: map[int64]account.Account{}, leavers: map[int64]string{},
	}
	for _, r := range s.in.Rejects {
		b.rejected[r.ExternalID] = true
	}
	b.plan.Rejects = append(b.plan.Rejects, s.in.Rejects...)
	for _, a := range found {
		b.foundByID[a.ID] = a
	}
	for r := range join(s.in) {
		b.row(r)
	}
	b.settleClaims()
	b.order()
	sortRejects(b.plan.Rejects)
	return b.plan
}

type builder struct {
	*Survey
	plan      *Plan
	policy    Policy
	rejected  map[string]bool
	foundByID map[int64]account.Account

	byExternalID map[string][]account.Account // of found, made on first use
	leavers      map[int64]string             // leavers whose accounts stay, by account id, and until when
}

func (b *builder) row(r row) {
	if r.key == "" {
		b.withoutExternalID(r.observed)
		return
	}
	b.plan.Owned += len(r.observed)
	b.plan.Desired += len(r.desired)

	want, ok := b.oneRecord(r)
	switch {
	case !ok:
	case want == nil:
		b.withoutRecord(r)
	default:
		b.withRecord(*want, r)
	}
}

// withoutExternalID leaves accounts alone that carry our tag but can't be compared with anybody.
func (b *builder) withoutExternalID(accounts []account.Account) {
	b.plan.Owned += len(accounts)
	for _, a := range accounts {
		b.plan.Remarks = append(b.plan.Remarks, Remark{
			AccountID: a.ID, Reason: NoExternalID,
			Detail: fmt.Sprintf("carries the owner tag %q and has no external ID; take the tag off, or give it one", b.policy.OwnerTag),
		})
	}
}

// oneRecord returns the record of the row, nil where it has none; false where its records contradict each other.
func (b *builder) oneRecord(r row) (*Desired, bool) {
	if len(r.desired) == 0 {
		return nil, true
	}
	first := r.desired[0]
	positions := positionsOf(r.desired)
	for _, d := range r.desired[1:] {
		if d.User.Values != first.User.Values {
			b.rejectAll(r.desired, DuplicateKey, fmt.Sprintf("%s have the external ID %s and different content: keep one of them", positions, r.key))
			return nil, false
		}
	}
	b.plan.Collapsed += len(r.desired) - 1
	if len(r.desired) > 1 {
		b.plan.Remarks = append(b.plan.Remarks, Remark{
			ExternalID: r.key, Position: first.Position, Reason: DuplicateKey,
			Detail: fmt.Sprintf("%s say the same; they count as one", positions),
		})
	}
	if b.rejected[r.key] {
		b.rejectAll(r.desired[:1], DuplicateKey, fmt.Sprintf("another record with the external ID %s was rejected: keep one of them", r.key))
		return nil, false
	}
	for _, tag := range user.SplitTags(first.User.Values[user.Tags].Text) {
		if slices.ContainsFunc(b.policy.OtherOwnerTags, func(other string) bool { return strings.EqualFold(other, tag) }) { // a service may fold case

			b.rejectAll(r.desired[:1], ForeignTag, fmt.Sprintf("the tag %q marks the accounts of another pipeline, which would take this one for its own: map another tag", tag))
			return nil, false
		}
	}
	for _, field := range claimed() {
		value := r.wants(first.User, field)
		if value == "" {
			continue
		}
		if rivals := b.contests[claim{field, field.Canonical(value)}]; rivals != nil {
			b.rejectAll(r.desired[:1], SharedValue, fmt.Sprintf("%s all want the %s %s: give each their own", joinPositions(rivals), field, value))
			return nil, false
		}
	}
	return &first, true
}

func (b *builder) rejectAll(records []Desired, reason Reason, detail string) {
	for _, d := range records {
		b.reject(d, reason, detail)
	}
}

func (b *builder) reject(d Desired, reason Reason, detail string) {
	b.plan.Rejects = append(b.plan.Rejects, Reject{Position: d.Position, ExternalID: d.User.ExternalID, Reason: reason, Detail: detail})
}

// withRecord decides about a record that is the only one of its external ID.
func (b *builder) withRecord(d Desired, r row) {
	known := Known{ExternalID: r.key}
	if r.known != nil {
		known = *r.known
	}
	accounts, reason := r.observed, FieldsDiffer
	if len(accounts) == 0 {
		accounts, reason = b.unlisted(known)
	}
	switch len(accounts) {
	case 0:
		b.create(d, known)
	case 1:
		b.update(d, known, accounts[0], reason)
	default:
		b.reject(d, Ambiguous, fmt.Sprintf("%s have this external ID and neither is touched: take it off all but one", accountNumbers(accounts)))
	}
}

// unlisted returns accounts with the external ID that the list of our tag didn't show: signed up a moment ago, or
// bereft of our tag although we know them by id. An account that never was ours is returned too: update rejects it.
func (b *builder) unlisted(known Known) ([]account.Account, Reason) {
	if a, ok := b.foundByID[known.AccountID]; ok && a.ExternalID == known.ExternalID {
		return []account.Account{a}, LostTag
	}
	return b.holdersOf(known.ExternalID), FieldsDiffer
}

func (b *builder) update(d Desired, known Known, have account.Account, reason Reason) {
	if !have.HasTag(b.policy.OwnerTag) && reason != LostTag {
		b.reject(d, NotOurs, fmt.Sprintf("exists as account %d, not ours: it doesn't carry the tag %q", have.ID, b.policy.OwnerTag))
		return
	}
	was, moved := b.lost[have.ID]
	if moved && was.externalID != d.User.ExternalID && (was.wanted || b.rejected[was.externalID]) {
		b.reject(d, Ambiguous, fmt.Sprintf("account %d carries this external ID now and was known under %q, which the source has too: give one of them another account",
			have.ID, was.externalID))
		return
	}
	if known.AccountID != have.ID {
		known.Mine, known.Learned = user.Values{}, nil // they are of an account that is gone
	}
	changes, remarks := diff(d.User.Values, have, known, b.policy)
	for _, remark := range remarks {
		remark.ExternalID, remark.AccountID, remark.Position = d.User.ExternalID, have.ID, d.Position
		b.plan.Remarks = append(b.plan.Remarks, remark)
	}
	if len(changes) == 0 {
		b.plan.Unchanged++
		return
	}
	if have.HasTag(b.policy.OwnerTag) {
		reason = FieldsDiffer
	}
	op := Operation{
		Kind: Update, ExternalID: d.User.ExternalID, AccountID: have.ID, Position: d.Position,
		Reason: reason, Changes: changes, Account: have, Mine: Merged(d.User.Values),
	}
	if b.policy.UpdatesOff {
		op.Blocked, op.Detail = UpdatesOff, "updates: off"
	}
	b.add(op, known)
}

func (b *builder) create(d Desired, known Known) {
	reason := NewRecord
	if known.AccountID != 0 {
		if moved, ok := b.foundByID[known.AccountID]; ok && moved.ExternalID != known.ExternalID {
			b.reject(d, Ambiguous, fmt.Sprintf("its account %d now carries the external ID %q: put %q back, or take the tag off that account",
				moved.ID, moved.ExternalID, known.ExternalID))
			return
		}
		reason = Vanished
	}
	op := Operation{
		Kind: Create, ExternalID: d.User.ExternalID, Position: d.Position, Reason: reason,
		Changes: createChanges(d.User, b.policy), Mine: Merged(d.User.Values),
	}
	if reason == Vanished && b.policy.LeaveVanished {
		op.Blocked = LeftVanished
		op.Detail = fmt.Sprintf("account %d disappeared without us (vanished: leave)", known.AccountID)
	}
	b.add(op, known)
}

// add puts an operation on the plan, blocked if the service refused exactly this before.
func (b *builder) add(op Operation, known Known) {
	op.Digest = digest(op, b.in.ConfigDigest)
	if r := known.Refusal; r != nil && r.Digest == op.Digest && op.Blocked == "" && !b.in.RetryRefused {
		op.Blocked, op.Detail = RefusedBefore, r.Words+"; --retry-failed sends it again"
	}
	b.plan.Operations = append(b.plan.Operations, op)
}

func (b *builder) holdersOf(externalID string) []account.Account {
	if b.byExternalID == nil {
		b.byExternalID = map[string][]account.Account{}
		for _, a := range sortedByID(b.foundByID) {
			b.byExternalID[a.ExternalID] = append(b.byExternalID[a.ExternalID], a)
		}
	}
	return b.byExternalID[externalID]
}

// digest recognises an operation: what it does to what, under which configuration.
func digest(op Operation, config string) string {
	text, err := json.Marshal([]any{config, op.Kind, op.ExternalID, op.AccountID, op.Changes, op.Account.Values})
	if err != nil {
		panic("digest of an operation: " + err.Error()) // strings and numbers: always encodable
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// Digest recognises the plan: the same for two plans with the same operations.
func (p *Plan) Digest() string {
	sum := sha256.New()
	for i := range p.Operations {
		op := &p.Operations[i]
		fmt.Fprintln(sum, op.Digest, op.Blocked, op.Wave)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

func sortedByID(accounts map[int64]account.Account) []account.Account {
	sorted := make([]account.Account, 0, len(accounts))
	for _, a := range accounts {
		sorted = append(sorted, a)
	}
	slices.SortFunc(sorted, func(a, b account.Account) int { return cmp.Compare(a.ID, b.ID) })
	return sorted
}

func sortRejects(rejects []Reject) {
	slices.SortStableFunc(rejects, func(a, b Reject) int {
		if c := strings.Compare(a.ExternalID, b.ExternalID); c != 0 {
			return c
		}
		return comparePositions(a.Position, b.Position)
	})
}

// comparePositions puts users.csv:9 before users.csv:10.
func comparePositions(a, b record.Position) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(string(a), string(b))
}

func positionsOf(records []Desired) string {
	positions := make([]record.Position, len(records))
	for i, d := range records {
		positions[i] = d.Position
	}
	return joinPositions(positions)
}

func joinPositions(positions []record.Position) string {
	positions = slices.Clone(positions)
	slices.SortFunc(positions, comparePositions)
	const most = 5
	var b strings.Builder
	for i, p := range positions {
		switch {
		case i == most:
			fmt.Fprintf(&b, " and %d more", len(positions)-most)
			return b.String()
		case i > 0 && i == len(positions)-1:
			b.WriteString(" and ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(p))
	}
	return b.String()
}

func accountNumbers(accounts []account.Account) string {
	numbers := make([]string, len(accounts))
	for i, a := range accounts {
		numbers[i] = fmt.Sprint(a.ID)
	}
	return "accounts " + strings.Join(numbers, " and ")
}
