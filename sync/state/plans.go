package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"cubesync/sync/failpoint"
	"cubesync/sync/plan"
)

// plansFolder holds the plan files of each identity, in a folder named as its state file.
const plansFolder = "plans"

// PlanError is a stored plan that can't be read.
type PlanError struct {
	File string
	Err  error
}

func (e *PlanError) Error() string { return fmt.Sprintf("plan file %s: %v", e.File, e.Err) }

func (e *PlanError) Unwrap() error { return e.Err }

// SavePlan keeps the plan of a run beside the state, for its owner only, as long as the run is kept. It is there whole
// or not at all.
func (s *Store) SavePlan(run int64, file *plan.File) (err error) {
	path := s.planFile(run)
	if err := makeFolderOf(path); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("the plan of run %d can't be kept: %w; check who may write there, and that there is room", run, err)
		}
	}()
	return WriteNew(path, file)
}

// WriteNew writes a plan file for its owner only. What stood there before is replaced when all of it is written.
func WriteNew(path string, file *plan.File) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+partSuffix) // made with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temporary.Name()) // what went wrong before says more
		}
	}()
	failpoint.Reach(failpoint.PlanBegun, "")
	err = file.Write(temporary)
	if err == nil {
		err = temporary.Sync()
	}
	if err := errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	failpoint.Reach(failpoint.BeforeRename, "")
	err = os.Rename(temporary.Name(), path)
	failpoint.Reach(failpoint.AfterRename, "")
	return err
}

// Plan returns the plan of a run, as plan.ReadFile does. One that made none gives fs.ErrNotExist, one that can't be read a
// *PlanError.
func (s *Store) Plan(run int64, aside plan.Aside) (*plan.File, error) {
	file, err := os.Open(s.planFile(run))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("run %d made no plan: %w", run, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	read, err := plan.ReadFile(file, aside)
	if err != nil {
		return nil, &PlanError{File: file.Name(), Err: err}
	}
	return read, nil
}

func (s *Store) planFile(run int64) string {
	return filepath.Join(s.plans(), strconv.FormatInt(run, 10)+planSuffix)
}

const (
	planSuffix = ".jsonl"
	partSuffix = ".part" // of one that is being written
)

// plannedBy returns the run that a plan file is named for; 0 where it isn't named as one.
func plannedBy(name string) int64 {
	number, isPlan := strings.CutSuffix(name, planSuffix)
	run, err := strconv.ParseInt(number, 10, 64)
	if !isPlan || err != nil || run <= 0 || name != strconv.FormatInt(run, 10)+planSuffix {
		return 0
	}
	return run
}

func (s *Store) plans() string {
	folder, name := filepath.Split(s.file)
	return filepath.Join(folder, plansFolder, strings.TrimSuffix(name, filepath.Ext(name)))
}

// prunePlans removes the plans of runs that aren't kept any more, and what a killed run left half-written. What can't
// be removed now, a later run removes.
func (s *Store) prunePlans(ctx context.Context) error {
	entries, err := os.ReadDir(s.plans())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	runs, err := s.Runs(ctx, 0)
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, run := range runs {
		kept[filepath.Base(s.planFile(run.ID))] = true
	}
	for _, entry := range entries {
		if !kept[entry.Name()] {
			_ = os.Remove(filepath.Join(s.plans(), entry.Name()))
		}
	}
	return nil
}

// planFiles yields the kept plans.
func (s *Store) planFiles() func(yield func(string, error) bool) {
	return func(yield func(string, error) bool) {
		entries, err := os.ReadDir(s.plans())
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield("", err)
			return
		}
		for _, entry := range entries {
			if plannedBy(entry.Name()) != 0 && !yield(filepath.Join(s.plans(), entry.Name()), nil) {
				return
			}
		}
	}
}
