package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"cubesync/source/csvfile"
	"cubesync/sync/user"
)

func (c *checker) pipelines(n node, app application) []Pipeline {
	items := n.list("begin each pipeline with - name:")
	pipelines := make([]Pipeline, len(items))
	names, tags := map[string]int{}, map[string]int{}
	for i, item := range items {
		group := item.object("write the keys of a pipeline", "name", "owner_tag", "schedule", "timezone", "source", "sources", "mapping", "tests",
			"passwords", "creates", "updates", "deletes", "adopt", "protected", "leavers", "grace", "vanished", "guards", "breaker", "workers", "max_duration")
		pipelines[i] = c.pipeline(group, app)
		group.get("name").unique(pipelines[i].Name, i, names)
		group.get("owner_tag").unique(pipelines[i].OwnerTag, i, tags)
	}
	for i := range pipelines {
		for j, other := range pipelines {
			if i != j {
				pipelines[i].Policy.OtherOwnerTags = append(pipelines[i].Policy.OtherOwnerTags, other.OwnerTag)
			}
		}
		slices.Sort(pipelines[i].Policy.OtherOwnerTags) // the order of pipelines says nothing
	}
	return pipelines
}

func (c *checker) pipeline(group object, app application) Pipeline {
	p := Pipeline{
		Name:      group.need("name", "name it, in small letters, digits and hyphens").name(),
		OwnerTag:  group.need("owner_tag", "choose a tag that marks this pipeline's accounts").ownerTag(),
		Source:    c.origin(group, app),
		Passwords: c.passwords(group.need("passwords", "say how new users get one: derive, random or column"), app),
		Guards:    c.guards(group.get("guards")),
		Breaker:   breaker(group.get("breaker")),
		Workers:   group.get("workers").workers(),
	}
	p.Schedule, p.Timezone = c.timing(group)
	for place, csv := range p.Source.csvs() {
		if csv.Path == csvfile.StandardInput && p.Schedule != "" {
			group.get("schedule").complain("would read standard input again and again, which can be read once", "name a file as "+place+".path, or take the schedule out")
		}
	}
	p.MaxDuration = group.get("max_duration").duration(0, time.Second, maxMaxDuration)
	p.Policy.OwnerTag = p.OwnerTag
	c.mapped(group, &p)
	c.passwordColumn(group.get("passwords"), &p)
	c.sourceUse(group, &p)
	p.Tests = c.tests(group.get("tests"))
	c.writes(group, app, &p)
	c.afterwards(group, &p)
	c.others(group, &p)
	c.leavers(group, app, &p)
	return p
}

// mapped reads how a record becomes a user, which a preset of LDAP may say.
func (c *checker) mapped(group object, p *Pipeline) {
	remedy := "say how a record becomes a user"
	if d := p.Source.LDAP; d != nil {
		if d.Preset != "" && !group.get("mapping").given() {
			usualMapping(group.get("source").child("ldap").child("values"), p)
			return
		}
		remedy += ", or choose a preset under source.ldap, which has a mapping"
	}
	p.Mapping, p.Avatar = c.mapping(group.need("mapping", remedy), &p.Policy)
}

// afterwards checks that what comes after sign-ups and updates can be done.
func (c *checker) afterwards(group object, p *Pipeline) {
	if p.Avatar != nil && p.Updates == Off {
		group.get("updates").complain("off leaves nobody to set avatars (mapping.avatar)", "choose owner or shared, or take the avatar out")
	}
	if _, mapped := p.Mapping.Fields[user.Email]; p.Passwords.ResetEmail && !mapped {
		group.get("passwords").complain("random.reset_email has no e-mail address to send to", "map email, or take it out")
	}
}

// workers returns how many there are, 0 for as many as are of use.
func (n node) workers() int {
	const auto = "auto"
	if !n.given() || n.value.kind == textKind && n.value.text == auto {
		return 0
	}
	if n.value.kind == textKind {
		n.complain(fmt.Sprintf("unknown value %q", n.value.text), fmt.Sprintf("write auto, or a whole number from 1 to %d", maxWorkers))
		return 0
	}
	return n.integer(0, 1, maxWorkers)
}

// unique complains where an earlier pipeline has the same value.
func (n node) unique(value string, i int, seen map[string]int) {
	if value == "" {
		return
	}
	if first, taken := seen[value]; taken {
		n.complain(fmt.Sprintf("%q is pipelines[%d]'s already", value, first), "choose another: each pipeline has its own")
		return
	}
	seen[value] = i
}

// name returns a pipeline's name: it becomes part of file names and metrics.
func (n node) name() string {
	text, ok := n.text()
	if ok && !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(text) {
		n.complain(fmt.Sprintf("%q is not a name", text), "use small letters, digits and hyphens")
		return ""
	}
	return text
}

// maxTag is how many characters an owner tag may have, as many as a mapped one.
const maxTag = 255

// DoctorTag marks the throw-away accounts of doctor, which it deletes: no pipeline's accounts have it.
const DoctorTag = "cubesync-doctor"

func (n node) ownerTag() string {
	text, ok := n.text()
	switch {
	case !ok:
		return ""
	case strings.Contains(text, ","):
		n.complain("has a comma, which separates tags", "choose a tag without one")
	case strings.EqualFold(text, DoctorTag):
		n.complain("is the tag of doctor's throw-away accounts, which it deletes", "choose another")
	case utf8.RuneCountInString(text) > maxTag:
		n.complain(fmt.Sprintf("is longer than %d characters", maxTag), "choose a shorter tag")
	case user.JoinTags([]string{text}) != text:
		n.complain("has white space around it, or letters in a decomposed form", "choose a plain tag")
	default:
		return text
	}
	return ""
}

// timing returns schedule and time zone.
func (c *checker) timing(group object) (string, *time.Location) {
	at := group.get("schedule")
	if !at.given() {
		return "", group.get("timezone").zone()
	}
	zone := group.need("timezone", "name the zone of the schedule, such as Europe/Berlin or UTC").zone()
	spec, ok := at.text()
	if ok && zone != nil {
		if err := c.schedule(spec, zone); err != nil {
			at.complain(fmt.Sprintf("%q is not a schedule: %s", spec, err), "write minute hour day month weekday, or @every 1h")
		}
	}
	return spec, zone
}

// zone returns a time zone by name. Local is refused: the same file would mean another time on another machine.
func (n node) zone() *time.Location {
	const remedy = "name one such as Europe/Berlin or UTC"
	text, ok := n.text()
	if !ok {
		return nil
	}
	if strings.EqualFold(text, "local") {
		n.complain("depends on the machine", remedy)
		return nil
	}
	zone, err := time.LoadLocation(text)
	if err != nil {
		n.complain(fmt.Sprintf("unknown time zone %q", text), remedy)
		return nil
	}
	return zone
}
