package terminal

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		withoutTime := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}
		lines := NewLines(slog.New(slog.NewTextHandler(&out, withoutTime)))
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
