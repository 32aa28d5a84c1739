package ldapdir

import (
	"context"
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
	MemberList Membership = "member"   // in the group: its member or uniqueMember
	MemberOf   Membership = "memberof" // in the entries: their memberOf
	InChain    Membership = "in_chain" // Active Directory follows groups within groups itself
)

// inChain is Active Directory's rule to follow a chain of entries to its root.
const inChain = "1.2.840.113556.1.4.1941"

// membership is which entries are in which groups.
type membership struct {
	groups []GroupTag
	tags   map[string][]int // by folded DN, numbers of groups
}

// of returns the tags of an entry; null for one that is in no group.
func (m *membership) of(dn string) record.Value {
	if len(m.tags) == 0 {
		return record.Null()
	}
	in := m.tags[foldDN(dn)]
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

func (m *membership) add(dn string, group int) {
	key := foldDN(dn)
	if in := m.tags[key]; !slices.Contains(in, group) {
		m.tags[key] = append(in, group)
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
	m := &membership{groups: o.Groups.Tags, tags: map[string][]int{}}
	s.decoder.groups = m
	nested, err := s.nestedGroups(ctx)
	if err != nil {
		return err
	}
	for i, group := range o.Groups.Tags {
		add := func(dn string) { m.add(dn, i) }
		if o.Groups.By == MemberList {
			err = s.expand(ctx, group.DN, nested, add)
		} else {
			rule := "memberOf"
			if o.Groups.By == InChain {
				rule += ":" + inChain + ":"
			}
			err = s.names(ctx, o.Base, s.source.scope, fmt.Sprintf("(&%s(%s=%s))", o.Filter, rule, ldap.EscapeFilter(group.DN)), add)
		}
		if code(err) == ldap.LDAPResultNoSuchObject {
			return &readError{fmt.Sprintf("there is no group %s, or the account that we sign in as may not see it: its members would lose the tag %s", group.DN, group.Tag), false}
		}
		if err != nil {
			return err
		}
	}
	s.referrals = 0 // those of the users are to be told
	return nil
}

// nestedGroups are all groups there are, by folded DN, where groups within groups are followed.
func (s *search) nestedGroups(ctx context.Context) (map[string]bool, error) {
	groups := s.source.options.Groups
	if groups.By != MemberList || groups.Depth == 0 {
		return nil, nil
	}
	found := map[string]bool{}
	err := s.names(ctx, groups.Base, ldap.ScopeWholeSubtree, "(|(objectClass=group)(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))",
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

// expand finds the members of a group, and of those groups among them that nested has.
func (s *search) expand(ctx context.Context, dn string, nested map[string]bool, add func(dn string)) error {
	level, seen := []string{dn}, map[string]bool{foldDN(dn): true}
	for depth := 0; len(level) > 0; depth++ {
		var below []string
		for _, group := range level {
			members, err := s.members(ctx, group)
			if err != nil {
				return err
			}
			for _, member := range members {
				add(member)
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

// members are the DNs in a group.
func (s *search) members(ctx context.Context, dn string) ([]string, error) {
	var entry *ldap.Entry
	_, err := s.ask(ctx, s.source.options.ReplyTimeout, &ldap.SearchRequest{
		BaseDN: dn, Scope: ldap.ScopeBaseObject, DerefAliases: ldap.NeverDerefAliases, Filter: "(objectClass=*)", Attributes: []string{"member", "uniqueMember"},
	}, func(e *ldap.Entry) { entry = e })
	if err != nil {
		return nil, err
	}
	if entry == nil {
		return nil, ldap.NewError(ldap.LDAPResultNoSuchObject, fmt.Errorf("no entry"))
	}
	var members []string
	for _, a := range entry.Attributes {
		if base, from, last, ok := parseRange(a.Name); ok && !last {
			given := rangedAttribute{a, slot{attribute: &attribute{name: base}, from: from}}
			problem, err := s.complete(ctx, dn, given)
			if err == nil && problem != "" {
				err = &readError{dn + ": " + base + ": " + problem, true}
			}
			if err != nil {
				return nil, err
			}
		}
		for _, value := range a.Values {
			members = append(members, bitString.ReplaceAllString(value, ""))
		}
	}
	return members, nil
}
