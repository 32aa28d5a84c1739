package main

import (
	"errors"
	"fmt"
	"slices"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sink/emulator"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
)

// The exit codes. They are a promise to scripts: a number keeps its meaning for good.
const (
	exitInSync      = 0
	exitFailure     = 1
	exitUsage       = 2
	exitHeld        = 3
	exitTroubles    = 4
	exitPending     = 5
	exitIncomplete  = 6
	exitLocked      = 7
	exitUnusable    = 8
	exitLate        = 9
	exitInterrupted = 130
)

const exitHelp = `Exit codes:
    0  in sync, or applied
    1  unexpected failure
    2  usage or configuration, or a plan, run or user that there isn't or that
       can't be taken
    3  held by a guard; nothing was written
    4  applied, but some users failed, were rejected, skipped or ignored by the
       service, or avatars or password e-mails failed
    5  changes are pending (plan --exit-code)
    6  the source is missing or wasn't read whole; nothing was written
    7  another run holds the lock of this application, or the emulator's file
    8  ConnectyCube can't be used (credentials, permissions, network, or the
       circuit breaker opened); the next run goes on
    9  deadline reached (max_duration): what was under way was waited for; the
       next run goes on
  130  interrupted; the next run goes on`

// usageError is a command line that can't be carried out.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exits gathers what the pipelines of one command came to.
type exits []int

func (e *exits) add(code int) { *e = append(*e, code) }

// code returns the one exit code of the command: the gravest that occurred.
func (e exits) code() int {
	for _, code := range []int{
		exitInterrupted, exitUsage, exitFailure, exitUnusable, exitLocked, exitHeld, exitIncomplete, exitLate, exitTroubles, exitPending,
	} {
		if slices.Contains(e, code) {
			return code
		}
	}
	return exitInSync
}

// stops reports whether the pipelines that follow must not run any more.
func stops(code int) bool {
	return code == exitUsage || code == exitLocked || code == exitUnusable || code == exitInterrupted
}

// codeOf is the exit code of an error that kept a command from a result.
func codeOf(err error) int {
	var usage usageError
	var refused *reconcile.NotApplicableError
	var file *plan.FileError
	var run *state.NoRunError
	var configuration *config.Error
	var locked *state.LockedError
	switch {
	case errors.As(err, &usage), errors.As(err, &refused), errors.As(err, &configuration), errors.Is(err, reconcile.ErrSample),
		errors.Is(err, emulator.ErrNoFolder), errors.As(err, &file), errors.As(err, &run):
		return exitUsage
	case errors.As(err, &locked), errors.Is(err, emulator.ErrInUse):
		return exitLocked
	default:
		return exitFailure
	}
}

// codeOfRun is the exit code of a run.
func codeOfRun(run state.Run) int {
	t := run.Tally
	switch run.Status {
	case state.Held:
		return exitHeld
	case state.Incomplete:
		return exitIncomplete
	case state.Unusable:
		return exitUnusable
	case state.Late:
		return exitLate
	case state.Interrupted:
		return exitInterrupted
	case state.Applied, state.Planned:
		troubles := t.Failed + t.LeaversFailed + t.Unknown + t.LeaversUnknown + t.Rejected + t.Ignored + t.LockedOut +
			t.Skipped + t.LeaversSkipped - t.ByPolicy + t.Avatars.Troubles() + t.Resets.Troubles()
		if troubles > 0 && run.Status == state.Applied {
			return exitTroubles
		}
		return exitInSync
	default:
		return exitFailure
	}
}

// report writes an error that kept a command from a result and returns the exit code.
func (c *command) report(err error) int {
	code := codeOf(err)
	if c.logFormat == "json" && c.log != nil {
		c.log.Error(err.Error(), "exit_code", code)
		return code
	}
	c.tell("cubesync: %v", err)
	if code == exitUsage {
		if _, usage := errors.AsType[usageError](err); usage {
			fmt.Fprintf(c.stderr, "see %s --help\n", c.called)
		}
	}
	return code
}
