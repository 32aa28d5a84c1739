package main

import (
	"testing"

	"cubesync/cmd/cubesync/internal/config"
)

// Whatever the configuration permits: a doctor leaves a live application time for others.
func TestDoctorIsGentle(t *testing.T) {
	for _, c := range []struct {
		endpoint         string
		configured, want float64
	}{
		{"https://api.connectycube.com", 100, doctorRate},
		{"https://api.connectycube.com", 2, 2},
		{"http://127.0.0.1:8390", 1000, doctorRate},
		{"emulator", 1000, 1000},
	} {
		cfg := &config.Config{Pipelines: []config.Pipeline{{Name: "staff"}}}
		cfg.ConnectyCube.Endpoint, cfg.ConnectyCube.RateLimit = c.endpoint, c.configured
		own := gentle(cfg)
		if got := own.ConnectyCube.RateLimit; got != c.want || len(own.Pipelines) > 0 {
			t.Errorf("%s at %v a second: asked %v times, with %d pipelines", c.endpoint, c.configured, got, len(own.Pipelines))
		}
		if cfg.ConnectyCube.RateLimit != c.configured || len(cfg.Pipelines) != 1 {
			t.Error("the configuration itself was changed")
		}
	}
}
