// Package ldapdir reads records from an LDAP directory: OpenLDAP, Active Directory, 389 Directory Server and FreeIPA. It
// streams, page by page; a directory of any size takes the same memory.
//
// A read is proven where the server answered every page with the paging control and without an error, and said with an empty
// cookie that there is no further one. Everything else is incomplete: a limit that ended the search, a page without the
// control, a connection that was lost. The package doesn't know what the attributes mean beyond how they are written, and it
// never begins again by itself in the middle of a read.
package ldapdir

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"cubesync/sync/record"
)

// The columns that aren't attributes. They are made where they are asked for.
const (
	DNColumn       = "dn"       // the entry's distinguished name
	DisabledColumn = "disabled" // Disabled, or null
	GroupsColumn   = "groups"   // the tags of Groups that the entry is in, with GroupSeparator between them
)

// Disabled is what DisabledColumn holds for a disabled account, ready to be a tag.
const Disabled = "disabled"

// GroupSeparator stands between the tags in GroupsColumn.
const GroupSeparator = ";"

// What holds where nothing is said.
const (
	DefaultPageSize       = 500
	DefaultPhotoPageSize  = 50 // where photos are read: a page is held in memory
	DefaultDialTimeout    = 10 * time.Second
	DefaultRequestTimeout = 30 * time.Second
	DefaultIdleTimeout    = 60 * time.Second
)

// Options say what to read, and from where.
type Options struct {
	URLs     []string // ldaps://, ldap:// or ldapi:///path, the preferred one first; the others serve where it can't be reached
	StartTLS bool     // turns ldap:// into an encrypted connection
	Plain    bool     // permits ldap:// without StartTLS
	TLS      TLS
	Bind     Bind

	Base   string
	Filter string
	Scope  Scope

	Columns []string         // attributes, and the columns above; no others are asked for
	Values  map[string]Multi // by attribute; the others are refused where they have several values
	// Key is the column that holds the external ID, "" where none does by itself. It is only used to say whose record was
	// rejected.
	Key          string
	LeaveOut     bool // disabled accounts are left out, and counted
	Groups       Groups
	PageSize     int           // 0: DefaultPageSize, or DefaultPhotoPageSize
	DialTimeout  time.Duration // of one server, TLS included; 0: DefaultDialTimeout
	ReplyTimeout time.Duration // of one question that isn't a page; 0: DefaultRequestTimeout
	IdleTimeout  time.Duration // between two entries of a page; 0: DefaultIdleTimeout
}

// TLS says whom to trust, and who we are.
type TLS struct {
	Roots       *x509.CertPool   // nil: the system's
	Certificate *tls.Certificate // ours; nil: none
	Pins        [][]byte         // SHA-256 of public keys, of which the server's chain must have one; none: any will do
}

// Bind says as whom to read: exactly one way is set.
type Bind struct {
	DN, Password string
	External     bool // who the client certificate, or the process at the other end of the socket, is
	Anonymous    bool
}

// Scope says how far below the base entries may be.
type Scope string

// The scopes.
const (
	Subtree Scope = "subtree"
	One     Scope = "one"
	Base    Scope = "base"
)

// number is what the protocol calls it.
func (s Scope) number() (int, bool) {
	n, known := map[Scope]int{Subtree: ldap.ScopeWholeSubtree, One: ldap.ScopeSingleLevel, Base: ldap.ScopeBaseObject, "": ldap.ScopeWholeSubtree}[s]
	return n, known
}

// Source is a directory that can be read any number of times.
type Source struct {
	options Options
	servers []server
	scope   int
}

var _ record.Source = (*Source)(nil)

// New checks the options; it reaches no server.
func New(options Options) (*Source, error) {
	s := &Source{options: options}
	o := &s.options
	for _, text := range o.URLs {
		at, err := parseServer(text)
		if err != nil {
			return nil, fmt.Errorf("LDAP source: %w", err)
		}
		if at.plain() && !o.StartTLS && !o.Plain {
			return nil, fmt.Errorf("LDAP source: %s isn't encrypted: write ldaps://, or have StartTLS", at.shown)
		}
		s.servers = append(s.servers, at)
	}
	if len(s.servers) == 0 {
		return nil, errors.New("LDAP source: no server: name one")
	}
	var known bool
	if s.scope, known = o.Scope.number(); !known {
		return nil, fmt.Errorf("LDAP source: unknown scope %q", o.Scope)
	}
	if err := errors.Join(CheckDN(o.Base), CheckFilter(o.Filter)); err != nil {
		return nil, fmt.Errorf("LDAP source: %w", err)
	}
	o.PageSize = or(o.PageSize, DefaultPageSize)
	if options.PageSize == 0 && slices.ContainsFunc(o.Columns, isPhoto) {
		o.PageSize = DefaultPhotoPageSize
	}
	o.DialTimeout, o.ReplyTimeout, o.IdleTimeout = or(o.DialTimeout, DefaultDialTimeout), or(o.ReplyTimeout, DefaultRequestTimeout), or(o.IdleTimeout, DefaultIdleTimeout)
	if _, err := newDecoder(o); err != nil {
		return nil, fmt.Errorf("LDAP source: %w", err)
	}
	return s, nil
}

func or[T int | time.Duration](given, preset T) T {
	if given <= 0 {
		return preset
	}
	return given
}

// Open begins a read: it reaches the first server that answers, and signs in.
func (s *Source) Open(ctx context.Context) (record.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	began := time.Now()
	decoder, err := newDecoder(&s.options)
	if err != nil {
		return nil, err // New has found none
	}
	link, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	return newReader(s, link, decoder, s.evidence(began)), nil
}

// evidence names what is read, whichever of the servers answers: they hold the same directory.
func (s *Source) evidence(began time.Time) record.Evidence {
	return record.Evidence{Name: s.servers[0].shown + "/" + s.options.Base, ReadAt: began.UTC().Truncate(time.Second)}
}

// CheckDN reports what is wrong with a distinguished name.
func CheckDN(dn string) error {
	if _, err := ldap.ParseDN(dn); err != nil {
		return fmt.Errorf("%q is not a distinguished name", dn)
	}
	return nil
}

// CheckFilter reports what is wrong with a filter.
func CheckFilter(filter string) error {
	if _, err := ldap.CompileFilter(filter); err != nil {
		_, why, _ := strings.Cut(err.Error(), ": ldap: ")
		return fmt.Errorf("%q is not a filter: %s", filter, strings.TrimPrefix(why, "ldap: "))
	}
	return nil
}

// attributes are the columns that are asked for as such.
func attributes(columns []string) []string {
	made := []string{DNColumn, DisabledColumn, GroupsColumn}
	return slices.DeleteFunc(slices.Clone(columns), func(name string) bool { return slices.Contains(made, name) })
}
