//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// peakOf returns the largest resident memory, in bytes, of a process that has ended.
func peakOf(state *os.ProcessState) int64 {
	used, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return inBytes(used)
}

// ownPeak returns the largest resident memory of this process so far; 0 where that can't be known.
func ownPeak() int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return inBytes(&used)
}

// inBytes: macOS counts bytes, everybody else KiB.
func inBytes(used *syscall.Rusage) int64 {
	peak := int64(used.Maxrss) //nolint:unconvert // it is an int32 on 32-bit systems
	if runtime.GOOS == "darwin" {
		return peak
	}
	return peak << 10
}
