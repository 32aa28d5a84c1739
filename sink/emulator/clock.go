package emulator

import (
	"sync/atomic"
	"time"
)

// clock is the server's: that of this machine, set forward or back.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// SetClock sets the server's clock so far ahead of this machine's, or behind it where ahead is below zero: what it stamps,
// what it answers as the date, and when sessions and guests end. The rate limit goes by this machine's.
func (s *Server) SetClock(ahead time.Duration) { s.clock.ahead.Store(int64(ahead)) }
