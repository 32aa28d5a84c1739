package terminal

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sync/state"
)

// timeless are lines that don't say when they were written.
func timeless(out io.Writer) *Lines {
	withoutTime := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	return NewLines(slog.New(slog.NewTextHandler(out, withoutTime)))
}

func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		lines := timeless(&out)
		lines.Phase("read", 0)
		time.Sleep(2 * time.Second)
		lines.Step(100)
		lines.Phase("apply", 300)
		for range 4 {
			time.Sleep(4 * time.Second)
			lines.Step(50)
		}
		lines.Close()
		lines.Close()
		want := `
level=INFO msg="phase ended" phase=read done=100 per_second=50 took=2s
level=INFO msg=progress phase=apply done=150 per_second=12 of=300 left=12s took=12s
level=INFO msg="phase ended" phase=apply done=200 per_second=12 of=300 took=16s
`
		if got := out.String(); got != strings.TrimPrefix(want, "\n") {
			t.Errorf("got\n%swant%s", got, want)
		}
	})
}

// What the calls foretell goes before what the operations do, and a deadline that won't hold is warned of once.
func TestForecastLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		lines := timeless(&out)
		ends := time.Now().Add(time.Hour).UTC()
		lines.Phase("apply", 300)
		for range 3 {
			time.Sleep(10 * time.Second)
			lines.Forecast(state.Forecast{CallsLeft: 1234, PerSecond: 49.4, EndsAt: ends, Deadline: ends.Add(-time.Minute)})
			lines.Step(50)
		}
		lines.Phase("report", 0)
		lines.Close()
		want := `
level=WARN msg="the deadline won't hold: what isn't done by then is left to the next run" ends=2000-01-01T01:00:00Z deadline=2000-01-01T00:59:00Z
level=INFO msg=progress phase=apply done=50 per_second=5 of=300 calls_left=1234 calls_per_second=49 left=59m50s ends=2000-01-01T01:00:00Z took=10s
level=INFO msg=progress phase=apply done=100 per_second=5 of=300 calls_left=1234 calls_per_second=49 left=59m40s ends=2000-01-01T01:00:00Z took=20s
level=INFO msg=progress phase=apply done=150 per_second=5 of=300 calls_left=1234 calls_per_second=49 left=59m30s ends=2000-01-01T01:00:00Z took=30s
level=INFO msg="phase ended" phase=apply done=150 per_second=5 of=300 took=30s
level=INFO msg="phase ended" phase=report done=0 took=0s
`
		if got := out.String(); got != strings.TrimPrefix(want, "\n") {
			t.Errorf("got\n%swant%s", got, want)
		}
	})
}

func TestForecastOnABar(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	f := state.Forecast{EndsAt: now.Add(90 * time.Second)}
	if got := ending(f, now); got != "  1m30s left" {
		t.Errorf("got %q", got)
	}
	f.Deadline = now.Add(time.Minute)
	if got := ending(f, now.Add(time.Hour)); got != "  0s left, too late" {
		t.Errorf("got %q", got)
	}
}

func TestBars(t *testing.T) {
	var out bytes.Buffer
	bars := NewBars(&out)
	bars.Step(1) // before any phase: nothing to move
	bars.Phase("read", 0)
	bars.Step(70)
	bars.Phase("apply", 300)
	bars.Step(300)
	bars.Close()
	bars.Close()
	for _, want := range []string{"read     70", "apply    300 / 300", "/s"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q isn't drawn:\n%s", want, out.String())
		}
	}
}
