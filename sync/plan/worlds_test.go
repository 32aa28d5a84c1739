package plan

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	worldCount = flag.Uint64("worlds", worldsByDefault, "how many random worlds TestWorlds tries")
	worldSeed  = flag.Uint64("worlds.seed", 1, "the first world that TestWorlds tries; 0: another one every time")
)

// enough is in how many worlds of 20,000 each thing that the planner can do must have happened; otherwise the worlds have
// become too tame to prove anything.
const enough = 200

// TestWorlds plans and applies in thousands of random worlds, against a strict service. What must hold in each of them
// stands in try; what happened in how many is logged. A world that fails is tried again with its number:
//
//	go test ./sync/plan -run TestWorlds -worlds 1 -worlds.seed NUMBER
func TestWorlds(t *testing.T) {
	first := *worldSeed
	if first == 0 {
		first = uint64(time.Now().UnixNano()) >> 16 << 16
	}
	const shards = 2
	tallies := make([]map[string]int, shards)
	t.Run("try", func(t *testing.T) {
		for shard := range uint64(shards) {
			t.Run(fmt.Sprint(shard), func(t *testing.T) {
				t.Parallel()
				tally := map[string]int{}
				tallies[shard] = tally
				for n := shard; n < *worldCount && !t.Failed(); n += shards {
					happened, err := try(first + n)
					for what, did := range happened {
						if did {
							tally[what]++
						}
					}
					if err != nil {
						t.Errorf("world %d: %v\ngo test ./sync/plan -run TestWorlds -worlds 1 -worlds.seed %d", first+n, err, first+n)
					}
				}
			})
		}
	})
	if t.Failed() {
		return
	}
	total := map[string]int{}
	for _, tally := range tallies {
		for what, n := range tally {
			total[what] += n
		}
	}
	for _, what := range happenings() {
		total[what] += 0
		if least := enough * int(*worldCount) / 20_000; total[what] < least {
			t.Errorf("%s happened in %d worlds of %d, not in %d at least", what, total[what], *worldCount, least)
		}
	}
	t.Logf("%d worlds from %d on", *worldCount, first)
	for _, what := range slices.Sorted(maps.Keys(total)) {
		t.Logf("%6d %s", total[what], what)
	}
}

// happenings are what must happen often enough.
func happenings() []string {
	all := []string{
		"chain", "ring of 2", "ring of more", "ring undone", "step " + string(PutBack), "no right to write", "adoption of a stranger", "account known by its id",
		"newcomer", "newcomer beside operations", "sign-up of no newcomer",
		"passed over", "passed over beside operations", "agreed and yet concerned", "signed up last night and agreed", "blocked " + string(Cycle), "blocked " + string(UpdatesOff), "blocked " + string(RefusedBefore),
		"blocked " + string(LeftVanished), "blocked " + string(WaitsForOther),
		"update " + string(LostTag), "update " + string(LostID), "create " + string(Vanished),
	}
	for _, kind := range Kinds() {
		all = append(all, "operation "+string(kind))
	}
	for _, reason := range []Reason{MatchesID, MatchesLogin, MatchesEmail} {
		all = append(all, "adopt "+string(reason))
	}
	for _, reason := range []Reason{
		BadRecord, DuplicateKey, SharedValue, ForeignTag, NotOurs, ValueTaken, HeldByLeaver, Ambiguous, IsProtected, NoRoomForTags,
	} {
		all = append(all, "reject "+string(reason))
	}
	for _, reason := range []Reason{Kept, InGrace, AbsenceUnknown, IsProtected} {
		all = append(all, "leaver "+string(reason))
	}
	for _, reason := range []Reason{NoRoomForTags, NotAnObject, Ignored, NoExternalID, Ambiguous, DuplicateKey} {
		all = append(all, "remark "+string(reason))
	}
	for _, guard := range []string{
		guardEmpty, guardShrink, guardDeletes, guardWeekDeletes, guardUpdates, guardCreates, guardField, guardRekeyed, guardSettings,
	} {
		all = append(all, "guard "+guard)
	}
	return all
}

// try lets a night pass in a world and says what happened, and what must not.
func try(seed uint64) (map[string]bool, error) {
	w := newTown(seed)
	for i := range w.desired {
		w.desired[i].Digest = w.digest(w.desired[i])
	}
	p := w.plan()
	if i := slices.IndexFunc(p.Operations, func(op Operation) bool { return op.Ring != "" && op.Step == "" && op.Blocked == "" }); i >= 0 && seed%2 == 0 {
		w.picky[p.Operations[i].AccountID] = true // a ring is broken off in the middle
	}
	happened := w.happened(p)
	story := func(rule string, err error) error {
		text, _ := seen(p) // it is only shown
		return fmt.Errorf("%s: %w\n%s%s", rule, err, newTown(seed), text)
	}
	rules := map[string]func(*Plan) error{
		"the order of the input never matters":     w.clone().inAnyOrder,
		"an incomplete read never lets anybody go": w.clone().incomplete,
		"each record ends once":                    w.endsOnce,
		"no more than half leave without a guard":  w.guarded,
	}
	switch seed % 6 { // the others go without, to save time
	case 0:
		rules["a night that is broken off can be mended"] = func(p *Plan) error { return w.clone().brokenNight(p, happened) }
	case 1:
		rules["what was refused is not sent a second time"] = func(*Plan) error { return w.clone().refusedNight(happened) }
	case 3:
		rules["what a night that is broken off leaves is ended or given back"] = w.clone().cutNight
	case 2:
		rules["the next day is a day like this one"] = w.clone().nextDay
	}
	for _, rule := range sortedKeys(rules) {
		if err := rules[rule](p); err != nil {
			return happened, story(rule, err)
		}
	}
	if err := w.clone().inParts(p, happened); err != nil {
		return happened, story("a plan made in parts is the whole plan", err)
	}
	before := w.clone()
	if err := w.night(p, never); err != nil {
		return happened, story("the service is never asked in vain", err)
	}
	happened["ring undone"] = w.undone
	if err := w.onlyOurs(before, p); err != nil {
		return happened, story("only owned or adopted accounts change, and only mapped fields", err)
	}
	if err := w.clone().passesOver(p, happened); err != nil {
		return happened, story("a plan without those who agree is the whole plan", err)
	}
	w.input.CountsAsRead, w.input.RetryRefused = false, false // the same read again
	again := w.plan()
	if n := again.Sent(); n > lockedOut(again) && lockedOut(p) == 0 {
		text, _ := seen(again)
		return happened, story("apply, then plan, is empty", fmt.Errorf("%d operations are left:\n%s\nof the plan", n, text))
	}
	for what := range w.happened(again) {
		if strings.HasPrefix(what, "blocked") || what == "remark "+string(Ignored) {
			happened[what] = true
		}
	}
	return happened, nil
}

// inAnyOrder shuffles the records and the accounts.
func (w *town) inAnyOrder(p *Plan) error {
	w.Shuffle(len(w.desired), func(i, j int) { w.desired[i], w.desired[j] = w.desired[j], w.desired[i] })
	w.Shuffle(len(w.accounts), func(i, j int) { w.accounts[i], w.accounts[j] = w.accounts[j], w.accounts[i] })
	first, err := seen(p)
	if err != nil {
		return err
	}
	shuffled, err := seen(w.plan())
	if err == nil && shuffled != first {
		err = fmt.Errorf("another plan:\n%s\nthan", shuffled)
	}
	return err
}

// incomplete loses some of the records, and says so.
func (w *town) incomplete(*Plan) error {
	w.input.AbsenceUnknown = "cut off"
	w.desired = slices.DeleteFunc(w.desired, func(Desired) bool { return w.oneIn(2) })
	for _, op := range w.plan().Operations {
		if op.Kind == Delete || op.Kind == Release {
			return fmt.Errorf("%s", op)
		}
	}
	return nil
}

func (w *town) endsOnce(p *Plan) error {
	ops := 0
	for _, op := range p.Operations {
		if op.Kind != Delete && op.Kind != Release && op.Step == "" {
			ops++
		}
	}
	ends := p.Unchanged + ops + p.Collapsed + len(p.Rejects) - len(w.input.Rejects)
	persons := map[string]bool{}
	for _, d := range w.desired {
		persons[d.User.ExternalID] = true
	}
	for _, r := range w.input.Rejects {
		persons[r.ExternalID] = true
	}
	delete(persons, "")
	if p.Desired != len(w.desired) || ends != p.Desired || p.Present() != len(persons) {
		return fmt.Errorf("%d records of %d persons, %d counted, %d ended, %d are present", len(w.desired), len(persons), p.Desired, ends, p.Present())
	}
	return nil
}

func (w *town) guarded(p *Plan) error {
	trips := Guard(p, w.limits, w.situation)
	if leaving := p.Count(Delete) + p.Count(Release); len(trips) == 0 && (leaving > p.Owned/2 || p.Present() == 0) {
		return fmt.Errorf("%d of %d leave, %d are present, and no guard trips", leaving, p.Owned, p.Present())
	}
	return nil
}

func members(p *Plan, ring string) int {
	n := 0
	for _, op := range p.Operations {
		if op.Ring == ring && op.Step == "" {
			n++
		}
	}
	return n
}

// happened names what a plan does.
func (w *town) happened(p *Plan) map[string]bool {
	all := map[string]bool{}
	for _, op := range p.Operations {
		switch {
		case op.Step != "":
			all["step "+string(op.Step)] = true
			continue
		case op.Blocked != "":
			all["blocked "+string(op.Blocked)] = true
			continue
		}
		all["operation "+string(op.Kind)] = true
		all[string(op.Kind)+" "+string(op.Reason)] = true
		all["adoption of a stranger"] = all["adoption of a stranger"] || op.Kind == Adopt && !op.Was().HasTag("staff")
		all["account known by its id"] = all["account known by its id"] || op.ExternalIDBefore != nil && op.Kind == Update
		all["chain"] = all["chain"] || len(op.WaitsFor) > 0 && op.Wave > 1 && len(op.Parked) == 0
		if len(op.Parked) > 0 {
			all["ring of 2"] = all["ring of 2"] || members(p, op.Ring) == 2
			all["ring of more"] = all["ring of more"] || members(p, op.Ring) > 2
		}
	}
	for _, r := range p.Rejects {
		all["reject "+string(r.Reason)] = true
	}
	for _, l := range p.Leavers {
		all["leaver "+string(l.Reason)] = true
	}
	for _, r := range p.Remarks {
		all["remark "+string(r.Reason)] = true
	}
	for _, trip := range Guard(p, w.limits, w.situation) {
		all["guard "+trip.Guard] = true
	}
	for what, did := range all {
		if !did {
			delete(all, what)
		}
	}
	return all
}
