// Package plan decides what a run does. It compares what the system of record wants with what ConnectyCube has and
// yields operations, each with its reason and with every value before and after. It is pure: no I/O, no clock, no
// log, and the same input always gives the same plan, byte for byte.
//
// What it does not do: read, look up, write, or guess. What it may not know for certain it leaves alone and says so.
package plan

import (
	"fmt"
	"iter"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// Desired is one record of the source, mapped to a user.
type Desired struct {
	User     user.User
	Position record.Position
	// Digest recognises the record, together with everything else that decides about it; 0 where that isn't wanted.
	Digest user.Digest
	// Picture is the avatar that the record points at.
	Picture Picture
	// Unfit says why nobody can be signed up by the record: it has no password that the service would take. "": somebody can.
	Unfit string
}

// Known is what earlier runs left in the state about one external ID.
type Known struct {
	ExternalID string
	AccountID  int64 // the account it belonged to; 0 while it never had one
	Mine       Mine  // as we last wanted it, so that what we no longer want can go
	Learned    []Learned
	Refusal    *Refusal
	Absence    *Absence
	// KeptID is the external ID that the account kept when ours was sent: it isn't sent again, and the account is known
	// by its id. nil: none was refused.
	KeptID *string
	Parked *Parked
	Avatar Uploaded // that it was given
}

// Parked is what an account gave up in a swap, remembered before it did and until it has something in its place.
type Parked struct {
	Login string `json:"login,omitempty"`
	Email string `json:"email,omitempty"`
	// Waits: a run found it so already, and left it so.
	Waits   bool      `json:"waits,omitempty"`
	Refused []Refusal `json:"refused,omitempty"` // what the service refused to take back, the last at the end
}

// Learned is what a definite answer taught about writing one field: what was sent, and what the service kept.
type Learned struct {
	Field user.Field
	Sent  string
	Got   string
	// Ignored: the service kept what it had before. Otherwise it made something else of what was sent, a
	// normalisation. Either way the same value isn't sent again.
	Ignored bool
}

// Refusal is an operation that the service refused; Digest recognises the same operation when it is planned again.
type Refusal struct {
	Digest string
	Words  string // the service's own
	// Whatever: it was refused whatever it writes, because nobody may write the account, or its password isn't ours.
	Whatever bool `json:",omitempty"`
	// Taken: somebody had what it claims, and nobody was to free it. Once somebody is, it is sent again.
	Taken bool `json:",omitempty"`
	// Open: it wanted a login or an e-mail that was said to be taken, and nobody was found who keeps it. That may pass, so it
	// is sent again. Since is when it was refused so for the first time.
	Open  bool      `json:",omitempty"`
	Since time.Time `json:",omitzero"`
}

// bars reports whether an operation isn't sent because exactly this was refused; waits: it waits for somebody who frees what it
// claims.
func (r *Refusal) bars(digest string, waits bool) bool {
	return r != nil && r.Digest == digest && !r.Open && (!r.Taken || !waits)
}

// Absence counts the reads in which a leaver was missing.
type Absence struct {
	Reads int
	Since time.Time // the first counted read without them
	// Approved is what a person agreed to see become of them, who approved a run that the source's shrinking held; "" for
	// nothing.
	Approved Leavers `json:"ApprovedTo,omitempty"`
}

// Ownership says who decides a field's value after sign-up.
type Ownership uint8

// The owners of a field.
const (
	OwnedBySource Ownership = iota // kept equal to the source
	OwnedAtCreate                  // set at sign-up, then the user's
	OwnedIfEmpty                   // set whenever it is empty
)

// Leavers says what becomes of owned accounts that have no record any more.
type Leavers string

// The policies for leavers.
const (
	KeepLeavers    Leavers = "keep"
	ReleaseLeavers Leavers = "release" // take the owner tag off
	DeleteLeavers  Leavers = "delete"
)

// Policy is the part of a pipeline's configuration that decides.
type Policy struct {
	OwnerTag          string
	OtherOwnerTags    []string                 // of other pipelines: a record that wants one is rejected
	Owners            map[user.Field]Ownership // a field that isn't named is OwnedBySource
	ReplaceCustomData bool                     // write custom_data as it is mapped; otherwise merge it key by key
	UpdatesOff        bool                     // no authority to update: differences are listed, not written
	Adopt             []account.Key            // what accounts that aren't ours may be taken over by; none: they are refused
	AdoptionsOff      bool                     // no authority to write accounts that we didn't make
	Protected         Protected
	Leavers           Leavers
	GraceReads        int           // counted reads that must miss a leaver; 0 or 1: the first is enough
	GraceSpan         time.Duration // between the first and the last of them
	AvatarPlace       string        `json:",omitempty"` // where accounts point at their avatars; "" where none are set
	LeaveVanished     bool          // an account that vanished without us isn't made again
}

// Protected are accounts that are never adopted, updated, released or deleted.
type Protected struct {
	IDs    []int64
	Logins []string
	Tags   []string
}

// Input is everything that a plan is made from. The sequences are sorted by external ID, byte by byte, and can be
// walked more than once; equal external IDs stand next to each other.
type Input struct {
	Desired  iter.Seq[Desired]
	Observed iter.Seq[account.Account] // the accounts that carry the owner tag
	Known    iter.Seq[Known]
	Rejects  []Reject        // records that the source or the mapping rejected
	Agreeing int             // users who were left out, because their record and their account agree: see Sieve
	NotRead  int             // owned accounts that were left out, because only what changed was read, and their records weren't
	Late     map[string]Late // calls that may still be carried out, by external ID

	// AbsenceUnknown says why a missing record proves nothing in this read; "" when it does. Nobody is released or
	// deleted while it is set.
	AbsenceUnknown string

	Policy       Policy
	ConfigDigest string // changes whenever the configuration does
	RetryRefused bool   // send again what the service refused before
	CountsAsRead bool   // this read is new evidence of absence
	Now          time.Time
}

// Kind is what an operation does.
type Kind string

// The kinds of operation.
const (
	Create  Kind = "create"
	Update  Kind = "update"
	Adopt   Kind = "adopt"
	Release Kind = "release"
	Delete  Kind = "delete"
)

// Kinds are all kinds, in the order in which plans and reports show them.
func Kinds() []Kind { return []Kind{Create, Update, Adopt, Release, Delete} }

// Step is a part of an operation that is carried out in two.
type Step string

// Park is the step that comes first where updates wait for each other in a ring: one of them gives up what the others
// claim, and gets its own values after them.
const Park Step = "park"

// PutBack is a step of its own: the account gets back what it gave up in a swap that was broken off, because nothing that
// its record wants brings the swap to its end.
const PutBack Step = "put-back"

// Given is a value that a parked operation gives up first, and whose operation claims it.
type Given struct {
	Field user.Field `json:"field"`
	To    string     `json:"to"` // external ID
}

// Change is one field of an operation.
type Change struct {
	Field  user.Field `json:"field"`
	Before string     `json:"before"`
	After  string     `json:"after"`
}

// Operation is one thing to do to one user.
type Operation struct {
	Kind Kind `json:"kind"`
	// Step is Park for what comes before an operation that stands in a ring. It isn't counted as an operation of its
	// own. No record ends with a step: it ends as its operation without one does, or as the plan says otherwise.
	Step       Step            `json:"step,omitempty"`
	ExternalID string          `json:"external_id"`
	AccountID  int64           `json:"account_id,omitempty"` // 0 for a create
	Position   record.Position `json:"position,omitempty"`   // "" where there is no record
	Reason     Reason          `json:"reason"`
	Changes    []Change        `json:"changes,omitempty"`
	// ExternalIDBefore is the external ID that the account has, "" for none, where it is to get ExternalID; nil
	// where it has that already, or isn't to get it.
	ExternalIDBefore *string `json:"external_id_before,omitempty"`

	// Approved: a person approved exactly this before, when the leaver was named with the day they would go. The limits of
	// releases and deletes don't count the operation a second time.
	Approved bool `json:"approved,omitempty"`

	// Blocked says why the operation is listed but not sent; "" for one that is.
	Blocked Reason `json:"blocked,omitempty"`
	Detail  string `json:"detail,omitempty"` // of Blocked, for people

	// Wave orders the operations: one is sent only when all of lower waves have ended.
	Wave int `json:"wave"`
	// WaitsFor are the external IDs whose operations free a value that this one claims. It isn't sent unless
	// all of theirs were applied; within its ring, the parking of those that are parked, its own included.
	WaitsFor []string `json:"waits_for,omitempty"`
	// Parked are the values that the operation's Park step gives up. Changes say what they were before it.
	Parked []Given `json:"parked,omitempty"`
	// Ring names the ring that the operation stands in, by one of its members. All operations of a ring stand together in
	// one wave, in their order, and are carried out as a whole or not at all.
	Ring string `json:"ring,omitempty"`

	// Account is what the plan was made from; apply checks it against what is there before it writes. nil where there is
	// none: see Was. Operations share it, so nothing is written through it.
	Account *account.Account `json:"-"`
	// Mine is what the source wants of the fields that are merged, for the state to remember.
	Mine Mine `json:"-"`
	// Digest recognises the operation when a later run plans it again.
	Digest string `json:"-"`
	// Record is the Desired.Digest of who is signed up, so that they can agree with the account that they get; 0: unknown.
	Record user.Digest `json:"-"`
}

// Was is the account that the operation was planned from; the zero Account where there is none, as for a create.
func (o *Operation) Was() account.Account {
	if o.Account == nil {
		return account.Account{}
	}
	return *o.Account
}

// Reject is a record that can't be carried out.
type Reject struct {
	Position   record.Position `json:"position"`
	ExternalID string          `json:"external_id,omitempty"` // "" where it couldn't be read
	Reason     Reason          `json:"reason"`
	Detail     string          `json:"detail"`              // what is wrong and what to do
	Uncertain  bool            `json:"uncertain,omitempty"` // absence is unknown for the whole read: see record.RejectError
	// Cells are the record's own values in the order of the source's columns, where they were still at hand.
	Cells []record.Value `json:"-"`
}

// Leaver is an owned account without a record that this plan leaves alone.
type Leaver struct {
	ExternalID string    `json:"external_id"`
	AccountID  int64     `json:"account_id"`
	Reason     Reason    `json:"reason"`
	Reads      int       `json:"reads,omitempty"`      // counted reads without them, this one included
	MoreReads  int       `json:"more_reads,omitempty"` // how many they still have to be missing from
	Since      time.Time `json:"since,omitzero"`
	Due        time.Time `json:"due,omitzero"` // not before this time; zero where it never goes
}

// Remark is a field that is left as it is although the source wants something else, or an account that can't be
// compared. One that is Ambiguous is about an account without a record, and about nothing else: see MayLose.
type Remark struct {
	ExternalID string          `json:"external_id,omitempty"`
	AccountID  int64           `json:"account_id,omitempty"`
	Position   record.Position `json:"position,omitempty"`
	Field      string          `json:"field,omitempty"`
	Reason     Reason          `json:"reason"`
	Detail     string          `json:"detail"`
}

// Plan is the decision of one run.
//
// A large plan doesn't hold the sign-ups of newcomers: SignUps has them, and All yields them among the others.
type Plan struct {
	Operations []Operation `json:"operations"` // in the order in which they are carried out
	SignUps    *SignUps    `json:"-"`          // nil where all are in Operations
	Rejects    []Reject    `json:"rejects"`
	Leavers    []Leaver    `json:"leavers"`
	Remarks    []Remark    `json:"remarks"`
	Avatars    []Avatar    `json:"avatars,omitempty"` // set after all operations

	Owned     int `json:"owned"`              // accounts that carry the owner tag
	Desired   int `json:"desired"`            // records that made a user
	Collapsed int `json:"collapsed"`          // of them, repetitions of another record
	Unchanged int `json:"unchanged"`          // of them, equal already
	Filtered  int `json:"filtered,omitempty"` // records that the filter left out: nobody's presence

	// Agreed are the agreements that hold once the plan was carried out, by external ID: of users who were compared.
	Agreed map[string]Agreement `json:"-"`
}

// Count returns how many operations of the kind are to be sent.
func (p *Plan) Count(kind Kind) int {
	n := 0
	for i := range p.Operations {
		if op := &p.Operations[i]; op.Kind == kind && op.counts() && op.Blocked == "" {
			n++
		}
	}
	if kind == Create {
		n += p.unheld()
	}
	return n
}

// counts reports whether the operation is a whole one, and not the first step of another.
func (o *Operation) counts() bool { return o.Step != Park }

// Blocked returns how many operations are listed but not sent.
func (p *Plan) Blocked() int {
	n := 0
	for i := range p.Operations {
		if p.Operations[i].Blocked != "" {
			n++
		}
	}
	return n
}

// Sent returns how many operations are to be sent.
func (p *Plan) Sent() int {
	n := 0
	for _, kind := range Kinds() {
		n += p.Count(kind)
	}
	return n
}

// Present returns how many distinct persons the read showed: users and rejects with a readable external ID.
func (p *Plan) Present() int {
	n := p.Desired - p.Collapsed
	apart := map[string]bool{} // persons of whom the source says several things, or something unusable
	for _, r := range p.Rejects {
		if r.Reason == DuplicateKey {
			n--
		}
		if r.ExternalID != "" && (r.Reason == DuplicateKey || r.Reason == BadRecord) {
			apart[r.ExternalID] = true
		}
	}
	return n + len(apart)
}

// Reason says why something is planned, blocked, rejected or left alone. Prose is made from it in the views.
type Reason string

// The reasons.
const (
	NewRecord      Reason = "new-record"          // create: no account has this external ID
	Vanished       Reason = "vanished"            // create: the account disappeared without us
	FieldsDiffer   Reason = "fields-differ"       // update
	LostTag        Reason = "lost-tag"            // update: known by id, but our tag is gone
	LostID         Reason = "lost-external-id"    // update: known by id, but its external ID is gone, or another's
	Rekeyed        Reason = "rekeyed"             // update: a person gave the account another external ID
	BrokenSwap     Reason = "broken-swap"         // update: gives back what the account gave up in a swap that was broken off
	MatchesID      Reason = "matches-external-id" // adopt
	MatchesLogin   Reason = "matches-login"       // adopt
	MatchesEmail   Reason = "matches-email"       // adopt
	LeftSource     Reason = "left-source"         // release, delete: no record any more
	UpdatesOff     Reason = "not-permitted"       // blocked: no authority to update, or to adopt
	RefusedBefore  Reason = "refused-before"      // blocked: the service refused exactly this already
	LeftVanished   Reason = "left-vanished"       // blocked: the policy doesn't make vanished accounts again
	InDoubt        Reason = "in-doubt"            // blocked: a call that was never answered may still make it a second account
	Cycle          Reason = "cycle"               // blocked: a ring of operations, none of which can give way
	WaitsForOther  Reason = "waits-for"           // blocked: what it waits for isn't sent
	BadRecord      Reason = "bad-record"          // reject: the source or the mapping refused it
	DuplicateKey   Reason = "duplicate-key"       // reject: two records with one external ID and different content
	SharedValue    Reason = "shared-value"        // reject: two records want the same login or e-mail
	BadPassword    Reason = "bad-password"        // reject: nobody can be signed up with the record's password
	ForeignTag     Reason = "foreign-tag"         // reject: a mapped tag is the owner tag of another pipeline
	NotOurs        Reason = "not-ours"            // reject: the account exists and doesn't carry our tag
	ValueTaken     Reason = "value-taken"         // reject: the login or e-mail belongs to another account
	HeldByLeaver   Reason = "held-by-leaver"      // reject: the login or e-mail belongs to a leaver of ours
	Ambiguous      Reason = "ambiguous"           // reject or remark: more than one account or record, never guessed
	UnknownID      Reason = "unknown-external-id" // reject: nobody of ours has the external ID that is to be changed
	IsProtected    Reason = "protected"           // reject, leaver: the account is never touched
	Kept           Reason = "kept"                // leaver: the policy keeps them
	InGrace        Reason = "in-grace"            // leaver: not missing for long enough
	AbsenceUnknown Reason = "absence-unknown"     // leaver: this read doesn't prove it
	NoRoomForTags  Reason = "no-room-for-tags"    // remark: five tags are the most
	NotAnObject    Reason = "not-an-object"       // remark: custom_data isn't a JSON object, so nothing can be merged
	Ignored        Reason = "ignored"             // remark: the service ignored this value when it was sent
	LockedOut      Reason = "locked-out"          // remark: the account lacks what it gave up in a swap that was broken off
	NoExternalID   Reason = "no-external-id"      // remark: our tag on an account without external ID
	BadPicture     Reason = "bad-picture"         // remark: what the record points at can't be an avatar
)

// String describes the operation in one line without its values.
func (o Operation) String() string {
	if o.Step != "" {
		return fmt.Sprintf("%s %s (account %d): %s of a swap", o.Kind, o.ExternalID, o.AccountID, o.Step)
	}
	return fmt.Sprintf("%s %s (account %d): %s", o.Kind, o.ExternalID, o.AccountID, o.Reason)
}
