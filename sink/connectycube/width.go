package connectycube

import (
	"math"
	"sync/atomic"
	"time"
)

// How many requests are of use at the same time.
const (
	// MaxWidth is the most: where it takes more than that to reach the limit, the network is out of order, or the service
	// is overloaded, and more requests would only make it worse.
	MaxWidth = 128

	unmeasured = 8 // before any answer
	// unlimited is for where no limit is reached: latency is then that of a machine which does all it can, and more requests
	// only make it longer. A first import over loopback took up to twice as long with 128.
	unlimited  = 32
	outOfReach = 10_000 // requests a second: such a limit isn't reached
	spare      = 1.25   // times what the mean latency takes, because latencies vary
	beside     = 2      // for the time that requests take on this side: to be made, and to be understood
	recent     = 1.0 / 32
)

// widthFor returns how many requests must be under way at the same time to use a rate, in requests a second (0: without
// a limit), where each takes so long (0: not measured): by Little's law as many as arrive while one is answered.
func widthFor(rate float64, latency time.Duration) int {
	switch {
	case rate <= 0 || rate >= outOfReach:
		return unlimited
	case latency <= 0:
		return unmeasured
	}
	return min(MaxWidth, int(math.Ceil(spare*rate*latency.Seconds()))+beside)
}

// latency is the mean time from a request's start to its answer's end, of the last few dozens. It is safe for concurrent
// use.
type latency struct{ seconds atomic.Uint64 } // bits of a float64; 0 before any answer

func (l *latency) took(one time.Duration) {
	for {
		bits := l.seconds.Load()
		mean := one.Seconds()
		if bits != 0 {
			before := math.Float64frombits(bits)
			mean = before + recent*(mean-before)
		}
		if l.seconds.CompareAndSwap(bits, math.Float64bits(max(mean, math.SmallestNonzeroFloat64))) {
			return
		}
	}
}

func (l *latency) mean() time.Duration {
	seconds := math.Float64frombits(l.seconds.Load())
	if seconds == 0 {
		return 0
	}
	return max(1, time.Duration(seconds*float64(time.Second)))
}

// Width returns how many requests are of use at the same time, as things are: as many as it takes to use the rate that is
// permitted now at the latency of the last answers, and at most MaxWidth. More of them only wait.
func (c *Client) Width() int { return widthFor(c.limiter.rate(), c.exchange.latency.mean()) }
