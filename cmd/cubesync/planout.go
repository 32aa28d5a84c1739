package main

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/state"
)

// planBegins is how every plan file begins, whatever its version.
const planBegins = `{"cubesync_plan":`

// checkOut refuses what -o must not replace: anything but an earlier plan. It reports whether the plan is to be written
// into what is there, a device or a pipe, instead of in its place.
func checkOut(path string) (into bool, err error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	link := err == nil && info.Mode()&fs.ModeSymlink != 0
	if link { // as /dev/stdout is
		info, err = os.Stat(path)
	}
	switch {
	case err != nil:
		return false, usagef("-o %s: %w", path, err)
	case info.Mode()&(fs.ModeDevice|fs.ModeNamedPipe) != 0:
		return true, nil
	case link || !info.Mode().IsRegular():
		return false, usagef("-o %s: it is no file of its own, so it isn't replaced: name another file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return false, usagef("-o %s: %w", path, err)
	}
	defer func() { _ = file.Close() }() // it was only read
	begins, err := bufio.NewReader(file).Peek(len(planBegins))
	if err != nil && !errors.Is(err, io.EOF) {
		return false, usagef("-o %s: %w", path, err)
	}
	if !strings.HasPrefix(string(begins), planBegins) {
		return false, usagef("-o %s: there is a file that is no plan, so it isn't replaced: name another file, or remove it", path)
	}
	return false, nil
}

// writeOut writes the plan to where -o says.
func writeOut(path string, file *plan.File) error {
	into, err := checkOut(path)
	if err != nil {
		return err
	}
	if into {
		err = writeInto(path, file)
	} else {
		err = state.WriteNew(path, file)
	}
	if err != nil {
		return usagef("-o %s: %w", path, err)
	}
	return nil
}

func writeInto(path string, file *plan.File) error {
	out, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = file.Write(struct{ io.Writer }{out}) // a device may say that it can go back, and can't
	return errors.Join(err, out.Close())
}

// redactRun takes out of a look's run what its redacted plan doesn't tell either: the key of the digests, and prose and
// sums of the data. The guards' concerns are replaced by the redacted plan's.
func redactRun(run *state.Run) {
	if run.Status == state.Incomplete {
		run.Problem = "the source wasn't read whole; why isn't told in a redacted plan"
	}
	run.Config, run.Reviewed = "", ""
	run.Verdict.Reason, run.Verdict.Note, run.Verdict.Evidence = "", "", run.Verdict.Evidence.With(func(e *record.Evidence) { e.SHA256 = "" })
	run.Trips = slices.Clone(run.Trips) // the plan's header has the same
	for i := range run.Trips {
		run.Trips[i].Concerns = nil
	}
}
