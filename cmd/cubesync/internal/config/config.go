package config

import (
	"crypto/x509"
	"net/url"
	"time"

	"cubesync/sink/emulator"
	"cubesync/sync/apply"
	"cubesync/sync/mapping"
	"cubesync/sync/plan"
)

// Config is a whole configuration, checked and resolved.
type Config struct {
	Path         string // of the file, absolute
	ConnectyCube ConnectyCube
	Emulator     emulator.Options // without users; its keys are shown to whoever starts it
	State        string           // the folder of the state, absolute
	KeepRuns     int
	FullEvery    int           // at least every so many runs the accounts are listed in full
	PlanExpires  time.Duration // how long a saved plan may be carried out
	Pipelines    []Pipeline    // at least one

	places places
}

// ConnectyCube is the application whose users are kept equal.
type ConnectyCube struct {
	Endpoint      string // EmbeddedEmulator, or a URL without a slash at its end
	ApplicationID string
	AuthKey       Secret
	AuthSecret    Secret       // zero: sessions aren't signed
	ServiceUser   *ServiceUser // nil: reading needs no user
	AdminKey      Secret       // zero without one
	RateLimit     float64      // requests a second
	Timeout       time.Duration
	Proxy         Proxy
	CAs           []*x509.Certificate // trusted besides the system's
}

// EmbeddedEmulator is the endpoint that means the emulator within this process.
const EmbeddedEmulator = "emulator"

// Embedded reports whether the endpoint is the emulator within this process.
func (c ConnectyCube) Embedded() bool { return c.Endpoint == EmbeddedEmulator }

// Local reports whether the endpoint is a server on this machine, and so no live service.
func (c ConnectyCube) Local() bool {
	if c.Embedded() {
		return true
	}
	endpoint, err := url.Parse(c.Endpoint)
	return err == nil && loopback(endpoint.Hostname())
}

// Pipeline is one source whose users are kept equal.
type Pipeline struct {
	Name     string
	OwnerTag string
	Schedule string         // "": never by itself
	Timezone *time.Location // of Schedule; nil only without one

	Source    Source
	Mapping   mapping.Spec
	Avatar    *Avatar `json:",omitempty"` // nil: avatars are left alone
	Passwords Passwords
	Creates   Authority // WithKey or AsShared
	Updates   Authority // AsOwner, AsShared or Off
	Deletes   Authority // AsAdmin, AsOwner, AsShared or Off
	Policy    plan.Policy
	Guards    plan.Limits
	Breaker   apply.Breaker `json:"-"` // like Workers it decides nothing about users
	Workers   int           // 0: as many as are of use, found out while the run goes on
	// MaxDuration is how long a run may take; 0: as long as it takes.
	MaxDuration time.Duration `json:"-"`

	Tests Tests `json:"-"` // of the mapping; they change nobody

	// Settings are digests of what decides who is a leaver, by the names "source", "key", "mapping", "filter", "owner_tag",
	// "other_owner_tags", "leavers", "protected", "grace" and "completeness".
	Settings map[string]string
	// Digest changes whenever anything does that decides what this pipeline would write, secrets included. Tokens of providers
	// expire: of them it is what the file says that counts, such as ${NAME}.
	Digest string
}

// Source is where users come from: exactly one kind is set, or several sources.
type Source struct {
	CSV   *CSV
	LDAP  *LDAP  `json:",omitempty"`
	SQL   *SQL   `json:",omitempty"`
	Parts []Part `json:",omitempty"`
}

// CSV is a source of kind csv.
type CSV struct {
	Path            string   // absolute, or csvfile.StandardInput
	Files           int      `json:",omitempty"` // how many files the path's last element matches; 0: it is one file's
	Encoding        string   `json:",omitempty"` // "": UTF-8, or UTF-16 with a byte order mark
	Delimiter       rune     // 0: found
	NullValue       *string  // the cell that means null; nil: none does
	SkipRows        int      `json:",omitempty"` // lines before the header
	Comment         string   `json:",omitempty"` // how lines begin that aren't read; "": all are
	Columns         []string `json:",omitempty"` // where there is no header
	Lenient         bool     `json:",omitempty"` // quotes may stand anywhere
	DamagedKeys     bool     `json:",omitempty"` // keys that a spreadsheet may have damaged are taken
	AcceptPlausible bool     // absence from a file that can't prove to be whole is believed

	Complete Complete      `json:",omitzero"` // what shows that it is whole
	MaxBytes int64         `json:"-"`         // that an archive may hold; 0: as usual
	Settle   time.Duration `json:"-"`         // without a change, before it is read
	MaxAge   time.Duration `json:"-"`         // 0: it may be of any age
}

// Complete is what shows that a file is whole; zero: nothing does, otherwise exactly one way is set.
type Complete struct {
	Trailer  string // the first cell of the last row
	Count    int    // and its cell, from 1, that says how many rows there are
	Checksum string // absolute paths
	Done     string
	Records  int
}

// Passwords says how new users get theirs: exactly one way is set.
type Passwords struct {
	Derive *Derive
	Random bool
	Column string `json:",omitempty"` // of the source

	ResetEmail bool `json:",omitempty"` // those with random ones are sent an e-mail for their own
	PerMinute  int  `json:"-"`          // e-mails; 0: as fast as the rate limit permits. How fast it works decides nothing
}

// Derive computes passwords from the external ID and a secret.
type Derive struct {
	Secret   Secret
	Previous Secret // the one before the last rotation; zero without one
}

// Authority is whose right a write is made with.
type Authority string

// The authorities.
const (
	WithKey  Authority = "key"    // the authorization key; creates only
	AsOwner  Authority = "owner"  // a short session of the user who is written
	AsShared Authority = "shared" // the session of the service user
	AsAdmin  Authority = "admin"  // the Admin API; deletes only
	Off      Authority = "off"    // no such write is made
)
