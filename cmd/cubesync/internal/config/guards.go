package config

import (
	"math"

	"cubesync/sync/apply"
	"cubesync/sync/plan"
)

// mostDeletesShare is the largest share, in percent, that may be released or deleted: whoever wants more than half gone
// is changing sources.
const mostDeletesShare = 50

func (c *checker) guards(n node) plan.Limits {
	limits := plan.DefaultLimits()
	group := n.object("write the guards' names under it",
		"deletes", "week_deletes", "updates", "creates", "field", "rekeyed", "shrink")
	group.get("deletes").ceiling(&limits.Deletes, mostDeletesShare)
	group.get("week_deletes").ceiling(&limits.WeekDeletes, mostDeletesShare)
	group.get("updates").ceiling(&limits.Updates, 100)
	group.get("creates").ceiling(&limits.Creates, 100)
	group.get("field").ceiling(&limits.Field, 100)
	group.get("rekeyed").ceiling(&limits.Rekeyed, 100)
	limits.Shrink = group.get("shrink").share(limits.Shrink, 100)
	return limits
}

// breaker returns when a run stops sending.
func breaker(n node) apply.Breaker {
	b := apply.DefaultBreaker()
	group := n.object("write {in_a_row: 10, share: 50%}", "in_a_row", "share")
	b.InARow = group.get("in_a_row").integer(b.InARow, 1, math.MaxInt)
	b.Share = group.get("share").share(b.Share, 100)
	return b
}

// ceiling changes what the file says of the ceiling and leaves the rest as it is.
func (n node) ceiling(ceiling *plan.Ceiling, mostShare int) {
	group := n.object("write {floor: 3, share: 5%, most: 500}", "floor", "share", "most")
	ceiling.Floor = group.get("floor").integer(ceiling.Floor, 0, math.MaxInt)
	ceiling.Share = group.get("share").share(ceiling.Share, mostShare)
	ceiling.Most = group.get("most").integer(ceiling.Most, 0, math.MaxInt)
}
