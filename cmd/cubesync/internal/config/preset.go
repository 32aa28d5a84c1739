package config

import (
	"maps"
	"slices"
	"strings"

	"cubesync/source/ldapdir"
	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// preset is what is usual in one product.
type preset struct {
	filter     string
	groups     ldapdir.Membership
	externalID string                // an attribute that never changes
	fields     map[user.Field]string // attributes
}

// presets by their names.
func presets() map[string]preset {
	return map[string]preset{
		"": {groups: ldapdir.MemberList},
		"openldap": {"(objectClass=inetOrgPerson)", ldapdir.MemberList, "entryUUID", map[user.Field]string{
			user.Email: "mail", user.FullName: "cn", user.Phone: "telephoneNumber",
		}},
		"active_directory": {"(&(objectCategory=person)(objectClass=user))", ldapdir.InChain, "objectGUID", map[user.Field]string{
			user.Login: "sAMAccountName", user.Email: "mail", user.FullName: "displayName", user.Phone: "telephoneNumber",
		}},
		"freeipa": {"(objectClass=person)", ldapdir.MemberOf, "ipaUniqueID", map[user.Field]string{
			user.Login: "uid", user.Email: "mail", user.FullName: "displayName", user.Phone: "telephoneNumber",
		}},
	}
}

// usualMapping is the preset's, where the configuration has no mapping of its own: as if it stood there, together with what
// becomes of several values.
func usualMapping(values node, p *Pipeline) {
	d, usual := p.Source.LDAP, presets()[p.Source.LDAP.Preset]
	d.Usual = true
	p.Policy.Owners = map[user.Field]plan.Ownership{}
	p.Mapping = mapping.Spec{ExternalID: mapping.Rule{Column: usual.externalID}, Fields: map[user.Field]mapping.Rule{}}
	for field, attribute := range usual.fields {
		p.Mapping.Fields[field] = mapping.Rule{Column: attribute}
	}
	if len(d.Groups.Tags) > 0 {
		p.Mapping.Tags = []mapping.TagRule{{Rule: mapping.Rule{Column: ldapdir.GroupsColumn}, Split: ldapdir.GroupSeparator}}
	}
	said := func(attribute string) bool {
		return values.given() && slices.ContainsFunc(values.value.entries, func(e entry) bool { return strings.EqualFold(e.key, attribute) })
	}
	d.Values = maps.Clone(d.Values)
	for _, attribute := range []string{usual.fields[user.Email], usual.fields[user.Phone]} {
		if !said(attribute) {
			if d.Values == nil {
				d.Values = map[string]ldapdir.Multi{}
			}
			d.Values[attribute] = ldapdir.Multi{Way: ldapdir.First}
		}
	}
}

// UsualMapping says in words what a pipeline maps that has no mapping of its own, "" where it has one.
func (p Pipeline) UsualMapping() string {
	if p.Source.LDAP == nil || !p.Source.LDAP.Usual {
		return ""
	}
	parts := []string{externalID + " from " + p.Mapping.ExternalID.Column}
	for _, field := range user.Fields() {
		if rule, mapped := p.Mapping.Fields[field]; mapped {
			parts = append(parts, field.String()+" from "+rule.Column)
		}
	}
	for _, tag := range p.Mapping.Tags {
		parts = append(parts, user.Tags.String()+" from "+tag.Column)
	}
	return strings.Join(parts, ", ")
}
