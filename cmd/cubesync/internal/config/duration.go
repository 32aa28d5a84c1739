package config

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// parseDuration reads what time.ParseDuration reads, and days before it: 3d, 1d12h. A day has 24 hours.
func parseDuration(text string) (time.Duration, error) {
	before, rest, found := strings.Cut(text, "d")
	if !found {
		return time.ParseDuration(text)
	}
	days, err := strconv.ParseUint(before, 10, 16) // 16 bits of days can't overflow a Duration
	if err != nil {
		return 0, err
	}
	if rest == "" {
		return time.Duration(days) * day, nil
	}
	span, err := time.ParseDuration(rest)
	if err != nil {
		return 0, err
	}
	if span < 0 || span > day {
		return 0, errors.New("beside days, up to 24 hours")
	}
	return time.Duration(days)*day + span, nil
}

// spell writes a duration in the largest unit that divides it.
func spell(d time.Duration) string {
	switch {
	case d == 0:
		return "0s"
	case d%day == 0:
		return strconv.Itoa(int(d/day)) + "d"
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d%time.Minute == 0:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	default:
		return d.String()
	}
}
