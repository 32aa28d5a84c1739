package config

import "time"

// What holds where the file says nothing. The guards' defaults are plan.DefaultLimits.
const (
	defaultState        = ".cubesync/state"
	defaultEmulatorData = ".cubesync/emulator.jsonl"
	defaultKeepRuns     = 100

	defaultRateLimit = 50 // below the slowest plan that we know of
	defaultTimeout   = 30 * time.Second
	defaultWorkers   = 8

	defaultDelimiter = ','
	// A leaver must be missing from three nights' reads, which a long weekend of broken exports doesn't reach.
	defaultGraceReads = 3
	defaultGraceSpan  = 72 * time.Hour

	// Deletes are off unless an authority is named; leavers: delete asks for one.
	defaultDeletes   = Off
	defaultVanished  = recreateVanished
	defaultDataMode  = mergeData
	defaultOwner     = ownerSource
	defaultEmptyCell = keepEmpty
)

// What the sample and the embedded emulator use, and what everybody can read: refused with any other endpoint than the
// emulator or a server on this machine.
const (
	SampleSecret            = "emulator-sample-secret"
	EmulatorAuthKey         = "emulator-auth-key"
	EmulatorAdminKey        = "emulator-admin-key"
	EmulatorServicePassword = "emulator-service-password"
)
