package main

import (
	"slices"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/source/ldapdir"
	"cubesync/sync/mapping"
)

// openDirectory makes the source of a pipeline that reads LDAP: of all attributes, those that the pipeline uses.
func openDirectory(p config.Pipeline) (*ldapdir.Source, error) {
	mapper, err := mapping.New(p.Mapping)
	if err != nil {
		return nil, err
	}
	columns := mapper.Columns()
	if p.Avatar != nil && !slices.Contains(columns, p.Avatar.Column) {
		columns = append(columns, p.Avatar.Column)
	}
	d := p.Source.LDAP
	return ldapdir.New(ldapdir.Options{
		URLs: d.URLs, StartTLS: d.StartTLS, Plain: d.Plain,
		TLS:  ldapdir.TLS{Roots: roots(d.CAs), Certificate: d.Certificate, Pins: d.Pins},
		Bind: ldapdir.Bind{DN: d.BindDN, Password: d.Password.Reveal(), External: d.External, Anonymous: d.Anonymous},
		Base: d.Base, Filter: d.Filter, Scope: d.Scope,
		Columns: columns, Values: d.Values, Key: p.Mapping.ExternalID.Column,
		LeaveOut: d.LeaveOut, Groups: d.Groups,
		PageSize: d.PageSize, DialTimeout: d.DialTimeout, ReplyTimeout: d.ReplyTimeout, IdleTimeout: d.IdleTimeout,
	})
}
