package reconcile

import (
	"fmt"
	"iter"
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// lostZeros finds records under the external ID of somebody whom the read doesn't show, but for zeros at its beginning: spreadsheets
// take them off what they think is a number. Such a record is theirs. It is rejected under their external ID, so that nobody is signed
// up a second time and nobody is taken for a leaver; where it may be of several, it may be anybody's.
//
// An external ID that is known as it stands is nobody else's. And where the read shows somebody with all the zeros, that is their
// record, and the one without them isn't.
func (r *run) lostZeros(read *source, remembered []state.Remembered, observed []account.Account) error {
	if !r.ZerosGetLost {
		return nil
	}
	known, short := map[string]bool{}, map[string][]string{}
	for id := range externalIDs(observed, remembered) { // sorted, both: what is said names them in order
		if isNumber(id) && withoutZeros(id) != id && !known[id] {
			known[id] = true
			short[withoutZeros(id)] = append(short[withoutZeros(id)], id)
		}
	}
	if len(short) == 0 {
		return nil
	}
	for id := range externalIDs(observed, remembered) {
		if short[id] != nil {
			known[id] = true
		}
	}
	shown := map[string]bool{}
	var suspects []plan.Desired
	for _, reject := range read.rejects {
		shown[reject.ExternalID] = true
	}
	for d, err := range read.users.Sorted() {
		if err != nil {
			return err
		}
		switch id := d.User.ExternalID; {
		case known[id]:
			shown[id] = true
		case short[id] != nil:
			suspects = append(suspects, d)
		}
	}
	for _, d := range suspects {
		var whose []string
		for _, id := range short[d.User.ExternalID] {
			if !shown[id] && !read.zerosLeftOut[id] {
				whose = append(whose, id)
			}
		}
		if len(whose) > 0 {
			read.rejectZeroless(d, whose)
		}
	}
	return nil
}

// rejectZeroless rejects a record that has lost the zeros of one of these external IDs.
func (s *source) rejectZeroless(d plan.Desired, whose []string) {
	id, theirs, knownAs := d.User.ExternalID, whose[0], fmt.Sprintf("%q", whose[0])
	if len(whose) > 1 {
		theirs, knownAs = "", fmt.Sprintf("one of %q", whose)
	}
	s.rejects = append(s.rejects, plan.Reject{
		Position: d.Position, ExternalID: theirs, Reason: plan.BadRecord,
		Detail: fmt.Sprintf("external_id: %q is known as %s, and has lost the zeros at its beginning, as spreadsheets do to numbers: "+
			"let what makes the file write this column as text, or say damaged_keys: accept if this is somebody else", id, knownAs),
	})
	s.zeroless = append(s.zeroless, d)
	if s.zerolessIDs == nil {
		s.zerolessIDs = map[string]bool{}
	}
	s.zerolessIDs[id] = true
}

// sorted yields the users by external ID, without those whose records turned out to be rejected.
func (s *source) sorted() iter.Seq2[plan.Desired, error] {
	if s.zerolessIDs == nil {
		return s.users.Sorted()
	}
	return func(yield func(plan.Desired, error) bool) {
		for d, err := range s.users.Sorted() {
			if !s.zerolessIDs[d.User.ExternalID] && !yield(d, err) {
				return
			}
		}
	}
}

func externalIDs(observed []account.Account, remembered []state.Remembered) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range observed {
			if !yield(observed[i].ExternalID) {
				return
			}
		}
		for i := range remembered {
			if !yield(remembered[i].ExternalID) {
				return
			}
		}
	}
}

func isNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// withoutZeros is a number as a spreadsheet writes it.
func withoutZeros(number string) string {
	if bare := strings.TrimLeft(number, "0"); bare != "" {
		return bare
	}
	return number[len(number)-1:]
}
