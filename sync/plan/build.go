package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// mostAhead bounds for how many operations there is room before it is known that there are so many: growing copies them.
const mostAhead = 1 << 18

// Build decides. Found are the accounts that the survey's look-ups returned. The last column names the golden plan that
// shows the case.
//
//	record             | account                                    | policy                       | decision                         | case
//	-------------------+--------------------------------------------+------------------------------+----------------------------------+------
//	one                | none                                       |                              | create                           | new-record-is-created
//	one, no password   | none                                       |                              | reject bad-password              | new-record-without-a-password
//	one, no password   | ours, differs                              |                              | update                           | record-without-a-password
//	one, no password   | not ours, has the login                    | adopt: login                 | adopt                            | adopt-without-a-password
//	one                | none, but known before                     | vanished: recreate           | create vanished                  | vanished-recreate
//	one                | none, but known before                     | vanished: leave              | create, blocked left-vanished    | vanished-leave
//	one                | none; in doubt with another login          |                              | create, blocked in-doubt         | late-sign-up-with-another-login
//	one                | ours, equal                                |                              | unchanged                        | unchanged-is-not-listed
//	one                | ours, differs                              |                              | update                           | one-field-differs
//	one                | ours, tag of another pipeline too          |                              | reject not-ours                  | record-of-two-pipelines
//	one                | ours, differs                              | updates: off                 | update, blocked not-permitted    | updates-off
//	one                | ours, differs                              | refused before               | update, blocked refused-before   | refused-before
//	one                | ours, login differs; in doubt with its own |                              | update, blocked in-doubt         | late-sign-up-keeps-its-login
//	one                | ours, not listed yet                       |                              | as if it were                    | signed-up-a-moment-ago
//	one                | known by id, our tag gone                  |                              | update lost-tag                  | lost-tag-is-retagged
//	one                | known by id, our tag and external ID gone  |                              | update lost-tag                  | lost-tag-and-external-id
//	one                | known by id, tag of another pipeline       |                              | reject not-ours                  | lost-tag-to-another-pipeline
//	one                | known by id, external ID gone              |                              | update lost-external-id          | cleared-external-id-is-given-back
//	one                | known by id, external ID of nobody         |                              | update lost-external-id          | changed-external-id-is-taken-back
//	one                | known by id, external ID never took        |                              | as any account of ours           | external-id-that-does-not-take
//	one                | known by id, external ID of another record |                              | reject ambiguous, both           | two-records-for-one-account
//	one                | known by id, external ID of a reject       |                              | reject ambiguous                 | external-id-of-a-rejected-record
//	one                | known as a reject's, carries this one's    |                              | reject ambiguous                 | account-of-a-rejected-record
//	two                | ours, known as both's, carries one's       |                              | that one's; create               | two-records-known-with-one-account
//	two                | ours, known as both's, carries neither's   |                              | reject ambiguous, both           | account-known-as-two-records
//	one                | ours, known as a leaver's too              |                              | update lost-external-id          | account-known-as-a-leaver-too
//	one                | two: known by id, and with the external ID |                              | reject ambiguous                 | external-id-on-a-second-account
//	one                | known by id; a reject's has their external ID |                              | update, blocked ambiguous        | external-id-that-nobody-takes-off
//	one                | two of ours with the external ID           |                              | reject ambiguous                 | two-accounts-one-id
//	one                | known under a key that left the source     |                              | as any account of ours           | changed-external-id-follows-the-source
//	one                | protected                                  |                              | reject protected                 | protected-record
//	one                | protected, our tag gone                    |                              | reject protected                 | protected-lost-tag
//	one                | not ours, has the external ID              | adopt: refuse                | reject not-ours                  | exists-but-not-ours-is-rejected
//	one                | not ours, has the external ID              | adopt: external_id           | adopt                            | adopt-by-external-id
//	one                | not ours, has the login                    | adopt: refuse                | reject not-ours                  | login-taken-by-another
//	one                | not ours, has the login                    | adopt: login                 | adopt                            | adopt-by-login
//	one                | not ours, has the login                    | adopt: external_id, email    | reject not-ours                  | adopt-by-a-key-that-is-not-permitted
//	one                | not ours, has the e-mail                   | adopt: refuse                | reject not-ours                  | email-of-a-stranger
//	one                | not ours, has the e-mail                   | adopt: email                 | adopt                            | adopt-by-email
//	one                | not ours, to be adopted                    | no right to                  | adopt, blocked not-permitted     | adopt-without-authority
//	one                | not ours, to be adopted                    | updates: off                 | adopt, blocked not-permitted     | adopt-with-updates-off
//	one                | not ours, to be adopted                    | refused before               | adopt, blocked refused-before    | adopt-refused-before
//	one                | not ours, to be adopted; another in doubt  | adopt                        | adopt, blocked in-doubt          | late-adoption-of-another
//	one                | two, by different keys                     | adopt                        | reject ambiguous                 | adopt-two-accounts
//	two                | one, to be adopted by both                 | adopt                        | reject ambiguous, both           | adopt-two-records
//	one                | not ours, known as another record's        | adopt                        | reject ambiguous                 | adopt-an-account-known-as-anothers
//	one                | not ours, another external ID              | adopt                        | reject not-ours                  | adopt-another-external-id
//	one                | not ours, tag of another pipeline          | adopt                        | reject not-ours                  | adopt-another-pipelines
//	one                | not ours, five tags                        | adopt                        | reject no-room-for-tags          | adopt-without-room
//	one                | not ours, protected                        | adopt                        | reject protected                 | adopt-protected
//	one                | not ours, protected                        | adopt: refuse                | reject protected                 | protected-stranger
//	one                | our tag, no external ID, has the login     | adopt: login                 | adopt                            | adopt-ours-without-external-id
//	one                | a leaver's, has the login                  |                              | reject held-by-leaver            | held-by-leaver
//	one                | a leaver's, has the login                  | adopt                        | reject held-by-leaver            | adopt-never-a-leaver
//	one                | a leaver's, goes in this plan              |                              | create after the delete          | claim-waits-for-delete
//	one                | wants a tag of another pipeline            |                              | reject foreign-tag               | tag-of-another-pipeline
//	two                | ours, each has the other's login or e-mail |                              | update, both in one ring         | swap-of-two-logins
//	two                | ours, each carries the other's external ID |                              | update, blocked cycle            | crossed-external-ids
//	one                | ours, gave up an e-mail in a swap          | its own update isn't sent    | update broken-swap beside it     | parked-email-behind-a-refused-one
//	several, equal     | any                                        |                              | as one; the others are collapsed | duplicate-equal-collapses
//	several, different | any                                        |                              | reject duplicate-key             | duplicate-different-rejects-both
//	two, one login     | any                                        |                              | reject shared-value              | shared-login-rejects-both
//	two, one e-mail    | any                                        |                              | reject shared-value              | shared-email-rejects-both
//	rejected           | any                                        |                              | present: left alone              | reject-with-key-counts-as-present
//	rejected           | ours, gave up its login in a swap          |                              | update broken-swap               | parked-values-of-a-rejected-record
//	rejected and one   | any                                        |                              | reject duplicate-key             | reject-beside-a-record
//	none               | ours                                       | leavers: keep                | leaver kept                      | leaver-kept
//	none               | ours                                       | grace                        | leaver in-grace                  | leaver-in-grace
//	none               | ours                                       | leavers: release, grace over | release                          | leaver-released
//	none               | ours                                       | leavers: delete, grace over  | delete                           | leaver-deleted-after-grace
//	none               | ours                                       | leavers: delete, no grace    | delete                           | leaver-deleted-without-grace
//	none               | ours                                       | absence unknown              | leaver absence-unknown           | absence-unknown-keeps-everybody
//	none               | ours, protected                            | any                          | leaver protected                 | protected-leavers
//	none               | ours, tag of another pipeline too          | leavers: delete              | remark ambiguous                 | leaver-of-two-pipelines
//	none               | ours, tag of another pipeline too          | leavers: release             | release                          | leaver-of-two-pipelines-released
//	none               | ours, known under a key that left too      | grace                        | leaver in-grace, from now on     | changed-external-id-leaves-afresh
//	none               | ours, the key known as another account's  | grace                        | leaver in-grace, from now on     | absence-of-another-account
//	none               | ours, gave up its login in a swap          | grace                        | update broken-swap, leaver       | parked-values-of-a-leaver
//	none               | ours, gave up an e-mail in a swap          | leavers: release, grace over | update broken-swap, release later | parked-values-before-a-release
//	none               | our tag, no external ID                    | any                          | remark no-external-id            | tag-on-account-without-id
func (s *Survey) Build(found []account.Account) *Plan {
	b := &builder{
		Survey: s, policy: s.in.Policy,
		plan:     &Plan{Operations: make([]Operation, 0, min(s.rows, mostAhead)), Rejects: []Reject{}, Leavers: []Leaver{}, Remarks: []Remark{}, Agreed: map[string]Agreement{}},
		rejected: map[string]bool{}, foundByID: maps.Clone(s.strays), deviating: map[string]row{}, adoptable: map[string]Desired{}, leavers: map[int64]string{}, refusals: map[string]*Refusal{},
		halfway: map[string]halfway{}, unfit: map[string]string{},
	}
	for _, r := range s.in.Rejects {
		b.rejected[r.ExternalID] = true
	}
	b.plan.Rejects = append(b.plan.Rejects, s.in.Rejects...)
	for _, a := range found {
		b.foundByID[a.ID] = a
	}
	b.plan.Owned, b.plan.Desired, b.plan.Unchanged = s.in.Agreeing+s.in.NotRead, s.in.Agreeing, s.in.Agreeing
	for r := range join(s.in) {
		b.row(r)
	}
	b.matchDeviating()
	b.settleClaims()
	b.order()
	b.settleAvatars()
	sortRejects(b.plan.Rejects)
	return b.plan
}

type builder struct {
	*Survey
	plan      *Plan
	digester  user.Digester
	policy    Policy
	rejected  map[string]bool
	foundByID map[int64]account.Account

	byExternalID map[string][]account.Account // of found, made on first use
	deviating    map[string]row               // records whose known account isn't under their external ID
	adoptable    map[string]Desired           // records whose sign-ups may turn out to be adoptions
	leavers      map[int64]string             // leavers whose accounts stay, by account id, and until when
	refusals     map[string]*Refusal          // of those for whom something is planned, by external ID
	unfit        map[string]string            // why those can't be signed up for whom that is planned, by external ID
	halfway      map[string]halfway           // those who gave something up in a swap that was broken off, by external ID
}

func (b *builder) row(r row) {
	if r.key == "" {
		b.withoutExternalID(r.observed)
		return
	}
	b.plan.Owned += len(r.observed)
	b.plan.Desired += len(r.desired)
	b.notice(r)

	want, ok := b.oneRecord(r)
	switch {
	case !ok:
	case want == nil:
		b.withoutRecord(r)
	case b.deviates(r):
		r.desired = []Desired{*want}
		b.deviating[r.key] = r.keep()
	default:
		b.withRecord(*want, r)
	}
}

// withoutExternalID leaves accounts alone that carry our tag but can't be compared with anybody.
func (b *builder) withoutExternalID(accounts []account.Account) {
	b.plan.Owned += len(accounts)
	for _, a := range accounts {
		if _, matched := b.KnownAs(a.ID); matched {
			continue
		}
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
	for _, d := range r.desired[1:] {
		if d.User.Values != first.User.Values || d.Picture.Stamp != first.Picture.Stamp {
			b.rejectAll(r.desired, DuplicateKey, fmt.Sprintf("%s have the external ID %s and different content: keep one of them", positionsOf(r.desired), r.key))
			return nil, false
		}
	}
	b.plan.Collapsed += len(r.desired) - 1
	if len(r.desired) > 1 {
		first.Digest = 0 // no single record to recognise them by
		b.plan.Remarks = append(b.plan.Remarks, Remark{
			ExternalID: r.key, Position: first.Position, Reason: DuplicateKey,
			Detail: fmt.Sprintf("%s say the same; they count as one", positionsOf(r.desired)),
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
		if rivals := b.contests[claimOf(field, value)]; rivals != nil {
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

// add puts an operation on the plan.
func (b *builder) add(op Operation, known Known) {
	if known.Refusal != nil {
		b.refusals[op.ExternalID] = known.Refusal
	}
	b.judge(&op, known.Refusal)
	b.plan.Operations = append(b.plan.Operations, op)
}

// judge blocks an operation if the service refused exactly this before, or if it could end in two accounts. Whether
// somebody frees what it claims is known later: then it is judged again.
func (b *builder) judge(op *Operation, r *Refusal) {
	op.Digest = b.digest(op)
	if r.bars(op.Digest, len(op.WaitsFor) > 0) && op.Blocked == "" && !b.in.RetryRefused {
		op.Blocked, op.Detail = RefusedBefore, r.Words+"; --retry-failed sends it again"
	}
	if why := b.in.Late[op.ExternalID].hinders(op); why != "" && op.Blocked == "" {
		op.Blocked, op.Detail = InDoubt, why
	}
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
func (b *builder) digest(op *Operation) string {
	d := &b.digester
	for _, text := range []string{b.in.ConfigDigest, string(op.Kind), op.ExternalID} {
		d.Add(text)
	}
	d.AddNumber(op.AccountID)
	if op.ExternalIDBefore != nil {
		d.Add(*op.ExternalIDBefore)
	} else {
		d.AddMissing(0)
	}
	d.AddNumber(int64(len(op.Changes)))
	for _, c := range op.Changes {
		d.AddNumber(int64(c.Field))
		d.Add(c.Before)
		d.Add(c.After)
	}
	was := op.Was()
	for _, value := range was.Values {
		d.Add(value.Text)
	}
	return strconv.FormatUint(uint64(d.Digest()), 16)
}

// Digest recognises the plan: the same for two plans with the same operations.
func (p *Plan) Digest() (string, error) {
	sum := sha256.New()
	for op, err := range p.All() {
		if err != nil {
			return "", err
		}
		fmt.Fprintln(sum, op.Digest, op.Step, op.Blocked, op.Wave)
	}
	for i := range p.Avatars {
		fmt.Fprintln(sum, avatarField, p.Avatars[i].Digest, p.Avatars[i].Blocked)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

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
