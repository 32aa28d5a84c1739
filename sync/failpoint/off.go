//go:build !failpoints || !unix

package failpoint

import "context"

// Arm does nothing.
func Arm(func(string) (string, bool)) error { return nil }

// Reach does nothing.
func Reach(Point, string) {}

// WhenSent returns ctx.
func WhenSent(ctx context.Context, _ string) context.Context { return ctx }

// Dial returns the dial.
func Dial(by Dialer) Dialer { return by }
