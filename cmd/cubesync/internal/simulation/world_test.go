package simulation

import (
	"fmt"
	"slices"
	"time"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// tale is what a world is about.
type tale string

const (
	migration tale = "migration" // nobody of ours is there before
	night     tale = "night"     // some come, some leave, some change, some swap their logins
	rekeying  tale = "rekeying"  // everybody gets another external ID
)

// world is what a seed fixes.
type world struct {
	chance
	seed    uint64
	tale    tale
	workers int
	limit   float64 // requests a second; 0: none
	often   int     // how many of a thousand first calls go wrong
	patient bool    // the service never asks to slow down, so that the limit is used
	shared  bool    // accounts are updated as the service user, who may write others
	adopts  bool    // accounts that match a record are taken over
	moves   bool    // the logins of some who are to be signed up change in the source from process to process
	leavers plan.Leavers
	grace   int // reads that a leaver must be missing from; 0: none
	server  emulator.Options

	before  []person // in the source of a first run in which nothing goes wrong; nil: there is none
	wanted  []person // in the source from then on
	renames []plan.Rename
	squats  map[string]bool // external IDs of those whose login a stranger has: they are rejected
	taken   map[string]bool // logins of accounts that aren't ours, and are to be taken over
	gone    map[string]bool // external IDs of those who may be released or deleted
	lives   []life
}

// life is a process from its start to its end.
type life struct {
	crash  int           // it is killed at its call of this number; 0: it isn't
	stop   time.Duration // it is asked to stop after so long; 0: it isn't
	loses  bool          // the state is lost before it
	twin   bool          // another worker, with a state of its own, is at work beside it
	gap    time.Duration // between its start and the end of the one before
	jump   time.Duration // by which our clock is set before it
	rekeys bool          // it changes external IDs
	calm   bool          // nothing goes wrong any more
}

const secret = "a secret of the simulation"

func password(externalID string) string { return user.DerivePassword(secret, externalID) }

func newWorld(seed uint64) *world {
	w := &world{
		chance: chance(seed), seed: seed, squats: map[string]bool{}, taken: map[string]bool{}, gone: map[string]bool{},
		leavers: plan.KeepLeavers,
	}
	w.tale = []tale{migration, migration, night, night, night, rekeying}[w.below(6, "tale")]
	switch w.below(4, "workers") {
	case 0:
		w.workers = 1
	case 1:
		w.workers = 32
	default:
		w.workers = w.number(2, 31, "how many workers")
	}
	w.limit = []float64{0, 0, 5, 20, 50, 200}[w.below(6, "limit")]
	w.often = []int{200, 260, 320}[w.below(3, "faults")]
	w.patient = w.oneIn(3, "patient")
	w.shared = w.tale != rekeying && w.oneIn(3, "shared")
	w.adopts = w.shared && w.oneIn(2, "adopts")
	w.server = emulator.Options{
		KeepRequests: -1, Users: []emulator.SeedUser{{Login: serviceLogin, Password: servicePassword}}, WriteOthers: w.shared,
		SharedExternalIDs: !w.oneIn(3, "external IDs"), SharedEmails: w.oneIn(3, "e-mails"), LoginCreatesUsers: w.oneIn(4, "logins"),
		SignInUpdates: w.oneIn(4, "sign-ins"), NewestFirst: w.oneIn(4, "newest first"),
		ListLag: []time.Duration{0, 0, 300 * time.Millisecond, 3 * time.Second, 20 * time.Second}[w.below(5, "lag")],
	}
	if w.oneIn(4, "404") {
		w.server.OthersAnswer = "404"
	}
	switch w.tale {
	case migration:
		w.migrate()
	case night:
		w.pass()
	case rekeying:
		w.rekey()
	}
	w.strangers()
	w.moves = w.tale != rekeying && !w.server.LoginCreatesUsers && w.oneIn(3, "moves")
	w.live()
	return w
}

const (
	serviceLogin    = "service"
	servicePassword = "the service's own"
)

// staff are so many people. Some have no login of their own, some no e-mail.
func (w *world) staff(n int) []person {
	all := make([]person, n)
	for i := range all {
		id := fmt.Sprintf("e%03d", i)
		all[i] = person{id: id, login: "login-" + id, email: id + "@example.com", name: "Name " + id, tags: "a;b"}
		switch w.below(12, "person", id) {
		case 0:
			all[i].login = ""
		case 1:
			all[i].email = ""
		}
	}
	return all
}

// migrate fills the source of a migration.
func (w *world) migrate() {
	w.wanted = w.staff(w.number(108, 150, "people"))
	for i := range w.wanted {
		p := &w.wanted[i]
		if w.adopts && i%12 == 5 {
			w.adoptable(p)
		} else if !w.adopts && p.login != "" && w.oneIn(50, "squatter", p.id) {
			w.squats[p.id] = true
			w.server.Users = append(w.server.Users, emulator.SeedUser{Login: p.login, Password: "of a stranger", FullName: "A Stranger"})
		}
	}
}

// adoptable gives a person an account that isn't ours yet.
func (w *world) adoptable(p *person) {
	there := emulator.SeedUser{Login: "old-" + p.id, Password: "chosen by " + p.id, FullName: "Before"}
	switch by := w.below(3, "adopted by", p.id); {
	case by == 0:
		there.ExternalID = p.id
	case by == 1 && p.email != "":
		there.Email = p.email
	case p.login != "":
		there.Login = p.login
	default:
		return
	}
	w.taken[there.Login] = true
	w.server.Users = append(w.server.Users, there)
}

// pass lets a night pass over a company.
func (w *world) pass() {
	w.leavers = []plan.Leavers{plan.DeleteLeavers, plan.DeleteLeavers, plan.ReleaseLeavers, plan.KeepLeavers}[w.below(4, "leavers")]
	if w.leavers != plan.KeepLeavers && w.oneIn(4, "grace") {
		w.grace = 2
	}
	w.settle(w.number(118, 135, "people"))
	w.wanted = slices.Clone(w.before)
	leaving := w.number(12, 22, "leaving")
	for _, p := range w.wanted[len(w.wanted)-leaving:] {
		if w.leavers != plan.KeepLeavers && w.grace == 0 {
			w.gone[p.id] = true
		}
	}
	w.wanted = w.wanted[:len(w.wanted)-leaving]
	rings := w.number(4, 7, "rings")
	if w.server.LoginCreatesUsers {
		rings = 0 // swaps aren't safe there: in doubt, somebody may be signed in as with a login that they gave up, and whom the service makes of it may stay
	}
	for i := range rings {
		w.swap(w.wanted[3*i:3*i+2+w.below(2, "ring", fmt.Sprint(i))], i)
	}
	for i := 3 * rings; i < len(w.wanted) && i < 3*rings+70; i++ {
		w.wanted[i].name, w.wanted[i].website = "New "+w.wanted[i].name, "example.com/"+w.wanted[i].id
	}
	for i := range w.number(30, 45, "new") {
		id := fmt.Sprintf("n%03d", i)
		w.wanted = append(w.wanted, person{id: id, login: "login-" + id, email: id + "@example.com", name: "Name " + id})
	}
}

// swap lets people hand their logins, or their e-mails, or both, round.
func (w *world) swap(ring []person, number int) {
	last := len(ring) - 1
	which := w.below(3, "swap", fmt.Sprint(number))
	for i := range ring { // everybody in a swap has both
		ring[i].login, ring[i].email = w.loginOf(ring[i]), ring[i].id+"@example.com"
	}
	logins, emails := make([]string, len(ring)), make([]string, len(ring))
	for i := range ring {
		logins[i], emails[i] = ring[i].login, ring[i].email
	}
	for i := range ring {
		next := (i + 1) % (last + 1)
		if which != 0 {
			ring[i].login = logins[next]
		}
		if which != 1 {
			ring[i].email = emails[next]
		}
	}
}

// loginOf is what a person signs in with.
func (w *world) loginOf(p person) string {
	if p.login == "" {
		return user.ComputedLogin(p.id)
	}
	return p.login
}

// rekey gives everybody another external ID.
func (w *world) rekey() {
	w.settle(w.number(104, 118, "people"))
	for i, p := range w.before {
		now := p
		now.id, now.login = "k"+p.id, w.loginOf(p)
		w.renames = append(w.renames, plan.Rename{Old: p.id, New: now.id, Position: "map.csv:2"})
		w.wanted = append(w.wanted, now)
		w.before[i].login = now.login
	}
}

// settle has so many people in the source and among the accounts already.
func (w *world) settle(n int) {
	w.before = w.staff(n)
	for _, p := range w.before {
		w.server.Users = append(w.server.Users, emulator.SeedUser{
			Login: w.loginOf(p), Password: password(p.id), Email: p.email, FullName: p.name, ExternalID: p.id, Tags: []string{"a", "b", ownerTag},
		})
	}
}

// strangers are accounts that aren't ours.
func (w *world) strangers() {
	for i := range 5 {
		w.server.Users = append(w.server.Users, emulator.SeedUser{
			Login: fmt.Sprintf("stranger-%d", i), Password: "of a stranger", Email: fmt.Sprintf("stranger-%d@example.net", i),
			FullName: "A Stranger", ExternalID: fmt.Sprintf("x%d", i), Tags: [][]string{nil, {"other"}}[i%2],
		})
	}
}

// live fixes the processes in which something goes wrong. The last of them is neither killed nor stopped.
func (w *world) live() {
	crashes := []int{0, 0, 1, 1, 2, 5}[w.below(6, "crashes")]
	if w.before != nil {
		w.lives = append(w.lives, life{calm: true})
	}
	for i := range crashes + 1 {
		n := fmt.Sprint(i)
		l := life{
			gap: w.between(0, 2*time.Minute, "gap", n), loses: w.oneIn(6, "loses", n), rekeys: w.tale == rekeying,
			twin: w.tale != rekeying && w.oneIn(8, "twin", n),
		}
		if i < crashes {
			l.crash = w.number(1, []int{12, 60, 250}[w.below(3, "how soon", n)], "crash", n)
		} else if w.oneIn(4, "stop") {
			w.lives = append(w.lives, life{gap: l.gap, rekeys: l.rekeys, stop: w.between(time.Second, time.Minute, "stops")})
		}
		if w.oneIn(3, "jump", n) {
			l.jump = []time.Duration{-30 * 24 * time.Hour, -3 * time.Hour, -time.Minute, time.Minute, 3 * time.Hour, 30 * 24 * time.Hour}[w.below(6, "far", n)]
		}
		if w.moves { // which only the state knows, by the slower clock
			l.loses, l.twin, l.jump = false, false, min(l.jump, 0)
		}
		w.lives = append(w.lives, l)
	}
}

// move gives some of those who are to be signed up another login.
func (w *world) move(process string) (moved int) {
	w.wanted = slices.Clone(w.wanted)
	for i := range w.wanted {
		p := &w.wanted[i]
		isNew := !slices.ContainsFunc(w.before, func(q person) bool { return q.id == p.id })
		if isNew && p.login != "" && !w.squats[p.id] && w.oneIn(5, "moves", p.id, process) {
			p.login = "login-" + p.id + "-" + process
			moved++
		}
	}
	return moved
}

// limits are guards that are wide open: what they hold is tested elsewhere.
func limits() plan.Limits {
	all := plan.Ceiling{Floor: 1 << 20, Share: 1}
	return plan.Limits{Deletes: all, WeekDeletes: all, Updates: all, Creates: all, Field: all, Rekeyed: all, Shrink: 1}
}

func (w *world) policy() plan.Policy {
	p := plan.Policy{OwnerTag: ownerTag, Leavers: w.leavers, GraceReads: w.grace}
	if w.grace > 0 {
		p.GraceSpan = 72 * time.Hour
	}
	if w.adopts {
		p.Adopt = []account.Key{account.ByExternalID, account.ByLogin, account.ByEmail}
	}
	return p
}
