package emulator

import (
	"cmp"
	"time"
)

// The credentials of a server whose options don't say otherwise.
const (
	DefaultApplicationID = "1"
	DefaultAuthKey       = "emulator-auth-key"
	DefaultAuthSecret    = "emulator-auth-secret"
	DefaultAdminKey      = "emulator-admin-key"
)

// Options say how a server behaves. The zero value is a server in memory with the default credentials, no limit, and
// the service's documented defaults.
type Options struct {
	ApplicationID string // a number; "" is DefaultApplicationID
	AuthKey       string // "" is DefaultAuthKey
	AuthSecret    string // "" is DefaultAuthSecret; only signed sessions need it
	AdminKey      string // "" is DefaultAdminKey

	// Data is the file the users live in, made when missing (mode 0600), and so is its folder (0700), but not the folder that
	// this is in; "" keeps them in memory. Uploaded files live in the folder Data + ".blobs".
	Data string
	// Users are made by Open where their login doesn't exist yet. They don't count as writes.
	Users []SeedUser
	// RequestsPerSecond is how many API requests any sliding second may hold; those above get 429. 0: no limit.
	RequestsPerSecond int
	// KeepRequests is how many of the last requests Server.Requests shows. 0 is 500, less is none.
	KeepRequests int
	// Faults are what goes wrong from the start, and FaultSeed decides the chances; see Server.SetFaults.
	Faults    []Fault
	FaultSeed uint64

	// Identity is the Custom Identity Provider that sign-ins by login are verified with; nil: there is none.
	Identity *Identity

	// The switches: where the documentation is silent, the other answer. Options.Switches says what each changes.

	WriteOthers       bool
	OthersAnswer      string // "" and "403", or "404"
	NoAdminAPI        bool
	SharedExternalIDs bool
	SharedEmails      bool
	SharedSocialIDs   bool
	FixedExternalIDs  bool
	AnyCaseLogins     bool
	KeepsEmailCase    bool
	KeepsSpaces       bool
	AnyPassword       bool
	DenyOnTheFly      bool
	LoginCreatesUsers bool
	SignInEndsOthers  bool
	SignInUpdates     bool
	ActivityUpdates   bool
	NoRetryAfter      bool
	ListLag           time.Duration
	NewestFirst       bool
	Tags              string // "" and "mixed", "array" or "text"
	InValues          int    // 0: any number
	RequireSignature  bool
	ResetBy           string // "" and "both", "get" or "post"
	EmptyAnswers      bool
	NoV1              bool
	NoV2              bool
}

// SeedUser is a user to start with. Login and Password are required; the service's rules hold for all fields.
type SeedUser struct {
	Login, Password string
	Email           string
	FullName        string
	ExternalID      string
	Tags            []string
}

func (o Options) withDefaults() Options {
	o.ApplicationID = cmp.Or(o.ApplicationID, DefaultApplicationID)
	o.AuthKey = cmp.Or(o.AuthKey, DefaultAuthKey)
	o.AuthSecret = cmp.Or(o.AuthSecret, DefaultAuthSecret)
	o.AdminKey = cmp.Or(o.AdminKey, DefaultAdminKey)
	return o
}
