package reconcile

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/spool"
	"cubesync/sync/state"
)

const (
	// signUpBatch is how many newcomers are planned at once.
	signUpBatch = 1000
	// holdMost is how many newcomers' sign-ups a plan holds in memory, where the pipeline doesn't say.
	holdMost = 10_000
)

// planAll makes the plan of a read, whose input lacks the records, and returns those that weren't planned as newcomers'.
// Everybody is looked up first; then the newcomers are planned a few at a time, and all others together meanwhile, by one
// planner. Should a newcomer turn out to be none, all others are planned again, with them. As look-ups mostly find nobody, the
// newcomers are planned while these are on their way, and only if one found somebody once more.
//
//	spool ──▶ who meets nobody ──▶ look-ups find nobody ──▶ planned in batches ──▶ aside ─┐
//	            └──▶ all others ◀───────┘ found                                           ├──▶ plan
//	                     └──▶ planned together, with accounts, rejects and what is known ─┘
func (r *run) planAll(ctx context.Context, read *source, remembered []state.Remembered, in plan.Input) ([]plan.Desired, error) {
	for _, reject := range in.Rejects {
		read.crowd.Reject(reject.ExternalID)
	}
	for a := range in.Observed {
		read.crowd.Account(&a)
	}
	for k := range in.Known {
		read.crowd.Known(&k)
	}
	read.crowd.Settle()

	others, claims, err := read.others()
	if err != nil {
		return nil, err
	}
	r.show(read, others)
	in.Desired = slices.Values(others)
	apart := r.planApart(ctx, read, in)
	found, err := r.lookUpAll(ctx, read, claims, plan.NewSurvey(in).Lookups())
	if err := cmp.Or(err, apart.Wait()); err != nil {
		return nil, err
	}
	if r.meets(found) {
		return nil, errNeedsAll
	}
	if len(found) > 0 {
		for i := range found {
			read.crowd.Found(&found[i])
		}
		if others, _, err = read.others(); err != nil {
			return nil, err
		}
	}
	if err := r.look(ctx, others, remembered); err != nil {
		return nil, err
	}
	if len(found) > 0 {
		r.aside.Close()
		apart = r.planApart(ctx, read, in)
	}
	p := r.build(read, others, in, found)
	if err := apart.Wait(); err != nil {
		return nil, err
	}
	if len(apart.none) > 0 {
		others = append(others, apart.none...)
		slices.SortStableFunc(others, func(a, b plan.Desired) int { return strings.Compare(a.User.ExternalID, b.User.ExternalID) })
		p = r.build(read, others, in, found)
	}
	if err := r.join(p); err != nil {
		return nil, err
	}
	if respelled, err := r.respells(ctx, p); err != nil || respelled {
		return nil, cmp.Or(err, errNeedsAll)
	}
	r.Plan = p // a part of it is none
	return others, nil
}

// apart are the newcomers while they are planned.
type apart struct {
	errgroup.Group
	none []plan.Desired // who turned out to be none
}

// planApart begins to plan the newcomers, as they are known by now.
func (r *run) planApart(ctx context.Context, read *source, in plan.Input) *apart {
	r.aside = spool.NewSignUps(r.StateDir)
	a := &apart{}
	a.Go(func() (err error) {
		a.none, err = read.planNewcomers(ctx, in, r.aside)
		return err
	})
	return a
}

// build plans all others.
func (r *run) build(read *source, others []plan.Desired, in plan.Input, found []account.Account) *plan.Plan {
	r.show(read, others)
	in.Desired = slices.Values(others)
	survey := plan.NewSurvey(in)
	r.unlisted, r.knownAs = survey.Unlisted(), survey.KnownAs
	return survey.Build(found)
}

// show remembers who is present.
func (r *run) show(read *source, others []plan.Desired) {
	if read.verdict.Completeness.Usable() {
		r.present = present(others, read.rejects)
	}
}

// newcomer reports whether a user is planned by themselves. Who has a picture is planned with all others: their sign-up isn't
// all that is planned for them. So is whoever can't be signed up.
func (s *source) newcomer(d *plan.Desired) bool {
	return d.Picture.Stamp == "" && d.Unfit == "" && s.crowd.Newcomer(&d.User)
}

// others returns the users who are no newcomers, and how many values the newcomers' sign-ups would claim.
func (s *source) others() (others []plan.Desired, claims int, err error) {
	for d, err := range s.sorted() {
		switch {
		case err != nil:
			return nil, 0, err
		case s.newcomer(&d):
			n, _ := valuesOf(plan.NewcomerLookups(&d.User))
			claims += n
		default:
			others = append(others, d)
		}
	}
	return others, claims, nil
}

// lookUpAll looks up what the newcomers' sign-ups would claim, and what the plan of all others needs.
func (r *run) lookUpAll(ctx context.Context, read *source, claims int, ofOthers plan.Lookups) ([]account.Account, error) {
	total, values := valuesOf(ofOthers)
	return r.lookUp(ctx, total+claims, func(yield func(asked, error) bool) {
		for one, err := range values {
			if !yield(one, err) {
				return
			}
		}
		for d, err := range read.sorted() {
			if err != nil {
				yield(asked{}, err)
				return
			}
			if !read.newcomer(&d) {
				continue
			}
			_, values := valuesOf(plan.NewcomerLookups(&d.User))
			for one, err := range values {
				if !yield(one, err) {
					return
				}
			}
		}
	})
}

// planNewcomers puts the newcomers' sign-ups aside and returns who turned out to be no newcomers.
func (s *source) planNewcomers(ctx context.Context, in plan.Input, to *spool.SignUps) (none []plan.Desired, err error) {
	var batch []plan.Desired
	decide := func() error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		planned, others := plan.NewcomerPlan(in, batch)
		none = append(none, others...)
		batch = batch[:0]
		for i := range planned {
			if err := to.Add(&planned[i]); err != nil {
				return err
			}
		}
		return nil
	}
	for d, err := range s.sorted() {
		if err != nil {
			return nil, err
		}
		if !s.newcomer(&d) {
			continue
		}
		if batch = append(batch, d); len(batch) < signUpBatch {
			continue
		}
		if err := decide(); err != nil {
			return nil, err
		}
	}
	if err := decide(); err != nil {
		return nil, err
	}
	return none, nil
}

// join adds the sign-ups that were put aside to the plan, which holds them where they are few.
func (r *run) join(p *plan.Plan) error {
	count := r.aside.Len()
	if err := p.Join(count, r.aside.All()); err != nil {
		return err
	}
	most := r.HoldMost
	if most == 0 {
		most = holdMost
	}
	if count > most {
		return nil
	}
	defer r.aside.Close()
	return p.Hold()
}
