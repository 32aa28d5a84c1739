package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// collectAt is by how many percent the heap grows until it is collected: what a run over millions of users holds in a few
// large pieces takes no time to collect, and a tenth of the memory otherwise. While users are written it grows further: each
// of them leaves some kilobytes of garbage, for which a heap that is still small would be collected many times a second.
const (
	collectAt      = 75
	collectAtMost  = 300
	garbageOfApply = 96 << 20 // bytes that may gather where the heap grows no further than that
)

// collect has the heap collected as the phase of a run is best served, where GOGC doesn't say otherwise.
func collect(phase string) {
	if _, said := os.LookupEnv("GOGC"); said {
		return
	}
	percent := collectAt
	if phase == "apply" {
		runtime.GC()
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		percent = min(max(percent, int(garbageOfApply*100/live[0].Value.Uint64())), collectAtMost)
	}
	debug.SetGCPercent(percent)
}

// collecting is a progress whose phases have the heap collected as they are best served.
type collecting struct{ progressView }

func (c collecting) Phase(name string, total int) {
	collect(name)
	c.progressView.Phase(name, total)
}
