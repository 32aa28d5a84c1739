package ldapdir

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"cubesync/sync/record"
	"cubesync/sync/user"
)

// Active Directory sends at most 1,500 values of an attribute: as member;range=0-1499, and says with * where the last one is.

// ranged is an entry some of whose attributes have further values.
type ranged struct {
	entry      *ldap.Entry
	at         int // in the page
	attributes []rangedAttribute
}

type rangedAttribute struct {
	*ldap.EntryAttribute
	slot slot
}

// parseRange takes member;range=0-1499 apart.
func parseRange(name string) (base string, from int, last, ok bool) {
	base, option, found := strings.Cut(name, ";")
	const prefix = "range="
	if !found || len(option) < len(prefix) || !strings.EqualFold(option[:len(prefix)], prefix) {
		return "", 0, false, false
	}
	begin, end, found := strings.Cut(option[len(prefix):], "-")
	from, err := strconv.Atoi(begin)
	if !found || err != nil || from < 0 {
		return "", 0, false, false
	}
	if end != "*" {
		if to, err := strconv.Atoi(end); err != nil || to < from {
			return "", 0, false, false
		}
	}
	return base, from, end == "*", true
}

// followRanges fetches what is missing of the page's entries. It waits for the page's end, because on one connection the answer to
// another question would wait behind the page.
func (s *search) followRanges(ctx context.Context) error {
	leftOut := 0
	for _, r := range s.ranged {
		problem, field := "", ""
		for _, a := range r.attributes {
			var err error
			if problem, err = s.complete(ctx, r.entry.DN, a); err != nil {
				return err
			}
			if problem != "" {
				field = a.slot.attribute.name
				break
			}
			a.Name = a.slot.attribute.name
		}
		if problem != "" {
			s.page[r.at-leftOut] = answer{reject: s.unranged(r, field, problem)}
			continue
		}
		s.decoder.decode(r.entry)
		at := r.at - leftOut
		if a, ok := s.answer(); ok {
			s.page[at] = a
		} else {
			s.page = append(s.page[:at], s.page[at+1:]...)
			leftOut++
		}
	}
	return nil
}

// unranged rejects an entry whose values can't be had.
func (s *search) unranged(r ranged, field, problem string) *record.RejectError {
	for _, a := range r.attributes {
		a.ByteValues, a.Values, a.Name = nil, nil, a.slot.attribute.name
	}
	d := s.decoder
	d.decode(r.entry)
	reject := &record.RejectError{Position: d.record.Position, Field: field, Problem: problem}
	if d.key >= 0 {
		reject.ExternalID = user.Clean(d.record.At(d.key).Text())
	}
	return reject
}

// complete fetches the values after those that an attribute has.
func (s *search) complete(ctx context.Context, dn string, a rangedAttribute) (problem string, err error) {
	if a.slot.from != 0 {
		return "its values don't begin with the first: see the server's log", nil
	}
	for last := false; !last; {
		more, ends, problem, err := s.rangeFrom(ctx, dn, a.slot.attribute.name, len(a.ByteValues))
		if err != nil || problem != "" {
			return problem, err
		}
		a.ByteValues, a.Values = append(a.ByteValues, more.ByteValues...), append(a.Values, more.Values...)
		last = ends
	}
	return "", nil
}

// rangeFrom fetches the values of an attribute from a number on, as many as the server sends.
func (s *search) rangeFrom(ctx context.Context, dn, name string, from int) (more *ldap.EntryAttribute, last bool, problem string, err error) {
	_, err = s.ask(ctx, s.source.options.ReplyTimeout, &ldap.SearchRequest{
		BaseDN: dn, Scope: ldap.ScopeBaseObject, DerefAliases: ldap.NeverDerefAliases, Filter: "(objectClass=*)",
		Attributes: []string{fmt.Sprintf("%s;range=%d-*", name, from)},
	}, func(entry *ldap.Entry) {
		for _, a := range entry.Attributes {
			base, begins, ends, ok := parseRange(a.Name)
			if ok && strings.EqualFold(base, name) && begins == from && len(a.ByteValues) > 0 {
				more, last = a, ends
			}
		}
	})
	switch {
	case code(err) == ldap.LDAPResultNoSuchObject || err == nil && more == nil:
		return nil, false, fmt.Sprintf("its values after the first %d can't be had: they changed while they were read, or the entry is gone", from), nil
	case err != nil:
		return nil, false, "", err
	}
	return more, last, "", nil
}
