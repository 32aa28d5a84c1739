package csvfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"cubesync/sync/record"
)

// end settles the verdict. Only io.EOF, files without a flaw, and that they didn't change make it plausible.
func (r *reader) end(err error) {
	r.ended = err
	v, base := &r.verdict, r.source.base()
	atEnd := errors.Is(err, io.EOF)
	if atEnd {
		v.Evidence = r.whole()
	}
	changed := r.changed()
	switch {
	case errors.Is(err, errClosed):
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		v.Reason = base + " wasn't read to its end: " + err.Error()
	case changed != "":
		v.Retryable = true
		v.Reason = changed + ": read it again when its writer is done"
	case !atEnd:
		_, v.Retryable = errors.AsType[*brokenError](err)
		v.Reason = err.Error()
	case r.flawed != "":
		v.Reason = r.flawed
	default:
		v.Completeness, v.Reason = r.conclude()
	}
}

// conclude says how far files are to be trusted that were read to their ends, have no flaw and didn't change.
func (r *reader) conclude() (record.Completeness, string) {
	completeness, reason := record.Plausible, r.source.base()+" parses, ends in a line break and didn't change while it was read"
	if proof := &r.source.Proof; proof.demanded() {
		proven, problem := proof.prove(r)
		if problem != "" {
			return record.Incomplete, problem
		}
		completeness, reason = record.Proven, proven
	}
	if stale := r.source.stale(r.oldest()); stale != "" {
		return record.Stale, stale
	}
	return completeness, reason
}

// changed says which file changed while it was read, and how; "" if none did.
func (r *reader) changed() string {
	const while = "%s changed while it was read (%s)"
	if r.part != nil {
		if how := r.input.changed(); how != "" {
			return fmt.Sprintf(while, r.base, how)
		}
	}
	for _, file := range r.begun {
		if r.source.standard != nil || r.source.Files == 0 {
			break // it is open still, and was looked at
		}
		now, err := os.Stat(file.path)
		how := "it was removed"
		if err == nil {
			how = change(file.info, now)
		}
		if how != "" {
			return fmt.Sprintf(while, file.path, how)
		}
	}
	if r.source.Files > 0 && len(r.begun) == r.source.Files {
		files, err := r.source.files()
		if err != nil || !slices.EqualFunc(files, r.begun, func(path string, file begunFile) bool { return path == file.path }) {
			return fmt.Sprintf(while, r.source.base(), "other files match it now")
		}
	}
	return ""
}

func (s *Source) evidenceName() string {
	if s.standard != nil {
		return standardName
	}
	return s.Path
}
