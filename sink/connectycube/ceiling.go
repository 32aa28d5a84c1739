package connectycube

import "time"

// How the rate goes on after a refusal (429), in parts of the configured limit.
const (
	slower  = 0.9  // times the rate, for each refusal that isn't of the same storm
	farOff  = 0.7  // the same, where the gate had hardly opened: the rate isn't just a little too high
	slowest = 0.01 // the rate isn't lowered further
	climb   = 0.01 // that the rate gains in a second, where nothing is known to be in the way
	near    = 0.96 // of the ceiling: so far the rate climbs at once, and stays there for a while
	past    = 1.05 // of the ceiling: who came so far without a refusal knows that the ceiling is gone
	probe   = 2e-3 // of the ceiling, that the rate gains in a second between near and past

	hardly   = time.Second      // after the gate's opening
	stay     = 30 * time.Second // near a ceiling that was found for the first time, doubled each time it is found again
	longStay = 5 * time.Minute
)

// ceiling is where the service's own limit was found, which is lower than ours, or is shared with others. After a
// refusal the rate falls below it, climbs back close to it and stays there; then it tries gently, and ever more rarely,
// whether there is more to be had. A refusal costs more than a few percent for a minute: the gate closes, and calls
// that were under way are refused, too.
//
//	ceiling ─ x              x   a refusal closes the gate
//	   near ─ │    ╱‾stay‾‾╱ │
//	          └──╱           └──
//
// The zero ceiling was never found. It is used by one goroutine at a time.
type ceiling struct {
	at   float64       // the rate of the last refusal
	from float64       // the rate after it
	stay time.Duration // near it
}

// after returns the rate so long after the gate opened.
func (c *ceiling) after(quiet time.Duration) float64 {
	if c.at == 0 {
		return 1
	}
	nearby, seconds := c.nearby(), max(0, quiet.Seconds())
	if risen := c.from + climb*seconds; risen < nearby {
		return risen
	}
	seconds -= c.climbing() + c.stay.Seconds()
	if seconds <= 0 {
		return min(1, nearby)
	}
	rate, last := probe*c.at, past*c.at-nearby
	if seconds*rate < last {
		return min(1, nearby+seconds*rate)
	}
	return min(1, nearby+last+climb*(seconds-last/rate))
}

// nearby is the rate near the ceiling.
func (c *ceiling) nearby() float64 { return max(c.from, near*c.at) }

// climbing is how many seconds it takes to get there.
func (c *ceiling) climbing() float64 { return (c.nearby() - c.from) / climb }

// found takes a refusal in, so long after the gate opened.
func (c *ceiling) found(quiet time.Duration) {
	rate := c.after(quiet)
	tried := quiet.Seconds() > c.climbing()+c.stay.Seconds()
	switch {
	case c.at != 0 && tried && rate < past*c.at: // where it was before
		c.stay = min(2*c.stay, longStay)
	default:
		c.stay = stay
	}
	fall := slower
	if c.at != 0 && quiet < hardly {
		fall = farOff
	}
	c.at, c.from = rate, max(slowest, rate*fall)
}
