package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"cubesync/sync/plan"
)

// Checkup is what became of a look at the whole state of one pipeline.
type Checkup struct {
	Pipeline string `json:"pipeline"`
	File     string `json:"file"`
	There    bool   `json:"there"`    // false before the first run
	Size     int64  `json:"bytes"`    // of the file
	LogSize  int64  `json:"log"`      // of its write-ahead log, in bytes
	Version  int    `json:"version"`  // of the file; Newest is the program's
	Newest   int    `json:"newest"`   //
	Runs     int    `json:"runs"`     // that are kept
	Known    int    `json:"known"`    // external IDs
	Agreeing int    `json:"agreeing"` // of them, those who were found equal to their records
	Pending  int    `json:"in_doubt"` // operations
	Plans    int    `json:"plans"`    // files
	PlanSize int64  `json:"plan_bytes"`
	// Holder has the lock of the application; nil where nobody has.
	Holder   *LockedError `json:"locked_by,omitempty"`
	Problems []Problem    `json:"problems"`
	Notes    []string     `json:"notes"` // worth knowing, and no reason to do anything
}

// Problem is something wrong with a state.
type Problem struct {
	What   string `json:"what"`
	Remedy string `json:"remedy"`
}

// Sound reports whether nothing is wrong.
func (c *Checkup) Sound() bool { return len(c.Problems) == 0 }

func (c *Checkup) note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

func (c *Checkup) problem(remedy, format string, args ...any) {
	c.Problems = append(c.Problems, Problem{What: fmt.Sprintf(format, args...), Remedy: remedy})
}

// Check looks at everything that is kept of one pipeline, and at the lock of its application, and says what is wrong and
// what to do about it. It makes and changes nothing: a file of an older version stays one, and so does the write-ahead log
// that a killed run left; only the index of such a log (-shm) is touched, as by any reader. Beside a run that is at work it looks at one moment of it. An error is the context's.
func Check(ctx context.Context, dir string, id Identity) (*Checkup, error) {
	s := &Store{file: id.file(dir), identity: id}
	c := &Checkup{Pipeline: id.Pipeline, File: s.file, Newest: len(migrations()), Problems: []Problem{}, Notes: []string{}}
	c.lookAtLock(dir, id)
	kept, err := c.lookAtDatabase(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := c.lookAtPlans(ctx, s, kept); err != nil {
		return nil, err
	}
	c.lookAtModes(s)
	return c, nil
}

// lookAtLock says who holds it, or that somebody was killed with it.
func (c *Checkup) lookAtLock(dir string, id Identity) {
	if held, ok := errors.AsType[*LockedError](Probe(dir, id.Endpoint, id.ApplicationID)); ok {
		c.Holder = held
		return
	}
	holder := lockFile(dir, id.Endpoint, id.ApplicationID) + ".holder"
	if _, err := os.Stat(holder); err == nil {
		l := &Locked{holder: holder}
		if left := l.held(holder); left.PID != 0 {
			c.note("%s (process %d on %s) ended without letting the lock go: it was killed, and nobody holds the lock now", left.Work, left.PID, left.Host)
		}
	}
}

// lookAtPlans checks the plan files against the kept runs; kept is nil where these couldn't be read.
func (c *Checkup) lookAtPlans(ctx context.Context, s *Store, kept map[int64]bool) error {
	entries, err := os.ReadDir(s.plans())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		c.problem("check who may read it", "%v", err)
		return nil
	}
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			continue // a run has just removed it
		}
		c.Plans++
		c.PlanSize += info.Size()
		run := plannedBy(entry.Name())
		switch {
		case run == 0 && strings.HasSuffix(entry.Name(), partSuffix):
			if c.Holder == nil {
				c.note("%s was left half-written by a killed run; the next run removes it", filepath.Join(s.plans(), entry.Name()))
			}
		case run == 0:
			c.note("%s is no plan of cubesync's; the next run removes it", filepath.Join(s.plans(), entry.Name()))
		case kept != nil && !kept[run]:
			c.note("%s is of a run that isn't kept; the next run removes it", filepath.Join(s.plans(), entry.Name()))
		default:
			c.lookAtPlan(s, run)
		}
	}
	return nil
}

func (c *Checkup) lookAtPlan(s *Store, run int64) {
	const remedy = "remove the file: then that run can be neither approved nor explained any more, and nothing else is lost"
	path := s.planFile(run)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return // a run has just removed it
	}
	if err != nil {
		c.problem("check who may read it", "%v", err)
		return
	}
	defer func() { _ = file.Close() }() // it was only read
	header, err := plan.ScanFile(file, func(plan.Line) error { return nil })
	whose := Identity{Endpoint: header.Endpoint, ApplicationID: header.ApplicationID, Pipeline: header.Pipeline, OwnerTag: header.OwnerTag}
	switch {
	case err != nil:
		c.problem(remedy, "plan file %s: %v", path, err)
	case whose != s.identity:
		c.problem(remedy, "plan file %s belongs to pipeline %q of application %s at %s", path, whose.Pipeline, whose.ApplicationID, whose.Endpoint)
	}
}

// lookAtModes finds what others than the owner may use.
func (c *Checkup) lookAtModes(s *Store) {
	if runtime.GOOS == "windows" {
		return // no such modes
	}
	paths := []string{s.file, s.file + "-wal", s.file + "-shm", s.plans()}
	entries, err := os.ReadDir(s.plans())
	if err == nil {
		for _, entry := range entries {
			paths = append(paths, filepath.Join(s.plans(), entry.Name()))
		}
	}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
			c.problem("chmod go= "+path, "%s can be used by others than its owner: its mode is %o", path, info.Mode().Perm())
		}
	}
}

// Stray is a state in the folder that belongs to none of the pipelines that were asked about.
type Stray struct {
	File     string   `json:"file"`
	Size     int64    `json:"bytes"`
	Identity Identity `json:"identity,omitzero"` // zero where it can't be read
}

// Strays returns the states in the folder that belong to nobody of these: an earlier configuration's, which keeps what it
// knew of people until somebody removes it.
func Strays(ctx context.Context, dir string, used []Identity) ([]Stray, error) {
	paths, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*.db"))
	if err != nil {
		return nil, err
	}
	var strays []Stray
	for _, path := range paths {
		if slices.ContainsFunc(used, func(id Identity) bool { return filepath.Base(id.file(dir)) == filepath.Base(path) }) {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		stray := Stray{File: path, Size: info.Size()}
		if stray.Identity, err = identityIn(ctx, path); err != nil {
			stray.Identity = Identity{}
		}
		strays = append(strays, stray)
	}
	return strays, ctx.Err()
}

// identityIn reads whose state a file is.
func identityIn(ctx context.Context, path string) (id Identity, err error) {
	db := open(path, "mode=ro&immutable=1&_pragma=query_only(1)")
	_, err = readFact(ctx, db, factIdentity, &id)
	return id, cmp.Or(err, db.Close())
}

// escapeGlob makes a folder's name one that a pattern takes as it is.
func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "*", `\*`, "?", `\?`).Replace(dir)
}
