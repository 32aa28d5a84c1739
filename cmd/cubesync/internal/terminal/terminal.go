// Package terminal shows how far a run is: with a bar a phase on a terminal, with plain log lines elsewhere.
package terminal

import (
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"cubesync/sync/state"
)

// barWidth leaves room for counts of seven digits, rate and time left on a line of 80 characters.
const barWidth = 24

// Bars draws one bar a phase, with count, rate and time left.
type Bars struct {
	out      io.Writer
	progress *mpb.Progress // of the phase; nil between two
	bar      *mpb.Bar
	forecast atomic.Pointer[state.Forecast] // of the phase; nil where there is none
}

// NewBars draws on a terminal; end with Close.
func NewBars(w io.Writer) *Bars { return &Bars{out: w} }

// Phase ends the bar before and begins another; a total of 0 is unknown and shows a count only.
func (b *Bars) Phase(name string, total int) {
	b.Close()
	b.forecast.Store(nil)
	b.progress = mpb.New(mpb.WithOutput(b.out), mpb.WithWidth(barWidth), mpb.WithAutoRefresh())
	label := decor.Name(name, decor.WC{W: len("look up") + 2, C: decor.DindentRight})
	rate := decor.AverageSpeed(0, "%.0f/s", decor.WC{W: len("00000/s") + 2})
	if total == 0 {
		b.bar = b.progress.New(0, mpb.NopStyle(), mpb.PrependDecorators(label, decor.CurrentNoUnit("%d"), rate))
		return
	}
	left := decor.Meta(decor.AverageETA(decor.ET_STYLE_GO), func(eta string) string {
		if f := b.forecast.Load(); f != nil {
			return ending(*f, time.Now())
		}
		return "  " + eta + " left"
	})
	b.bar = b.progress.AddBar(int64(total),
		mpb.PrependDecorators(label, decor.CountersNoUnit("%d / %d ")),
		mpb.AppendDecorators(rate, decor.OnCompleteOrOnAbort(left, "")))
}

// Step moves the bar.
func (b *Bars) Step(n int) {
	if b.bar != nil {
		b.bar.IncrBy(n)
	}
}

// Forecast shows when the phase will end in the place of what the bar's own progress says.
func (b *Bars) Forecast(f state.Forecast) { b.forecast.Store(&f) }

// ending says how long it is to a foretold end.
func ending(f state.Forecast, now time.Time) string {
	left := "  " + max(0, f.EndsAt.Sub(now)).Round(time.Second).String() + " left"
	if f.Late() {
		left += ", too late"
	}
	return left
}

// Close ends the last bar and leaves the terminal to what follows.
func (b *Bars) Close() {
	if b.progress == nil {
		return
	}
	b.bar.Abort(false) // it has no end of its own where the total is unknown or wasn't reached
	b.progress.Wait()
	b.progress, b.bar = nil, nil
}

// every is how often a long phase writes a line.
const every = 10 * time.Second

// Lines writes a log line at the end of each phase, and now and then in between.
type Lines struct {
	log         *slog.Logger
	phase       string
	done, total int
	began, told time.Time
	forecast    *state.Forecast // of the phase; nil where there is none
	warned      bool            // of a deadline that won't hold
}

// NewLines writes to log; end with Close.
func NewLines(log *slog.Logger) *Lines { return &Lines{log: log} }

// Phase ends the phase before and begins another.
func (l *Lines) Phase(name string, total int) {
	l.Close()
	l.phase, l.done, l.total, l.forecast = name, 0, total, nil
	l.began, l.told = time.Now(), time.Now()
}

// Step counts, and tells how far it is if that wasn't told for a while.
func (l *Lines) Step(n int) {
	l.done += n
	if now := time.Now(); now.Sub(l.told) >= every {
		l.told = now
		l.tell("progress", true)
	}
}

// Forecast is told with the phase's next lines; a deadline that won't hold at once, and once.
func (l *Lines) Forecast(f state.Forecast) {
	l.forecast = &f
	if f.Late() && !l.warned {
		l.warned = true
		l.log.Warn("the deadline won't hold: what isn't done by then is left to the next run",
			"ends", f.EndsAt.Format(time.RFC3339), "deadline", f.Deadline.Format(time.RFC3339))
	}
}

// Close ends the last phase.
func (l *Lines) Close() {
	if l.phase != "" {
		l.tell("phase ended", false)
		l.phase = ""
	}
}

// tell writes a line; what has ended has no time left, even where it ended early.
func (l *Lines) tell(message string, goesOn bool) {
	took := time.Since(l.began)
	attributes := []any{"phase", l.phase, "done", l.done}
	if seconds := took.Seconds(); seconds > 0 && l.done > 0 {
		rate := float64(l.done) / seconds
		attributes = append(attributes, "per_second", int(rate))
		if left := l.total - l.done; left > 0 {
			attributes = append(attributes, "of", l.total)
			switch f := l.forecast; {
			case !goesOn:
			case f != nil:
				attributes = append(attributes, "calls_left", f.CallsLeft, "calls_per_second", int(f.PerSecond),
					"left", max(0, time.Until(f.EndsAt)).Round(time.Second), "ends", f.EndsAt.Format(time.RFC3339))
			default:
				attributes = append(attributes, "left", (time.Duration(float64(left)/rate) * time.Second).Round(time.Second))
			}
		}
	}
	l.log.Info(message, append(attributes, "took", took.Round(time.Millisecond))...)
}
