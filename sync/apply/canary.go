package apply

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// readBackTries is how often accounts are read back that aren't as they were planned: a list may lag behind a write.
const readBackTries = 6

// check finds out whether the sample came to what was planned. It stops the run where
//
//	the breaker opened, or more than its share of the operations of one kind failed
//	nothing of it was sent, and there is more to send
//	an account can't be read back, or a field that was written holds something else than was sent, unless the service
//	  ignored it, which its outcome says, or is known to make something else of that field (Applier.Normalised)
//
// Whether deletes happened, their look-up has shown.
func (r *run) check(ctx context.Context, sampled []state.Outcome, more func() bool) {
	report := state.Canary{}
	var differences []state.Difference
	defer func() {
		if r.Checked != nil {
			r.Checked(report, differences)
		}
	}()
	report.Operations = sentOf(sampled)
	if r.cause() != nil {
		return
	}
	if err := r.sampleFailed(sampled); err != nil {
		r.halt(err)
		return
	}
	if report.Operations == 0 && len(sampled) > 0 && more() {
		r.halt(&OpenedError{Rule: state.CanaryFailed, words: "nothing of the sample was sent, so it shows nothing, and the rest isn't sent: make the plan again; the last one: " + sampled[len(sampled)-1].Words})
		return
	}
	written := slices.DeleteFunc(slices.Clone(sampled), func(o state.Outcome) bool {
		return o.Ending != state.DoneApplied || o.Operation.Kind == plan.Delete || o.Operation.Step == plan.Park || o.Account == nil
	})
	report.ReadBack = len(written)
	differences, err := r.readBack(ctx, written)
	if err != nil {
		if account.KindOf(err).Unusable() {
			r.unusable(err)
			return
		}
		r.halt(&OpenedError{state.CanaryFailed, "the sample couldn't be read back, so the rest isn't sent: " + err.Error(), err})
		return
	}
	report.Different, report.Normalised = summary(differences)
	if len(differences) > 0 {
		r.halt(&OpenedError{Rule: state.CanaryFailed, words: notAsPlanned(report, differences)})
	}
}

// others reports whether anything is to be sent beside the sample.
func others(operations iter.Seq2[*plan.Operation, error], chosen map[string]bool) bool {
	for op, err := range operations {
		if err == nil && op.Blocked == "" && !chosen[op.ExternalID] {
			return true
		}
	}
	return false
}

func sentOf(outcomes []state.Outcome) int {
	n := 0
	for i := range outcomes {
		if o := &outcomes[i]; o.Ending != state.DoneSkipped && o.Ending != state.NotAttempted && o.Operation.Step != plan.Park {
			n++
		}
	}
	return n
}

// sampleFailed says why the operations themselves, before anything is read back, keep the rest from being sent.
func (r *run) sampleFailed(sampled []state.Outcome) error {
	if err := r.breaker.opened(); err != nil {
		return err
	}
	for _, kind := range plan.Kinds() {
		tried, failed, words := 0, 0, ""
		for i := range sampled {
			o := &sampled[i]
			if o.Operation.Kind != kind || o.Operation.Step == plan.Park {
				continue
			}
			switch o.Ending {
			case state.DoneApplied:
				tried++
			case state.DoneFailed, state.DoneUnknown:
				tried++
				failed++
				words = o.Words
			}
		}
		if float64(failed) > r.breaker.Share*float64(tried) {
			return &OpenedError{Rule: state.CanaryFailed, words: fmt.Sprintf("%d of %d operations (%s) of the sample failed, so the rest isn't sent; the last one: %s", failed, tried, kind, words)}
		}
	}
	return nil
}

// readBack looks the accounts up by id until they are as planned, or it was tried often enough.
func (r *run) readBack(ctx context.Context, written []state.Outcome) ([]state.Difference, error) {
	var differences []state.Difference
	for try := range readBackTries {
		if len(written) == 0 || try > 0 && !pause(ctx, try) {
			break
		}
		differences = nil
		var again []state.Outcome
		for some := range slices.Chunk(written, mostDeletes) {
			ids := make([]int64, len(some))
			for i := range some {
				ids[i] = some[i].Account.ID
			}
			now, err := byID(ctx, r.Service, ids...)
			if err != nil {
				return nil, err
			}
			for i := range some {
				if found := r.differences(&some[i], now); len(found) > 0 {
					differences, again = append(differences, found...), append(again, some[i])
				}
			}
		}
		written = again
	}
	return differences, ctx.Err()
}

// differences compares an account with what was planned for it, field by field.
func (r *run) differences(o *state.Outcome, present map[int64]account.Account) []state.Difference {
	op := &o.Operation
	differs := func(field, sent, got string) state.Difference {
		return state.Difference{ExternalID: op.ExternalID, AccountID: o.Account.ID, Position: op.Position, Field: field, Sent: sent, Got: got}
	}
	now, there := present[o.Account.ID]
	if !there {
		return []state.Difference{differs("account", "account "+strconv.FormatInt(o.Account.ID, 10), "none with this id")}
	}
	var all []state.Difference
	given := op.Step == "" && (op.Kind == plan.Create || op.ExternalIDBefore != nil)
	if given && o.KeptID == nil && now.ExternalID != op.ExternalID {
		all = append(all, differs("external_id", op.ExternalID, now.ExternalID))
	}
	for _, c := range op.Changes {
		got := now.Values[c.Field].Text
		if asPlanned(c, got) {
			continue
		}
		i := slices.IndexFunc(o.Learned, func(l plan.Learned) bool { return l.Field == c.Field && c.Field.Equal(l.Got, got) })
		said := i >= 0 // by the answer to the write
		if said && (o.Learned[i].Ignored || r.Normalised[c.Field.String()]) {
			continue
		}
		d := differs(c.Field.String(), c.After, got)
		d.Normalised = said
		all = append(all, d)
	}
	return all
}

// asPlanned reports whether a field holds what the change was to make of it, beside what others have in it.
func asPlanned(c plan.Change, got string) bool {
	if c.Field.Equal(got, c.After) {
		return true
	}
	merged, ok := c.Onto(got)
	return ok && c.Field.Equal(got, merged)
}

// notAsPlanned says what is wrong and what to do.
func notAsPlanned(report state.Canary, differences []state.Difference) string {
	var fields []string
	remedy := "ConnectyCube makes something else of them, and says so: if that is right, apply the plan again, with which it counts as known"
	for _, d := range differences {
		if !slices.Contains(fields, d.Field) {
			fields = append(fields, d.Field)
		}
		if !d.Normalised {
			remedy = "look at them before you apply the rest without a canary"
		}
	}
	slices.Sort(fields)
	return fmt.Sprintf("%d of %d accounts that were read back aren't as they were planned (%s), so the rest isn't sent; %s",
		report.Different, report.ReadBack, strings.Join(fields, ", "), remedy)
}

// summary counts the accounts that differ, and names the fields of which the service made something else and said so.
func summary(differences []state.Difference) (accounts int, normalised []string) {
	different := map[int64]bool{}
	for _, d := range differences {
		different[d.AccountID] = true
		if d.Normalised && !slices.Contains(normalised, d.Field) {
			normalised = append(normalised, d.Field)
		}
	}
	slices.Sort(normalised)
	return len(different), normalised
}
