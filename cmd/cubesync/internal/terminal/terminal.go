// Package terminal shows how far a run is: with a bar a phase on a terminal, with plain log lines elsewhere.
package terminal

import (
	"io"
	"log/slog"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// barWidth leaves room for counts of seven digits, rate and time left on a line of 80 characters.
const barWidth = 24

// Bars draws one bar a phase, with count, rate and time left.
type Bars struct {
	out      io.Writer
	progress *mpb.Progress // of the phase; nil between two
	bar      *mpb.Bar
}

// NewBars draws on a terminal; end with Close.
func NewBars(w io.Writer) *Bars { return &Bars{out: w} }

// Phase ends the bar before and begins another; a total of 0 is unknown and shows a count only.
func (b *Bars) Phase(name string, total int) {
	b.Close()
	b.progress = mpb.New(mpb.WithOutput(b.out), mpb.WithWidth(barWidth), mpb.WithAutoRefresh())
	label := decor.Name(name, decor.WC{W: len("look up") + 2, C: decor.DindentRight})
	rate := decor.AverageSpeed(0, "%.0f/s", decor.WC{W: len("00000/s") + 2})
	if total == 0 {
		b.bar = b.progress.New(0, mpb.NopStyle(), mpb.PrependDecorators(label, decor.CurrentNoUnit("%d"), rate))
		return
	}
	left := decor.Meta(decor.AverageETA(decor.ET_STYLE_GO), func(eta string) string { return "  " + eta + " left" })
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
}

// NewLines writes to log; end with Close.
func NewLines(log *slog.Logger) *Lines { return &Lines{log: log} }

// Phase ends the phase before and begins another.
func (l *Lines) Phase(name string, total int) {
	l.Close()
	l.phase, l.done, l.total = name, 0, total
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
			if goesOn {
				attributes = append(attributes, "left", (time.Duration(float64(left)/rate) * time.Second).Round(time.Second))
			}
		}
	}
	l.log.Info(message, append(attributes, "took", took.Round(time.Millisecond))...)
}
