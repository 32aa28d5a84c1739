package record

import "time"

// Completeness says how far a read can be trusted to have seen every record. The zero value trusts nothing.
type Completeness uint8

// The four answers, from no trust to full trust.
const (
	Incomplete Completeness = iota // cut off, failed, or changed while it was read
	Stale                          // whole, but older than the configuration allows
	Plausible                      // it parses and ends properly; nothing proves that no record is missing
	Proven                         // the source itself attests that this is all
)

func (c Completeness) String() string {
	switch c {
	case Stale:
		return "stale"
	case Plausible:
		return "plausible"
	case Proven:
		return "proven"
	default:
		return "incomplete"
	}
}

// Usable reports whether a run may write on the strength of such a read.
func (c Completeness) Usable() bool { return c >= Plausible }

// Verdict is the end of a read: how complete it was, why, and what identifies the data that was read.
type Verdict struct {
	Completeness Completeness
	Reason       string // for people: what proves it, or what went wrong and what to do
	Retryable    bool   // an incomplete read that may succeed when it is begun again
	// AbsenceUnknown says why nobody's absence can be told from the read, however complete it is; "" where it can.
	AbsenceUnknown string
	Records        int // records returned, rejects not counted
	Rejects        int // bad records
	Evidence       Evidence
}

// Evidence identifies the data behind a read. Two reads with equal evidence saw the same data, so the second is no
// new proof of anybody's absence.
type Evidence struct {
	Name    string    `json:"name"`              // what was read: a file's path, a server and search base
	ModTime time.Time `json:"mod_time,omitzero"` // when the source says it last changed; zero where it doesn't say
	ReadAt  time.Time `json:"read_at,omitzero"`  // when the read began, of a source that says nothing of when it changed
	Size    int64     `json:"size,omitzero"`     // bytes; 0 where it has no meaning
	SHA256  string    `json:"sha256,omitempty"`  // of the content, hex; "" where it wasn't computed
}

// freshAfter is how long after a read of a source that says nothing of its data another one shows something new.
const freshAfter = time.Hour

// Same reports whether both reads saw the same data. Where only the time tells them apart, they did within an hour.
func (e Evidence) Same(other Evidence) bool {
	return e.Name == other.Name && e.ModTime.Equal(other.ModTime) && e.Size == other.Size && e.SHA256 == other.SHA256 &&
		e.ReadAt.Sub(other.ReadAt).Abs() < freshAfter
}
