package plan

import (
	"iter"
	"strconv"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// FileVersion is the version of the plan files that this program writes, and the only one that it reads.
const FileVersion = 1

// File is a plan as it is kept, reviewed and carried out later: JSON Lines, a header and then one line each operation,
// reject, leaver, remark and avatar, in this order. One plan has one spelling: the keys of a line stand in a fixed order, times
// are in UTC, and nothing that is empty is written. It never holds a password or a secret.
//
// The header's SHA256 shows that a file was changed by mistake or by hand. It is no signature: who can write the file
// can write the sum too, so plans are kept where only their owner may write.
type File struct {
	Header Header
	Plan   *Plan
}

// Header says what a plan was made from, and for whom.
type Header struct {
	Version       int       `json:"cubesync_plan"`
	Redacted      bool      `json:"redacted,omitempty"` // a view for sharing, which can't be carried out
	Endpoint      string    `json:"endpoint"`
	ApplicationID string    `json:"application_id"`
	Pipeline      string    `json:"pipeline"`
	OwnerTag      string    `json:"owner_tag"`
	MadeAt        time.Time `json:"made_at"`
	ExpiresAt     time.Time `json:"expires_at"`
	Run           int64     `json:"run,omitempty"`       // that made it; 0: it was only looked at
	AfterRun      int64     `json:"after_run,omitempty"` // the newest run before it; 0: there was none

	Source         Source                `json:"source"`
	Columns        []string              `json:"columns,omitempty"`    // of the source, as the cells of rejects have them
	LeftEmpty      []string              `json:"left_empty,omitempty"` // of them, those whose cells aren't kept
	Fields         map[user.Field]string `json:"fields"`               // who owns the mapped ones: source, create, if_empty
	Leavers        Leavers               `json:"leavers"`
	AbsenceUnknown string                `json:"absence_unknown,omitempty"` // why a missing record proves nothing
	CountsAsRead   bool                  `json:"counts_as_read,omitempty"`  // the read is new evidence of absence

	Config       string            `json:"config"`             // digest of the configuration
	Settings     map[string]string `json:"settings,omitempty"` // digests of what decides who is a leaver
	Reviewed     string            `json:"reviewed"`           // digest of what a person sees: plan, read, configuration
	RetryRefused bool              `json:"retry_refused,omitempty"`
	Watermark    time.Time         `json:"watermark,omitzero"`  // when the accounts were listed, by the service's clock
	Forgotten    int               `json:"forgotten,omitempty"` // lines that were taken out or changed since, because somebody was forgotten; it can't be carried out any more

	Counts Counts `json:"counts"`
	Guards []Trip `json:"guards,omitempty"` // that stop it
	Calls  Calls  `json:"calls"`
	SHA256 string `json:"sha256"` // of all the rest: this line with an empty sum, and the lines after it
}

// Source is the read that a plan was made from.
type Source struct {
	Completeness string `json:"completeness"`
	Reason       string `json:"reason,omitempty"`
	// Note is what people should hear of a usable read, such as who was left out.
	Note     string          `json:"note,omitempty"`
	Evidence record.Evidence `json:"evidence"`
	// Since says from where on records were read, where only what changed was; "" where all were.
	Since string `json:"since,omitempty"`
	// SeveralMoments: the records may be of several moments, so that the guards are halved.
	SeveralMoments bool `json:"several_moments,omitempty"`
	// Empty names those of several sources that gave no usable record.
	Empty []string `json:"empty,omitempty"`
}

// Partial reports whether the source wasn't read whole, or was too old, so that nothing may be written by it.
func (s Source) Partial() bool {
	return s.Completeness == record.Incomplete.String() || s.Completeness == record.Stale.String()
}

// Counts are the sums of a plan.
type Counts struct {
	Read       int `json:"read"` // records, and those that the source or the mapping rejected
	Desired    int `json:"desired"`
	Collapsed  int `json:"collapsed"`
	Filtered   int `json:"filtered,omitempty"` // records that the filter left out
	Unchanged  int `json:"unchanged"`
	Owned      int `json:"owned"`
	Create     int `json:"create"`
	Update     int `json:"update"`
	Adopt      int `json:"adopt"`
	Release    int `json:"release"`
	Delete     int `json:"delete"`
	Blocked    int `json:"blocked"`
	Operations int `json:"operations"` // lines
	Rejects    int `json:"rejects"`
	Leavers    int `json:"leavers"`
	Remarks    int `json:"remarks"`
	Avatars    int `json:"avatars,omitempty"`
}

// Calls is the budget of a plan: what making it and carrying it out send to the service, where no call is repeated.
type Calls struct {
	List    int     `json:"list"`
	LookUp  int     `json:"look_up"`
	Session int     `json:"session"`
	Write   int     `json:"write"`
	File    int     `json:"file"`
	Seconds float64 `json:"seconds"` // they take at the rate limit
}

// Plus adds the calls of two plans, or of two parts of one; how long they take is left out.
func (c Calls) Plus(o Calls) Calls {
	return Calls{List: c.List + o.List, LookUp: c.LookUp + o.LookUp, Session: c.Session + o.Session, Write: c.Write + o.Write, File: c.File + o.File}
}

// Sum is the number of all calls.
func (c Calls) Sum() int { return c.List + c.LookUp + c.Session + c.Write + c.File }

// Counts are those of the plan, with the number of records that were read.
func (p *Plan) Counts(read int) Counts {
	return Counts{
		Read: read, Desired: p.Desired, Collapsed: p.Collapsed, Filtered: p.Filtered, Unchanged: p.Unchanged, Owned: p.Owned,
		Create: p.Count(Create), Update: p.Count(Update), Adopt: p.Count(Adopt), Release: p.Count(Release), Delete: p.Count(Delete),
		Blocked: p.Blocked(), Operations: len(p.Operations) + p.unheld(), Rejects: len(p.Rejects), Leavers: len(p.Leavers), Remarks: len(p.Remarks),
		Avatars: len(p.Avatars),
	}
}

// Line is one line of a plan file after the header: exactly one of its fields is set.
type Line struct {
	Operation *Operation
	Reject    *Reject
	Leaver    *Leaver
	Remark    *Remark
	Avatar    *Avatar
}

// section orders the lines of a file.
func (l Line) section() int {
	switch {
	case l.Operation != nil:
		return 1
	case l.Reject != nil:
		return 2
	case l.Leaver != nil:
		return 3
	case l.Remark != nil:
		return 4
	default:
		return 5
	}
}

// lines yields the plan as the file has it.
func (p *Plan) lines() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		for op, err := range p.All() {
			if !yield(Line{Operation: op}, err) || err != nil {
				return
			}
		}
		for line := range p.notes() {
			if !yield(line, nil) {
				return
			}
		}
	}
}

// notes yields the lines after the operations.
func (p *Plan) notes() iter.Seq[Line] {
	return func(yield func(Line) bool) {
		for i := range p.Rejects {
			if !yield(Line{Reject: &p.Rejects[i]}) {
				return
			}
		}
		for i := range p.Leavers {
			if !yield(Line{Leaver: &p.Leavers[i]}) {
				return
			}
		}
		for i := range p.Remarks {
			if !yield(Line{Remark: &p.Remarks[i]}) {
				return
			}
		}
		for i := range p.Avatars {
			if !yield(Line{Avatar: &p.Avatars[i]}) {
				return
			}
		}
	}
}

// add puts a line that was read at the end of the plan.
func (p *Plan) add(l Line) {
	switch {
	case l.Operation != nil:
		p.Operations = append(p.Operations, *l.Operation)
	case l.Reject != nil:
		p.Rejects = append(p.Rejects, *l.Reject)
	case l.Leaver != nil:
		p.Leavers = append(p.Leavers, *l.Leaver)
	case l.Remark != nil:
		p.Remarks = append(p.Remarks, *l.Remark)
	case l.Avatar != nil:
		p.Avatars = append(p.Avatars, *l.Avatar)
	}
}

// fileLine is a Line as the file spells it. What a plan's views leave out of operations and rejects stands here.
type fileLine struct {
	Operation *fileOperation `json:"operation,omitempty"`
	Reject    *fileReject    `json:"reject,omitempty"`
	Leaver    *Leaver        `json:"leaver,omitempty"`
	Remark    *Remark        `json:"remark,omitempty"`
	Avatar    *Avatar        `json:"avatar,omitempty"`
}

type fileOperation struct {
	Operation
	Account *fileAccount          `json:"account,omitempty"` // the preconditions: what it was planned from
	Mine    map[user.Field]string `json:"mine,omitempty"`
	Digest  string                `json:"digest"`
	Record  string                `json:"record,omitempty"` // hexadecimal
}

type fileAccount struct {
	ExternalID string                `json:"external_id,omitempty"`
	Values     map[user.Field]string `json:"values"` // those that aren't empty
	CreatedAt  time.Time             `json:"created_at,omitzero"`
	UpdatedAt  time.Time             `json:"updated_at,omitzero"`
}

type fileReject struct {
	Reject
	Cells []fileCell `json:"cells,omitempty"`
}

// spell returns a line that isn't an operation as it is encoded: see appendLine.
func spell(l Line) fileLine {
	line := fileLine{Leaver: inUTC(l.Leaver), Remark: l.Remark, Avatar: l.Avatar}
	if reject := l.Reject; reject != nil {
		line.Reject = &fileReject{Reject: *reject}
		for _, cell := range reject.Cells {
			line.Reject.Cells = append(line.Reject.Cells, fileCell(cell))
		}
	}
	return line
}

func inUTC(l *Leaver) *Leaver {
	if l == nil {
		return nil
	}
	utc := *l
	utc.Since, utc.Due = utcTime(l.Since), utcTime(l.Due)
	return &utc
}

// utcTime is the one spelling of a moment; the zero time stays zero.
func utcTime(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Round(0)
}

// line is what a spelled line says.
func (f fileLine) line() Line {
	l := Line{Leaver: f.Leaver, Remark: f.Remark, Avatar: f.Avatar}
	if f.Operation != nil {
		op := f.Operation.Operation
		op.Digest = f.Operation.Digest
		if record, err := strconv.ParseUint(f.Operation.Record, 16, 64); err == nil { // otherwise it isn't spelled as this
			op.Record = user.Digest(record)
		}
		for field, text := range f.Operation.Mine {
			op.Mine.Set(field, text)
		}
		if a := f.Operation.Account; a != nil {
			op.Account = &account.Account{ID: op.AccountID, ExternalID: a.ExternalID, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt}
			for i := range op.Account.Values {
				op.Account.Values[i] = user.Text(a.Values[user.Field(i)])
			}
		}
		l.Operation = &op
	}
	if f.Reject != nil {
		reject := f.Reject.Reject
		for _, cell := range f.Reject.Cells {
			reject.Cells = append(reject.Cells, record.Value(cell))
		}
		l.Reject = &reject
	}
	return l
}
