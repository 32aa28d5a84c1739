package record

import (
	"slices"
	"time"
)

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
	Note         string // for people: what of Reason they should hear of a usable read, too; "" where there is nothing
	Retryable    bool   // an incomplete read that may succeed when it is begun again
	// AbsenceUnknown says why nobody's absence can be told from the read, however complete it is; "" where it can.
	AbsenceUnknown string
	// SeveralMoments: the source changed, or may have, between one record and the next. Such a read can miss people and see
	// others twice, so that the guards are halved.
	SeveralMoments bool
	// Empty names those of several sources that gave no usable record.
	Empty []string
	// Since says from where on records were read, for people, of a read of only what changed; "" where all were read.
	Since string
	// Cursor is what a read of only what changed after this one begins at; "" where there can be none. Whoever keeps it has
	// to have done with every record of this read.
	Cursor string
	// Receded: no record is there any more that has what the cursor of the read before came from, or more. It is gone, or
	// values went back, and what changed since may be anywhere.
	Receded  bool
	Records  int // records returned, rejects not counted
	Rejects  int // bad records
	Evidence Evidence
}

// Evidence identifies the data behind a read. Two reads with equal evidence saw the same data, so the second is no
// new proof of anybody's absence. Where several sources were read together, it is in Parts, one for each.
type Evidence struct {
	Name    string    `json:"name"`              // what was read: a file's path, a server and search base
	ModTime time.Time `json:"mod_time,omitzero"` // when the source says it last changed; zero where it doesn't say
	ReadAt  time.Time `json:"read_at,omitzero"`  // when the read began, of a source that says nothing of when it changed
	Size    int64     `json:"size,omitzero"`     // bytes; 0 where it has no meaning
	SHA256  string    `json:"sha256,omitempty"`  // of the content, hex; "" where it wasn't computed

	Parts []Evidence `json:"parts,omitempty"`
}

// freshAfter is how long after a read of a source that says nothing of its data another one shows something new.
const freshAfter = time.Hour

// Same reports whether both reads saw the same data. Of several sources each has to show something new: who is missing may
// be so by the one that doesn't.
func (e Evidence) Same(other Evidence) bool {
	for _, one := range e.Each() {
		if slices.ContainsFunc(other.Each(), one.same) {
			return true
		}
	}
	return false
}

// Each is the evidence of every source.
func (e Evidence) Each() []Evidence {
	if len(e.Parts) > 0 {
		return e.Parts
	}
	return []Evidence{e}
}

// With returns the evidence changed, of every source and of all together.
func (e Evidence) With(change func(*Evidence)) Evidence {
	e.Parts = slices.Clone(e.Parts)
	for i := range e.Parts {
		change(&e.Parts[i])
	}
	change(&e)
	return e
}

// same compares what one source says. Where only the time tells two reads apart, they saw the same within an hour.
func (e Evidence) same(other Evidence) bool {
	return e.Name == other.Name && e.ModTime.Equal(other.ModTime) && e.Size == other.Size && e.SHA256 == other.SHA256 &&
		e.ReadAt.Sub(other.ReadAt).Abs() < freshAfter
}
