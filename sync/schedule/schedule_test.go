package schedule

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func mustParse(t *testing.T, spec string, zone *time.Location) Times {
	t.Helper()
	times, err := Parse(spec, zone)
	if err != nil {
		t.Fatal(err)
	}
	return times
}

func TestParse(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("zone", func(t *testing.T) {
		at := mustParse(t, "0 2 * * *", berlin).Next(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
		if want := time.Date(2026, 7, 2, 0, 0, 0, 0, time.UTC); !at.Equal(want) {
			t.Errorf("two in the morning in Berlin is %v, want %v", at.UTC(), want)
		}
	})
	for _, spec := range []string{"", "hourly", "61 * * * *", "* * * *", "TZ=", "CRON_TZ=Europe/Berlin 0 2 * * *", "@every", "0 0 2 * * *", "0 2 30 2 *", "0 2 31 2,4,6,9,11 *"} {
		t.Run("refused/"+spec, func(t *testing.T) {
			if _, err := Parse(spec, time.UTC); err == nil {
				t.Errorf("Parse(%q) accepts it", spec)
			}
		})
	}
	t.Run("leap-day", func(t *testing.T) {
		times := mustParse(t, "0 2 29 2 *", time.UTC)
		at := times.Next(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
		if want := time.Date(2028, 2, 29, 2, 0, 0, 0, time.UTC); !at.Equal(want) {
			t.Errorf("the next 29th of February is %v, want %v", at, want)
		}
		if at := times.Next(time.Date(2097, 1, 1, 0, 0, 0, 0, time.UTC)); !at.IsZero() {
			t.Errorf("the next 29th of February after 2096 is %v, and 2100 has none", at)
		}
	})
}

func TestRun(t *testing.T) {
	log := slog.New(slog.DiscardHandler)

	t.Run("never-overlaps-and-survives-failures", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			stop := make(chan struct{})
			running, runs := false, 0
			job := Job{Name: "staff", Times: mustParse(t, "* * * * *", time.UTC), Run: func(context.Context) error {
				if running {
					t.Error("two runs at once")
				}
				running = true
				defer func() { running = false }()
				runs++
				switch runs % 4 {
				case 1:
					return errors.New("the night was bad")
				case 2:
					panic("the night was worse")
				case 3:
					time.Sleep(150 * time.Second) // longer than its schedule
				}
				return nil
			}}
			go func() {
				time.Sleep(time.Hour)
				close(stop)
			}()
			Run(t.Context(), stop, log, []Job{job})
			// In an hour of minutes, every fourth run swallows two of the times that follow it.
			if runs < 38 || runs > 42 {
				t.Errorf("%d runs in an hour, want about 40", runs)
			}
		})
	})

	t.Run("stop-waits-for-the-run-under-way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			stop := make(chan struct{})
			ended := false
			job := Job{Times: mustParse(t, "@every 1m", time.UTC), Run: func(context.Context) error {
				time.AfterFunc(time.Second, func() { close(stop) })
				time.Sleep(20 * time.Second)
				ended = true
				return nil
			}}
			Run(t.Context(), stop, log, []Job{job})
			if !ended {
				t.Error("the run was left behind")
			}
		})
	})

	t.Run("missed-times-are-told", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			stop := make(chan struct{})
			job := Job{Name: "staff", Times: mustParse(t, "* * * * *", time.UTC), Run: func(context.Context) error {
				time.Sleep(150 * time.Second)
				close(stop)
				return nil
			}}
			Run(t.Context(), stop, slog.New(slog.NewTextHandler(&out, nil)), []Job{job})
			if !strings.Contains(out.String(), "missed=2") {
				t.Errorf("the log doesn't tell the two missed times:\n%s", out.String())
			}
		})
	})
}
