package ldapdir

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"cubesync/sync/record"
)

// Groups give tags to their members.
type Groups struct {
	Tags []GroupTag // in the order in which an entry has its tags
	By   Membership
	// Depth is how many groups within groups are followed by MemberList, below Base; 0: direct members only.
	Depth int
	Base  string
}

// GroupTag is what the members of a group are tagged with. Several groups may give the same tag.
type GroupTag struct{ DN, Tag string }

// Membership says where it stands who is in a group.
type Membership string

// The ways to find out.
const (
	MemberList Membership = "member"   // in the group: its member, uniqueMember or memberUid
	MemberOf   Membership = "memberof" // in the entries: their memberOf
	InChain    Membership = "in_chain" // Active Directory follows groups within groups itself
)

// inChain is Active Directory's rule to follow a chain of entries to its root.
const inChain = "1.2.840.113556.1.4.1941"

// membership is which entries are in which groups.
type membership struct {
	groups []GroupTag
	dns    map[string][]int // by folded DN, numbers of groups
	uids   map[string][]int // by uid, as a posixGroup names its members: letter case counts there (RFC 2307)
}

// of returns the tags of an entry; null for one that is in no group.
func (m *membership) of(dn string, uids []string) record.Value {
	var in []int
	if len(m.dns) > 0 {
		in = m.dns[foldDN(dn)]
	}
	for _, uid := range uids {
		in = slices.Concat(in, m.uids[uid])
	}
	if len(in) == 0 {
		return record.Null()
	}
	var tags []string
	for i, group := range m.groups {
		if slices.Contains(in, i) && !slices.Contains(tags, group.Tag) {
			tags = append(tags, group.Tag)
		}
	}
	return record.Text(strings.Join(tags, GroupSeparator))
}

func newMembership(groups []GroupTag) *membership {
	return &membership{groups: groups, dns: map[string][]int{}, uids: map[string][]int{}}
}

func (m *membership) add(dn string, group int) { note(m.dns, foldDN(dn), group) }

func (m *membership) addUID(uid string, group int) { note(m.uids, uid, group) }

func note(members map[string][]int, key string, group int) {
	if in := members[key]; !slices.Contains(in, group) {
		members[key] = append(in, group)
	}
}

// foldDN is the same for all ways to write a distinguished name.
func foldDN(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return strings.ToLower(dn)
	}
	var out strings.Builder
	for _, rdn := range parsed.RDNs {
		parts := make([]string, len(rdn.Attributes))
		for i, a := range rdn.Attributes {
			parts[i] = strings.ToLower(a.Type) + "\x01" + strings.ToLower(strings.Join(strings.Fields(a.Value), " "))
		}
		slices.Sort(parts)
		out.WriteString(strings.Join(parts, "\x02") + "\x00")
	}
	return out.String()
}

// readGroups finds out who is in the groups that give tags. One that can't be read ends the read: its members would lose their tag.
func (s *search) readGroups(ctx context.Context) error {
	o := &s.source.options
	if s.decoder.groups == nil {
		return nil
	}
	m := newMembership(o.Groups.Tags)
	s.decoder.groups = m
	nested, err := s.nestedGroups(ctx)
	if err != nil {
		return err
	}
	for i, group := range o.Groups.Tags {
		if o.Groups.By == MemberList {
			err = s.expand(ctx, group.DN, nested, m, i)
		} else {
			err = s.findMembers(ctx, group.DN, m, i)
		}
		if errors.Is(err, errNoGroup) {
			return &readError{fmt.Sprintf("there is no group %s, or the account that we sign in as may not see it: its members would lose the tag %s", group.DN, group.Tag), false}
		}
		if err != nil {
			return err
		}
	}
	if len(m.uids) > 0 {
		s.decoder.askUID()
	}
	s.referrals = 0 // those of the users are to be told
	return nil
}

// findMembers adds those whose entries say that they are in a group. Where nobody says so, the group may be gone, too.
func (s *search) findMembers(ctx context.Context, dn string, m *membership, number int) error {
	o := &s.source.options
	rule := "memberOf"
	if o.Groups.By == InChain {
		rule += ":" + inChain + ":"
	}
	empty := true
	err := s.names(ctx, o.Base, s.source.scope, fmt.Sprintf("(&%s(%s=%s))", o.Filter, rule, ldap.EscapeFilter(dn)), func(member string) {
		empty = false
		m.add(member, number)
	})
	if err == nil && empty {
		_, err = s.group(ctx, dn, "1.1")
	}
	return err
}

// nestedGroups are all groups there are, by folded DN, where groups within groups are followed.
func (s *search) nestedGroups(ctx context.Context) (map[string]bool, error) {
	groups := s.source.options.Groups
	if groups.By != MemberList || groups.Depth == 0 {
		return nil, nil
	}
	found := map[string]bool{}
	err := s.names(ctx, groups.Base, ldap.ScopeWholeSubtree, "(|(objectClass=group)(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))",
		func(dn string) { found[foldDN(dn)] = true })
	return found, err
}

// names finds the DNs of the entries that a filter finds, page by page.
func (s *search) names(ctx context.Context, base string, scope int, filter string, found func(dn string)) error {
	for pages, cookie := 0, []byte(nil); ; pages++ {
		paging := ldap.NewControlPaging(uint32(s.size)) //nolint:gosec // far less than that
		paging.SetCookie(cookie)
		done, err := s.ask(ctx, s.source.options.IdleTimeout, &ldap.SearchRequest{
			BaseDN: base, Scope: scope, DerefAliases: ldap.NeverDerefAliases, Filter: filter, Attributes: []string{"1.1"}, Controls: []ldap.Control{paging},
		}, func(entry *ldap.Entry) { found(entry.DN) })
		if err != nil && pages == 0 && halves(err) && s.size/2 >= leastPage {
			s.size /= 2
			pages--
			continue
		}
		if err != nil {
			return err
		}
		end, _ := ldap.FindControl(done, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if end == nil {
			return errNotPaged
		}
		if cookie = end.Cookie; len(cookie) == 0 {
			return nil
		}
	}
}

// expand adds the members of a group, and of those groups among them that nested has, as the members of the group with that number.
func (s *search) expand(ctx context.Context, dn string, nested map[string]bool, m *membership, number int) error {
	level, seen := []string{dn}, map[string]bool{foldDN(dn): true}
	for depth := 0; len(level) > 0; depth++ {
		var below []string
		for _, group := range level {
			members, uids, err := s.members(ctx, group)
			if err != nil {
				return err
			}
			for _, uid := range uids {
				m.addUID(uid, number)
			}
			for _, member := range members {
				m.add(member, number)
				if folded := foldDN(member); nested[folded] && !seen[folded] && depth < s.source.options.Groups.Depth {
					seen[folded] = true
					below = append(below, member)
				}
			}
		}
		level = below
	}
	return nil
}

// bitString is what a uniqueMember may end with.
var bitString = regexp.MustCompile(`#'[01]*'B$`)

// memberUID is the attribute of a posixGroup that names its members by their uid.
const memberUID = "memberUid"

// errNoGroup is that the server shows no entry of a group.
var errNoGroup = errors.New("there is no such group")

// group reads a group's own entry.
func (s *search) group(ctx context.Context, dn string, attributes ...string) (*ldap.Entry, error) {
	var entry *ldap.Entry
	_, err := s.ask(ctx, s.source.options.ReplyTimeout, &ldap.SearchRequest{
		BaseDN: dn, Scope: ldap.ScopeBaseObject, DerefAliases: ldap.NeverDerefAliases, Filter: "(objectClass=*)", Attributes: attributes,
	}, func(e *ldap.Entry) { entry = e })
	if code(err) == ldap.LDAPResultNoSuchObject || err == nil && entry == nil {
		return nil, errNoGroup
	}
	return entry, err
}

// members are the DNs and the uids in a group.
func (s *search) members(ctx context.Context, dn string) (dns, uids []string, err error) {
	entry, err := s.group(ctx, dn, "member", "uniqueMember", memberUID)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range entry.Attributes {
		name := a.Name
		if base, from, last, ok := parseRange(a.Name); ok {
			name = base
			if err := s.completeGroup(ctx, dn, rangedAttribute{a, slot{attribute: &attribute{name: base}, from: from, last: last}}); err != nil {
				return nil, nil, err
			}
		}
		if strings.EqualFold(name, memberUID) {
			uids = append(uids, a.Values...)
			continue
		}
		for _, value := range a.Values {
			dns = append(dns, bitString.ReplaceAllString(value, ""))
		}
	}
	return dns, uids, nil
}

// completeGroup fetches the members that are missing of a group's attribute.
func (s *search) completeGroup(ctx context.Context, dn string, a rangedAttribute) error {
	if a.slot.last {
		return nil
	}
	problem, err := s.complete(ctx, dn, a)
	if err == nil && problem != "" {
		err = &readError{dn + ": " + a.slot.attribute.name + ": " + problem, true}
	}
	return err
}
