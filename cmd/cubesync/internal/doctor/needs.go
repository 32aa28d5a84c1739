package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// maxSkew is how far apart the clocks may be before that is worth a word. Signed sessions are refused at an hour.
const maxSkew = 10 * time.Minute

// always looks at what every pipeline needs, whatever the configuration says.
func (d *diagnosis) always() {
	needed := []Question{ListByTag, FindByExternalID, FindByLogin, UniqueLogins}
	for _, p := range d.cfg.Pipelines {
		if _, mapped := p.Mapping.Fields[user.Email]; mapped {
			needed = append(needed, FindByEmail)
		}
	}
	for _, q := range needed {
		c := d.facts.Answer(q)
		switch {
		case c.Answer == No && q == UniqueLogins:
			d.add(Finding{
				Gravity: Unusable, Problem: "logins aren't unique here (" + c.Words + "): after a lost answer, somebody could be signed up twice",
				Remedy: "ask ConnectyCube's support about it before anybody is synced",
			})
		case c.Answer == No:
			d.add(Finding{
				Gravity: Unusable, Problem: fmt.Sprintf("every pipeline needs to %s: %s", q.forPeople(), c.Words),
				Remedy: "ask ConnectyCube's support about it",
			})
		default:
			d.known(c, "", "")
		}
	}
}

// known adds a finding where the answer to a needed question couldn't be found out, and reports whether it could.
func (d *diagnosis) known(c Check, place, key string) bool {
	if c.Answer != Unknown {
		return true
	}
	if looked := !slices.Contains([]Question{ListByTag, SignUpKey, SignUpShared}, c.Question); looked && !d.yes(ListByTag) {
		return false // the finding about lists says why
	}
	d.add(Finding{
		Gravity: Unusable, Place: place, Key: key,
		Problem: fmt.Sprintf("%q couldn't be found out: %s", c.Question.forPeople(), c.Words), Remedy: "run doctor again",
	})
	return false
}

func (d *diagnosis) yes(q Question) bool { return d.facts.Answer(q).Answer == Yes }

func (d *diagnosis) creates(p config.Pipeline) {
	as, other, remedy := SignUpKey, SignUpShared, "write creates: shared"
	if p.Creates == config.AsShared {
		as, other, remedy = SignUpShared, SignUpKey, "write creates: key"
	}
	if c := d.facts.Answer(as); c.Answer == No && !d.yes(other) {
		d.add(Finding{
			Gravity: Unusable, Problem: "nobody can be signed up: " + problem(c),
			Remedy: "ask ConnectyCube's support how this application's users are signed up",
		})
		return
	}
	d.need(as, p, "creates", string(p.Creates), remedy)
}

// need adds a finding where the service doesn't permit what stands under a key of a pipeline.
func (d *diagnosis) need(q Question, p config.Pipeline, key, value, remedy string) {
	c := d.facts.Answer(q)
	place, line := d.cfg.Where("pipelines", p.Name, key), key+": "+value
	if !d.known(c, place, line) || c.Answer == Yes {
		return
	}
	d.add(Finding{Gravity: MustChange, Place: place, Key: line, Problem: problem(c), Remedy: remedy})
}

// problem says what a no means.
func problem(c Check) string {
	if !c.Refused {
		return c.Words
	}
	switch c.Question {
	case UpdateShared:
		return "the service lets a session write its own user only"
	case DeleteShared:
		return "the service lets a session delete its own user only"
	case UpdateOwner:
		return "the service doesn't let users update their own account: " + c.Words
	case DeleteOwner:
		return "the service doesn't let users delete their own account: " + c.Words
	case SignUpKey:
		return "the service refuses sign-ups with the auth key: " + c.Words
	case SignUpShared:
		return "the service refuses sign-ups as the service user: " + c.Words
	case DeleteAdmin:
		return "the service refuses the Admin API key: " + c.Words
	default:
		return c.Words
	}
}

// updates looks at the authority to update. A release is an update, too.
func (d *diagnosis) updates(p config.Pipeline) {
	questions := map[config.Authority]Question{config.AsOwner: UpdateOwner, config.AsShared: UpdateShared}
	if q, needed := questions[p.Updates]; needed {
		d.need(q, p, "updates", string(p.Updates), d.otherUpdates(p))
	}
}

// at is where a key stands, or would, as the end of an advice.
func (d *diagnosis) at(keys ...string) string {
	place := d.cfg.Where(keys...)
	if !strings.HasPrefix(place, "under ") {
		place = "in " + place
	}
	return place
}

// otherUpdates is what to write where accounts can't be updated as configured.
func (d *diagnosis) otherUpdates(p config.Pipeline) string {
	switch {
	case p.Updates == config.AsShared && d.can(UpdateOwner, config.AsOwner, p):
		return "write updates: owner"
	case p.Updates == config.AsOwner && d.can(UpdateShared, config.AsShared, p):
		return "write updates: shared"
	}
	remedy := "write updates: off"
	if p.Policy.Leavers == plan.ReleaseLeavers {
		remedy += " and " + d.at("pipelines", p.Name, "leavers") + " write leavers: keep"
	}
	derived := config.Passwords{Derive: &config.Derive{}}
	if p.Passwords.Derive == nil && d.yes(UpdateOwner) && d.cfg.ConnectyCube.Gives(config.AsOwner, derived) {
		remedy += ", or write updates: owner and " + d.at("pipelines", p.Name, "passwords") +
			" write passwords: {derive: {secret: file:PATH}}, which updates only those who are signed up from then on: who is there keeps the password that they have"
	}
	return remedy
}

// can reports whether something works as an authority that the configuration gives.
func (d *diagnosis) can(q Question, as config.Authority, p config.Pipeline) bool {
	return d.yes(q) && d.cfg.ConnectyCube.Gives(as, p.Passwords)
}

// deletes looks at the authority to delete, which only pipelines that delete leavers need.
func (d *diagnosis) deletes(p config.Pipeline) {
	questions := map[config.Authority]Question{config.AsAdmin: DeleteAdmin, config.AsShared: DeleteShared, config.AsOwner: DeleteOwner}
	q, wanted := questions[p.Deletes]
	if !wanted {
		return
	}
	c, place := d.facts.Answer(q), d.cfg.Where("pipelines", p.Name, "deletes")
	as, write := d.otherDeletes(p)
	elsewhere := d.at("pipelines", p.Name, as) + " " + write
	switch {
	case p.Policy.Leavers == plan.DeleteLeavers && q == DeleteAdmin && c.Refused:
		d.add(Finding{
			Gravity: MustChange, Place: d.cfg.Where("connectycube", "admin_key"), Key: "connectycube.admin_key", Problem: problem(c),
			Remedy: "check it (the Admin API is part of larger plans only), or " + elsewhere,
		})
	case p.Policy.Leavers == plan.DeleteLeavers && as == "deletes":
		d.need(q, p, "deletes", string(p.Deletes), write)
	case p.Policy.Leavers == plan.DeleteLeavers:
		d.need(q, p, "deletes", string(p.Deletes), elsewhere)
	case c.Answer == No:
		d.add(Finding{
			Gravity: Hint, Place: place, Key: "deletes: " + string(p.Deletes), Problem: problem(c),
			Remedy: fmt.Sprintf("with leavers: %s nobody is deleted, so it may stay", p.Policy.Leavers),
		})
	}
}

// otherDeletes is what to write where accounts can't be deleted as configured, and the key that it is about.
func (d *diagnosis) otherDeletes(p config.Pipeline) (key, write string) {
	for _, other := range []struct {
		question Question
		as       config.Authority
	}{{DeleteAdmin, config.AsAdmin}, {DeleteShared, config.AsShared}, {DeleteOwner, config.AsOwner}} {
		if p.Deletes != other.as && d.can(other.question, other.as, p) {
			return "deletes", "write deletes: " + string(other.as)
		}
	}
	return "leavers", "write leavers: keep"
}

// hints are what works and ought to be known.
func (d *diagnosis) hints() {
	who, session := d.cfg.ConnectyCube.ServiceUser, d.facts.Session
	if who != nil && who.ID == 0 && who.Guest == "" && session != nil && session.UserID != 0 {
		d.add(Finding{
			Gravity: Hint, Place: d.cfg.Where("connectycube", "service_user", "id"), Key: "connectycube.service_user.id",
			Problem: "without it, a sign-in that ends at another user isn't noticed", Remedy: fmt.Sprintf("write id: %d", session.UserID),
		})
	}
	if d.facts.Throttled > 0 {
		d.add(Finding{
			Gravity: Hint, Place: d.cfg.Where("connectycube", "rate_limit"), Key: "connectycube.rate_limit",
			Problem: fmt.Sprintf("the service refused %d requests as too many (HTTP 429), although doctor sends few", d.facts.Throttled),
			Remedy:  "ask ConnectyCube what your plan permits, and write that",
		})
	}
	if d.facts.TooLong {
		d.add(Finding{
			Gravity: Hint, Problem: fmt.Sprintf("the service was too slow to find out everything within %v", longest), Remedy: "run doctor again",
		})
	}
	if d.facts.Others {
		d.add(Finding{Gravity: Hint, Problem: "another doctor was at work with this application; its accounts were left to it"})
	}
	if session != nil && session.Skew.Abs() > maxSkew {
		d.add(Finding{
			Gravity: Hint, Problem: "this machine's clock is " + skew(session.Skew) + "; signed sessions are refused from 60 minutes on",
			Remedy: "set the clock",
		})
	}
	if d.yes(SessionMakesUsers) {
		d.add(Finding{
			Gravity: Hint, Problem: "the application lets anybody create users on the fly: POST /session makes a user of an unknown login",
			Remedy: "deny it among the application's permissions, in ConnectyCube's dashboard",
		})
	}
	if d.yes(LoginMakesUsers) {
		d.add(Finding{
			Gravity: Hint, Problem: "POST /login makes a user of an unknown login, and cubesync removes those that its own sign-ins make",
			Remedy: "deny it among the application's permissions, in ConnectyCube's dashboard",
		})
	}
}

// blur is how far apart clocks may seem to be that are in step: the service tells whole seconds.
const blur = 2 * time.Second

// skew says how two clocks compare.
func skew(d time.Duration) string {
	switch {
	case d.Abs() < blur:
		return "in step with the service's"
	case d < 0:
		return d.Abs().String() + " behind the service's"
	default:
		return d.String() + " ahead of the service's"
	}
}
