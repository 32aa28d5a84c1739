package config

import (
	"time"

	"cubesync/sink/emulator"
)

// What holds where the file says nothing. The guards' defaults are plan.DefaultLimits.
const (
	defaultState        = ".cubesync/state"
	defaultEmulatorData = ".cubesync/emulator.jsonl"
	defaultKeepRuns     = 100
	defaultFullEvery    = 7
	defaultPlanExpires  = 24 * time.Hour
	maxPlanExpires      = 366 * day
	maxMaxDuration      = 366 * day // none by default

	defaultRateLimit = 50 // QuickBlox, from which the API descends, permits 80 on its smallest plan
	defaultTimeout   = 30 * time.Second
	maxWorkers       = 256

	// How CSV files are written.
	strictQuotes  = "strict" // the default
	lenientQuotes = "lenient"
	refuseDamaged = "refuse" // the default
	acceptDamaged = "accept"
	defaultCount  = 2 // cell of a trailer
	maxColumns    = 10_000
	maxFiles      = 10_000
	maxSkipRows   = 10_000

	// Three nightly reads over three days: bad exports of a weekend that nobody looks at don't reach that.
	defaultGraceReads = 3
	defaultGraceSpan  = 72 * time.Hour

	// Deletes are off unless an authority is named; leavers: delete asks for one.
	defaultDeletes   = Off
	defaultCreates   = WithKey
	defaultVanished  = recreateVanished
	defaultDataMode  = mergeData
	defaultOwner     = ownerSource
	defaultEmptyCell = keepEmpty
)

// What the sample and the embedded emulator use, and what everybody can read: refused with any other endpoint than the
// emulator or a server on this machine.
const (
	SampleSecret            = "emulator-sample-secret"
	EmulatorAuthKey         = emulator.DefaultAuthKey
	EmulatorAuthSecret      = emulator.DefaultAuthSecret
	EmulatorAdminKey        = emulator.DefaultAdminKey
	EmulatorServicePassword = "emulator-service-password"
)
