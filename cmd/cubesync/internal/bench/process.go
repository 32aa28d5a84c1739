package main

import (
	"fmt"
	"os/exec"
	"time"
)

// cost is what a process took.
type cost struct {
	wall time.Duration
	cpu  time.Duration // user and system, of all cores
	peak int64         // bytes of memory
}

// costOf carries a command out.
func (b *bench) costOf(command *exec.Cmd) (cost, error) {
	began := time.Now()
	if err := b.execute(command); err != nil {
		return cost{}, err
	}
	return cost{
		wall: time.Since(began),
		cpu:  command.ProcessState.UserTime() + command.ProcessState.SystemTime(),
		peak: peakOf(command.ProcessState),
	}, nil
}

// check refuses a peak that may be our own. On Linux a process begins with the peak of the one that started it, so none
// can be seen to take less memory than this one: nothing here may hold many users.
func (c cost) check() error {
	if own := ownPeak(); own > 0 && c.peak <= own {
		return fmt.Errorf("a process took %d bytes of memory or less, and the benchmark itself %d: measure with more users", c.peak, own)
	}
	return nil
}
