package state

import (
	"slices"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/record"
)

// Identity says whose state it is. Another endpoint, application, pipeline or owner tag has another state, so that
// pointing the configuration elsewhere starts afresh.
type Identity struct {
	Endpoint      string
	ApplicationID string
	Pipeline      string
	OwnerTag      string
}

// Status is how a run ended.
type Status string

// The ends of a run.
const (
	Running     Status = "running"     // not ended, or killed
	Applied     Status = "applied"     // every operation was tried, or there was none
	Planned     Status = "planned"     // only looked at
	Held        Status = "held"        // a guard stopped it; nothing was written
	Incomplete  Status = "incomplete"  // the source wasn't read whole; nothing was written
	Interrupted Status = "interrupted" // a signal stopped it; the next run goes on
	Late        Status = "deadline"    // its deadline stopped it; the next run goes on
	Unusable    Status = "unusable"    // ConnectyCube couldn't be used; the next run goes on
	Failed      Status = "failed"      // anything else
)

// Rule is what opened the circuit breaker of a run.
type Rule string

// The rules of the breaker.
const (
	ServiceUnusable Rule = "unusable" // the credentials are refused, or the service can't be used
	InARow          Rule = "in_a_row" // so many operations of one kind in a row were forbidden or ended in doubt
	Share           Rule = "share"    // too large a share of the last operations failed
	CanaryFailed    Rule = "canary"   // the sample failed, or isn't as planned when it was read back
)

// Canary is what came of the sample that a run began with.
type Canary struct {
	Operations int `json:"operations"` // that were sent
	ReadBack   int `json:"read_back"`  // accounts that were looked up afterwards
	Different  int `json:"different"`  // of them, those that aren't as planned
	// Normalised are the fields of which the service made something else than was sent and said so: from now on that is known.
	Normalised []string `json:"normalised,omitempty"`
}

// Difference is a field of an account in the sample that isn't as it was planned.
type Difference struct {
	ExternalID string          `json:"external_id"`
	AccountID  int64           `json:"account_id"`
	Position   record.Position `json:"position,omitempty"`
	Field      string          `json:"field"`
	Sent       string          `json:"sent"`
	Got        string          `json:"got"`
	Normalised bool            `json:"normalised,omitempty"` // the answer to the write said so already
}

// Run is one walk of a pipeline, as reports show it and the state keeps it.
type Run struct {
	ID        int64       `json:"run"`
	Pipeline  string      `json:"pipeline"`
	StartedAt time.Time   `json:"started_at"`
	EndedAt   time.Time   `json:"ended_at,omitzero"`
	Status    Status      `json:"status"`
	Problem   string      `json:"problem,omitempty"` // why it ended other than applied
	Canary    *Canary     `json:"canary,omitempty"`  // nil where the run began with no sample
	Breaker   Rule        `json:"breaker,omitempty"` // what opened the circuit breaker; "" where nothing did
	Verdict   Verdict     `json:"source"`
	Tally     Tally       `json:"tally"`
	Trips     []plan.Trip `json:"guards,omitempty"`
	// Reviewed recognises what a person saw: the plan, the read behind it, and the configuration.
	Reviewed string `json:"reviewed,omitempty"`
	// Config recognises the configuration.
	Config string `json:"config,omitempty"`
	// Approves is the held run whose plan this run carried out; 0: none.
	Approves int64 `json:"approves,omitempty"`
	// PlannedAt is when the saved plan was made that this run carried out; zero where it planned itself.
	PlannedAt time.Time `json:"planned_at,omitzero"`
	// RetryRefused: what the service had refused before was to be sent again.
	RetryRefused bool `json:"retry_refused,omitempty"`
	// Rekey: it gave accounts other external IDs, and compared nobody with a source.
	Rekey bool `json:"rekey,omitempty"`
	// Listed says how the accounts were listed; nil where none were, as where a saved plan is carried out.
	Listed *Listed `json:"listed,omitempty"`
	// Budget compares the calls that the plan announced with those that were made; nil where none was carried out.
	Budget *Budget `json:"budget,omitempty"`
	// Forecast is the last one of the apply phase; nil where that was over before there was one.
	Forecast *Forecast `json:"forecast,omitempty"`
}

// Listed is how a run listed the accounts with the owner tag: only those that changed since a time, or all of them.
type Listed struct {
	Accounts int       `json:"accounts"` // how many came
	Since    time.Time `json:"changed_since,omitzero"`
	All      WhyAll    `json:"why_all,omitempty"` // "" where only the changed ones were listed
}

// WhyAll says why a run listed all accounts.
type WhyAll string

// The reasons to list all accounts.
const (
	ListedNever      WhyAll = "never-listed"  // it is the first time
	ListAsked        WhyAll = "asked"         // whoever started the run said so
	ListDue          WhyAll = "due"           // so many runs have listed only changes
	ListWithoutClock WhyAll = "without-clock" // the service didn't say when the last list was
	ListUnanswered   WhyAll = "unanswered"    // the service didn't answer the question for changes
	ListOutdated     WhyAll = "outdated"      // an account wasn't as the last run had listed it
	ListClockSet     WhyAll = "clock-set"     // a clock was set, so that nobody knows since when
	ListNotAll       WhyAll = "not-all"       // the changes weren't all there was to know
)

// Approvable reports whether a person may let the run's plan pass.
func (r Run) Approvable() bool {
	return r.Status == Held && !slices.ContainsFunc(r.Trips, func(t plan.Trip) bool { return !t.Approvable() })
}

// Verdict is a source's verdict as runs keep it.
type Verdict struct {
	Completeness string `json:"completeness"`
	Reason       string `json:"reason"`
	// Note is what people should hear of a usable read, such as who was left out.
	Note     string          `json:"note,omitempty"`
	Evidence record.Evidence `json:"evidence"`
	// Since says from where on records were read, where only what changed was; "" where all were.
	Since string `json:"since,omitempty"`
	// SeveralMoments: the records may be of several moments, so that the guards were halved.
	SeveralMoments bool `json:"several_moments,omitempty"`
	// Empty names those of several sources that gave no usable record.
	Empty []string `json:"empty,omitempty"`
}

// Tally counts where every record and every leaver of a run ended. The first block adds up to Read.
type Tally struct {
	Read         int `json:"read"`
	Unchanged    int `json:"unchanged"`
	Applied      int `json:"applied"`
	Failed       int `json:"failed"`
	Skipped      int `json:"skipped"`
	ByPolicy     int `json:"by_policy"` // of Skipped: what the configuration says not to write
	NotAttempted int `json:"not_attempted"`
	Unknown      int `json:"unknown"`
	Rejected     int `json:"rejected"`
	Collapsed    int `json:"collapsed"`          // repetitions of another record
	Filtered     int `json:"filtered,omitempty"` // left out by the filter
	// NotRead are owned accounts whose records weren't read, because only what changed was. They are no part of Read.
	NotRead int `json:"not_read,omitempty"`

	// Leavers are operations without a record, by how they ended, and owned accounts that wait or stay.
	LeaversApplied      int `json:"leavers_applied"`
	LeaversFailed       int `json:"leavers_failed"`
	LeaversSkipped      int `json:"leavers_skipped"`
	LeaversNotAttempted int `json:"leavers_not_attempted"`
	LeaversUnknown      int `json:"leavers_unknown"`
	LeaversLeft         int `json:"leavers_left"` // in grace, kept, or of unknown absence

	Ignored int `json:"ignored"` // values that the service ignored
	// LockedOut counts accounts that still lack what they gave up in a swap that was broken off, as long as that is known.
	LockedOut int `json:"locked_out"`
	// Recreated counts, among the applied, the sign-ups of people whose account had disappeared without us.
	Recreated int `json:"recreated"`
	// Done counts the applied operations by kind.
	Done map[plan.Kind]int `json:"done,omitempty"`

	Avatars Extras `json:"avatars,omitzero"`
	Resets  Extras `json:"resets,omitzero"` // e-mails for new passwords
}

// Extras count what is done for users beyond the plan's operations, by how it ended. No record ends with one.
type Extras struct {
	Done         int `json:"done"`
	Failed       int `json:"failed"`  // they are tried again, unless the service refused them
	Skipped      int `json:"skipped"` // refused before, changed meanwhile, or not possible
	Unknown      int `json:"unknown"` // in doubt
	NotAttempted int `json:"not_attempted"`
	Waiting      int `json:"waiting"` // for something that only the source can give
}

// Count counts one that ended.
func (e *Extras) Count(ending Ending) {
	switch ending {
	case DoneApplied:
		e.Done++
	case DoneFailed:
		e.Failed++
	case DoneSkipped:
		e.Skipped++
	case DoneUnknown:
		e.Unknown++
	default:
		e.NotAttempted++
	}
}

// Troubles is how many of them somebody should look at.
func (e Extras) Troubles() int { return e.Failed + e.Skipped + e.Unknown + e.NotAttempted }

// Ending is how one operation ended.
type Ending string

// The endings of an operation. Every operation has exactly one.
const (
	DoneApplied  Ending = "applied"
	DoneFailed   Ending = "failed"        // refused by the service
	DoneSkipped  Ending = "skipped"       // not sent: blocked, or its user changed meanwhile
	NotAttempted Ending = "not attempted" // the run ended before its turn
	DoneUnknown  Ending = "unknown"       // in doubt still; the next run finds out
)

// Outcome is how an operation ended, with the service's own words.
type Outcome struct {
	Operation plan.Operation
	Ending    Ending
	Words     string           // why, where it wasn't applied
	Refused   bool             // failed for what it says: not to be sent again unless something changes
	Whatever  bool             // of Refused: whatever it says, because nobody may write the account, or its password isn't ours
	Taken     bool             // of Refused: somebody has what it claims, and nobody was to free it
	Open      bool             // of Refused: nobody keeps what it claims, so it may be sent again: see plan.Refusal
	Moved     bool             // of one that wasn't sent: its account isn't any more what the plan was made from
	Account   *account.Account // after an applied create or update: what the service answered
	Learned   []plan.Learned   // what the answer taught
	Ignored   int              // how many values the service ignored
	Late      bool             // of a sign-up that was sent, too, without an answer, so that it may still be carried out: see plan.Late
	Agreement plan.Agreement   // of somebody who was signed up: they have it from then on; the zero one: none
	KeptID    *string          // the external ID that the account kept although ours was sent; nil: it was taken, or not sent
}

// Intent is an operation that was opened and whose outcome isn't known: its run was killed.
type Intent struct {
	Run        int64
	Kind       plan.Kind
	Step       plan.Step
	ExternalID string
	AccountID  int64
	// Login and Email are what a sign-up sent, and otherwise what the account had, so what its user signed in with.
	Login, Email string
	// Opened is the service's time from which on the operation may have been sent; zero where the service never told it.
	Opened time.Time
}
