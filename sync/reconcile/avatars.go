package reconcile

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"cubesync/sync/account"
	"cubesync/sync/avatar"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/state"
)

const (
	// avatarBatch is how many avatars are taken from the source before they are set; their accounts are looked up together.
	avatarBatch = 32
	// avatarsInVain is after how many avatars in a row that the service couldn't take no more are sent.
	avatarsInVain = 10
)

// avatars is the phase in which pictures are set. The source is read once more for them: no plan holds a picture, and many
// would not fit into memory.
//
//	step                   | lost there, e.g. by a kill
//	-----------------------+------------------------------------------------------------
//	get the picture        | nothing happened
//	create, upload the file| a file that nobody needs; the next run uploads again
//	point the account at it| as above, or done: the next run uploads again and points anew
//	remember it            | done, and done once more by the next run
type avatars struct {
	*run
	planned []plan.Avatar // by external ID
	taken   []bool        // of planned: the source had their record

	mu     sync.Mutex
	ended  []state.Outcome
	inVain int // in a row
}

// setAvatars sets the avatars of a plan whose operations were carried out.
func (r *run) setAvatars(ctx context.Context) {
	if r.Avatars == nil || len(r.Plan.Avatars) == 0 {
		return
	}
	defer r.Avatars.Album.Close()
	s := &avatars{run: r, planned: r.Plan.Avatars, taken: make([]bool, len(r.Plan.Avatars))}
	if !slices.IsSortedFunc(s.planned, byExternalID) { // in a plan that was written by hand
		s.planned = slices.SortedStableFunc(slices.Values(s.planned), byExternalID)
	}
	for i := range s.planned {
		if a := &s.planned[i]; a.Blocked != "" {
			s.taken[i] = true
			s.end(a, state.DoneSkipped, a.Detail)
		}
	}
	if n := r.Plan.AvatarsSent(); n > 0 {
		r.order.Progress.Phase("avatars", n)
		why := s.readAll(ctx)
		for i := range s.planned {
			if !s.taken[i] {
				s.end(&s.planned[i], why.ending, why.words)
			}
		}
	}
	slices.SortStableFunc(s.ended, func(a, b state.Outcome) int { return strings.Compare(a.Operation.ExternalID, b.Operation.ExternalID) })
	r.later = append(r.later, s.ended...)
	if r.stopped(ctx) {
		r.stop(ctx, context.Canceled)
	}
}

func byExternalID(a, b plan.Avatar) int { return strings.Compare(a.ExternalID, b.ExternalID) }

// stopped reports whether nothing more may be begun.
func (r *run) stopped(ctx context.Context) bool {
	select {
	case <-r.order.Stop:
		return true
	default:
		return ctx.Err() != nil
	}
}

// fate is how somebody's avatar ended, and why.
type fate struct {
	ending state.Ending
	words  string
}

// waiting is an avatar that is about to be set, with what its record says.
type waiting struct {
	*plan.Avatar
	cell string
}

// readAll reads the source and sets what it says, as long as that is as planned. It returns how those end whose record it
// didn't come to.
func (s *avatars) readAll(ctx context.Context) fate {
	reader, err := s.openSource(ctx)
	if err != nil {
		return fate{state.NotAttempted, "the source couldn't be read again: " + err.Error()}
	}
	defer func() { _ = reader.Close() }() // what was read is compared
	var batch []waiting
	for {
		rec, err := reader.Next(ctx)
		if _, rejected := errors.AsType[*record.RejectError](err); rejected {
			continue
		}
		if err == nil {
			batch = s.take(rec, batch)
		}
		if len(batch) == avatarBatch || err != nil {
			if halt := s.setAll(ctx, batch); halt != "" {
				return fate{state.NotAttempted, halt}
			}
			batch = batch[:0]
		}
		switch {
		case errors.Is(err, io.EOF):
			return fate{state.DoneSkipped, "its record is gone from the source since the plan was made"}
		case err != nil:
			return fate{state.NotAttempted, "the source couldn't be read again: " + err.Error()}
		}
	}
}

// take puts a record that an avatar is planned for into the batch.
func (s *avatars) take(rec record.Record, batch []waiting) []waiting {
	if out, err := s.Mapper.Filtered(rec); out || err != nil {
		return batch
	}
	externalID, readable := s.Mapper.Key(rec)
	i, planned := slices.BinarySearchFunc(s.planned, externalID, func(a plan.Avatar, id string) int { return strings.Compare(a.ExternalID, id) })
	if !readable || !planned || s.taken[i] {
		return batch
	}
	s.taken[i] = true
	cell := s.Avatars.cell(rec)
	if s.Avatars.Album.Stamp(cell) != s.planned[i].Stamp {
		s.end(&s.planned[i], state.DoneSkipped, "it changed in the source since the plan was made")
		return batch
	}
	return append(batch, waiting{&s.planned[i], cell})
}

// setAll sets a batch, and returns why no more may be sent; "" as long as they may.
func (s *avatars) setAll(ctx context.Context, batch []waiting) (halt string) {
	accounts, err := s.accounts(ctx, batch)
	group := errgroup.Group{}
	group.SetLimit(min(max(1, s.Workers), mostPictures))
	for _, w := range batch {
		if halt = s.halted(ctx); halt == "" && err != nil {
			halt = err.Error()
		}
		if halt != "" {
			s.end(w.Avatar, state.NotAttempted, halt)
			continue
		}
		group.Go(func() error {
			known, there := accounts[w.ExternalID]
			if !there {
				s.end(w.Avatar, state.DoneSkipped, "there is no account to set it for")
				return nil
			}
			f := s.set(ctx, w, known)
			s.end(w.Avatar, f.ending, f.words)
			return nil
		})
	}
	_ = group.Wait() // none of them returns an error
	return s.halted(ctx)
}

// halted says why no more may be sent, "" as long as they may.
func (s *avatars) halted(ctx context.Context) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped(ctx):
		return "interrupted"
	case s.inVain >= avatarsInVain:
		return "ConnectyCube took none of the last " + strconv.Itoa(s.inVain) + " avatars"
	}
	return ""
}

// accounts returns the accounts of a batch as they are now, by external ID: of those who were signed up a moment ago, as the
// service answered then. Those that the pipeline mustn't write any more are left out.
func (s *avatars) accounts(ctx context.Context, batch []waiting) (map[string]account.Account, error) {
	var ids, signedUp []string
	by := map[int64]string{}
	for _, w := range batch {
		if w.AccountID == 0 {
			signedUp = append(signedUp, w.ExternalID)
			continue
		}
		ids = append(ids, strconv.FormatInt(w.AccountID, 10))
		by[w.AccountID] = w.ExternalID
	}
	all, err := s.store.Accounts(ctx, signedUp)
	if err != nil || len(ids) == 0 {
		return all, err
	}
	found, err := s.Service.Find(ctx, account.ByID, ids)
	for _, a := range found {
		if s.spare(plan.Update, a) == "" && a.HasTag(s.Policy.OwnerTag) {
			a.ExternalID = by[a.ID] // whose password it has, where the service keeps another one
			all[a.ExternalID] = a
		}
	}
	return all, err
}

// set gets one picture and sets it.
func (s *avatars) set(ctx context.Context, w waiting, known account.Account) fate {
	picture, err := s.Avatars.Album.Get(ctx, w.cell)
	if problem, ok := errors.AsType[*avatar.ProblemError](err); ok {
		return fate{state.DoneFailed, problem.Error()}
	}
	if err != nil {
		return fate{state.NotAttempted, "interrupted"}
	}
	if w.SHA256 != "" && picture.SHA256 != w.SHA256 {
		return fate{state.DoneSkipped, "it changed in the source since the plan was made"}
	}
	given, err := s.store.Avatar(ctx, w.ExternalID, known.ID)
	if err != nil {
		return fate{state.DoneFailed, err.Error()}
	}
	now := plan.Uploaded{Stamp: w.Stamp, SHA256: picture.SHA256, Place: s.Policy.AvatarPlace}
	if given.Is(&plan.Picture{SHA256: picture.SHA256}, now.Place) { // the same picture under another address
		now.UID = given.UID
		return s.remember(ctx, w, known, now, fate{ending: state.DoneApplied})
	}
	now.UID, err = s.Avatars.Service.SetAvatar(ctx, known, account.Picture{
		Name: picture.Name, ContentType: picture.ContentType, Content: picture.Content,
	})
	s.tried(err)
	if err == nil {
		return s.remember(ctx, w, known, now, fate{ending: state.DoneApplied})
	}
	switch account.KindOf(err) {
	case account.Ambiguous:
		return fate{state.DoneUnknown, err.Error() + "; the next run uploads it again"}
	case account.Throttled, account.Unavailable, account.Unauthenticated:
		return fate{state.DoneFailed, err.Error() + "; the next run tries again"}
	}
	given.Refused = &plan.Refusal{Digest: plan.AvatarDigest(s.Digest, *w.Avatar, &known), Words: err.Error()}
	return s.remember(ctx, w, known, given, fate{state.DoneFailed, err.Error()})
}

// remember writes down what became of an avatar. Where that fails, the next run does it once more.
func (s *avatars) remember(ctx context.Context, w waiting, known account.Account, now plan.Uploaded, f fate) fate {
	if err := s.store.SetAvatar(context.WithoutCancel(ctx), s.Run.ID, w.ExternalID, known, now); err != nil {
		return fate{state.DoneUnknown, err.Error()}
	}
	return f
}

// tried counts what the service couldn't take in a row.
func (s *avatars) tried(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := account.KindOf(err)
	if err == nil || !kind.Unusable() && kind != account.Ambiguous && kind != account.Forbidden {
		s.inVain = 0
		return
	}
	s.inVain++
}

// end takes in how an avatar ended.
func (s *avatars) end(a *plan.Avatar, ending state.Ending, words string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Run.Tally.Avatars.Count(ending)
	if a.Blocked == "" && ending != state.NotAttempted {
		s.order.Progress.Step(1)
	}
	if ending != state.DoneApplied && ending != state.NotAttempted {
		s.ended = append(s.ended, state.Outcome{
			Operation: plan.Operation{Kind: plan.Update, ExternalID: a.ExternalID, AccountID: a.AccountID, Position: a.Position},
			Ending:    ending, Words: "avatar: " + words,
		})
	}
}
