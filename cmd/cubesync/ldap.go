package main

import (
	"strings"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/source/ldapdir"
)

// openDirectory makes a source of kind ldap: of all attributes, those that are used.
func openDirectory(d *config.LDAP, key string, columns []string) (*ldapdir.Source, error) {
	return ldapdir.New(ldapdir.Options{
		URLs: d.URLs, StartTLS: d.StartTLS, Plain: d.Plain,
		TLS:  ldapdir.TLS{Roots: roots(d.CAs), Certificate: d.Certificate, Pins: d.Pins},
		Bind: ldapdir.Bind{DN: d.BindDN, Password: d.Password.Reveal(), External: d.External, Anonymous: d.Anonymous},
		Base: d.Base, Filter: d.Filter, Scope: d.Scope,
		Columns: columns, Values: d.Values, Key: key,
		LeaveOut: d.LeaveOut, Groups: d.Groups,
		PageSize: d.PageSize, DialTimeout: d.DialTimeout, ReplyTimeout: d.ReplyTimeout, IdleTimeout: d.IdleTimeout,
	})
}

// oneOf is a source of whose attribute several values are no reason to reject an entry, unless the configuration says what becomes
// of them: with a line break between them they are no password, and nobody but a newcomer needs one.
func oneOf(s config.Source, attribute string) config.Source {
	if s.LDAP == nil || attribute == "" {
		return s
	}
	d := *s.LDAP
	d.Values = map[string]ldapdir.Multi{attribute: {Way: ldapdir.Join, Separator: "\n"}}
	for name, way := range s.LDAP.Values {
		if strings.EqualFold(name, attribute) {
			delete(d.Values, attribute)
		}
		d.Values[name] = way
	}
	s.LDAP = &d
	return s
}
