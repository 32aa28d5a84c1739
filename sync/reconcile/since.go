package reconcile

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// defaultReadAllEvery is after how many runs all records are read again, where the pipeline doesn't say.
const defaultReadAllEvery = 7

// A source may give only what changed since the last read. Who isn't in such a read is neither unchanged nor absent: they
// weren't read. The planner isn't told of them at all, but for how many they are, so nothing is decided about them.
//
// Where somebody who was read meets somebody who wasn't (both want the same e-mail, or one's account is known as the
// other's), the decision takes both records: then all are read.
type following struct {
	readAll bool            // all records are read, whatever changed
	last    state.Cursor    // as the state has it
	since   string          // the cursor that is read from; "": all records are read
	next    string          // the cursor of this read
	notRead map[string]bool // external IDs of which something is known that this read may concern, and whose records it didn't give
	theirs  map[int64]bool  // their accounts
	unrest  bool            // an operation didn't come to its end
}

// errNeedsAll says that a plan can't be made from what changed.
var errNeedsAll = errors.New("all records have to be read")

// follow chooses between all records and those that changed.
func (r *run) follow(ctx context.Context) (err error) {
	if _, can := r.Source.(record.Follower); !can {
		return nil
	}
	f := &r.following
	f.since = ""
	if f.last, err = r.store.Cursor(ctx); err != nil {
		return err
	}
	baseline, err := r.store.Baseline(ctx)
	if err != nil {
		return err
	}
	every, asked := cmp.Or(r.ReadAllEvery, defaultReadAllEvery), r.order.ListAll || r.order.RetryRefused
	if due := f.last.SinceAll+1 >= every; !f.readAll && !asked && !due && baseline != nil && f.last.Digest == r.rules() {
		f.since = f.last.Source
	}
	return nil
}

// rules is a digest of all that decides about records.
func (r *run) rules() user.Digest { return r.salt(&r.Policy) }

// openSource begins a read of what this run reads.
func (r *run) openSource(ctx context.Context) (record.Reader, error) {
	if follower, can := r.Source.(record.Follower); can && r.following.since != "" {
		return follower.OpenSince(ctx, r.following.since)
	}
	return r.Source.Open(ctx)
}

// partial reports whether only what changed was read.
func (r *run) partial() bool { return r.Run.Verdict.Since != "" }

// concerned returns what is remembered of those whom the read concerns, and their accounts, and counts the other owned ones,
// whose records it didn't give.
func (r *run) concerned(ctx context.Context, read *source) (known []state.Remembered, seen []account.Account, err error) {
	r.Run.Tally.NotRead = 0
	if !r.partial() {
		known, r.observed, err = r.recollect(ctx, r.mirrored.concerned())
		return known, r.observed, err
	}
	wanted := r.mirrored.sieve.Claims()
	notRead := r.mirrored.sieve.Presume()
	known, r.observed, err = r.recollect(ctx, r.mirrored.concerned())
	if err != nil {
		return nil, nil, err
	}
	known, seen, without, err := r.narrow(read, known, r.observed, wanted)
	r.Run.Tally.NotRead = notRead + without
	return known, seen, err
}

// narrow leaves to the planner those whom a read of what changed gave, and returns how many accounts it left out. wanted
// tells whether somebody who was read wants an account's login or e-mail.
func (r *run) narrow(
	read *source, remembered []state.Remembered, observed []account.Account, wanted func(*account.Account) bool,
) (known []state.Remembered, seen []account.Account, without int, err error) {
	given := make(map[string]bool, len(remembered)+len(observed))
	for i := range remembered {
		given[remembered[i].ExternalID] = false
	}
	for i := range observed {
		given[observed[i].ExternalID] = false
	}
	give := func(externalID string) {
		if _, asked := given[externalID]; asked {
			given[externalID] = true
		}
	}
	for d, err := range read.users.Sorted() {
		if err != nil {
			return nil, nil, 0, err
		}
		give(d.User.ExternalID)
	}
	for _, reject := range read.rejects {
		give(reject.ExternalID)
	}

	f := &r.following
	f.notRead, f.theirs = map[string]bool{}, map[int64]bool{}
	ours := map[int64]bool{}
	for i := range remembered {
		one := &remembered[i]
		if given[one.ExternalID] {
			ours[one.AccountID] = true
			known = append(known, *one)
			continue
		}
		f.notRead[one.ExternalID] = true
		if one.AccountID != 0 {
			f.theirs[one.AccountID] = true
		}
	}
	for i := range observed {
		a := &observed[i]
		switch wasRead := given[a.ExternalID] || a.ID != 0 && ours[a.ID]; {
		case wasRead && f.theirs[a.ID],
			!wasRead && wanted(a),
			!wasRead && f.theirs[a.ID] && !f.notRead[a.ExternalID]: // it left its own external ID
			return nil, nil, 0, errNeedsAll
		case wasRead:
			seen = append(seen, *a)
		default:
			without++
		}
	}
	return known, seen, without, nil
}

// meets reports whether an account that was looked up is known as somebody's whose record wasn't read.
func (r *run) meets(found []account.Account) bool {
	return slices.ContainsFunc(found, func(a account.Account) bool { return r.following.theirs[a.ID] })
}

// respells reports whether what changed would sign somebody up under another spelling of the external ID of somebody who is known:
// whether that one is missing, only a read of all records shows.
func (r *run) respells(ctx context.Context, p *plan.Plan) (respelled bool, err error) {
	if !r.partial() {
		return false, nil
	}
	wanted := map[string]string{} // external IDs by what is left of them in any spelling
	for op, err := range p.All() {
		if err != nil {
			return false, err
		}
		if op.Kind == plan.Create {
			wanted[user.LooseKey(op.ExternalID)] = strings.Clone(op.ExternalID) // it is good until the next one
		}
	}
	if len(wanted) == 0 {
		return false, nil
	}
	err = r.store.Accounted(ctx, func(externalID string) {
		if newcomer, spelled := wanted[user.LooseKey(externalID)]; spelled && newcomer != externalID {
			respelled = true
		}
	})
	return respelled, err
}

// rests reports whether nothing is left to do for whoever ended so, until their record changes or all are read again.
func rests(outcome *state.Outcome) bool {
	switch outcome.Ending {
	case state.DoneApplied:
		return true
	case state.DoneSkipped:
		return slices.Contains([]plan.Reason{plan.RefusedBefore, plan.UpdatesOff, plan.LeftVanished}, outcome.Operation.Blocked)
	default:
		return false
	}
}

// overOthers are the reasons to reject a record for what another one says: whether they hold takes both.
func overOthers() []plan.Reason {
	return []plan.Reason{plan.DuplicateKey, plan.SharedValue, plan.HeldByLeaver, plan.Ambiguous}
}

// nextCursor is where the source is read from next, after an applied run; nil: from where it was. It goes on only where
// nothing is left to do for anybody whom this read gave: otherwise their records wouldn't be read again.
func (r *run) nextCursor() *state.Cursor {
	f, t := &r.following, &r.Run.Tally
	if r.saved || f.next == "" && f.last.Source == "" {
		return nil
	}
	bad := 0 // pictures that won't do: they count as failed, and stay so
	for _, remark := range r.Plan.Remarks {
		if remark.Reason == plan.BadPicture {
			bad++
		}
	}
	unrest := f.unrest || t.LockedOut > 0 || t.Avatars.Failed > bad || t.Avatars.Unknown > 0 || t.Avatars.NotAttempted > 0 || t.Collapsed > 0 ||
		slices.ContainsFunc(r.Plan.Rejects, func(reject plan.Reject) bool { return slices.Contains(overOthers(), reject.Reason) })
	next := state.Cursor{Source: f.next, Digest: r.rules()}
	switch {
	case r.partial() && unrest:
		return nil
	case r.partial():
		next.SinceAll = f.last.SinceAll + 1
	case unrest: // of people, too, whose records changed long ago
		next.Source = ""
	}
	return &next
}
