package emulator

import "cmp"

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
	ApplicationID string // "" is DefaultApplicationID
	AuthKey       string // "" is DefaultAuthKey
	AuthSecret    string // "" is DefaultAuthSecret; only signed sessions need it
	AdminKey      string // "" is DefaultAdminKey

	// Data is the file the users live in, made when missing (mode 0600, its folder 0700); "" keeps them in memory.
	Data string
	// Users are made by Open where their login doesn't exist yet. They don't count as writes.
	Users []SeedUser
	// RequestsPerSecond is how many API requests any sliding second may hold; those above get 429. 0: no limit.
	RequestsPerSecond int
	// DenyOnTheFly switches off that POST /session with an unknown login and a password makes that user.
	DenyOnTheFly bool
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
