// Package failpoint names the moments of a run at which a crash hurts most, so that tests can have the real program killed
// at each of them. Only a program that is built with the tag failpoints can be: in every other one, the functions here are
// empty, nothing reads which moment is meant, and calls of them leave no code behind.
//
// It says where, never what for: no rule of the product may rest on it.
package failpoint

import (
	"context"
	"net"
)

// Dialer opens connections, as that of the standard library does.
type Dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// Point is a kind of moment. Most stand for many moments, told apart by what is done: "sign up", "opening a chunk".
type Point string

// The points. A new one belongs into Points, too, and then the tests ask for it to be reached.
const (
	Locked       Point = "locked"        // the application's lock is held, and nobody was told by whom
	BeforeCommit Point = "before-commit" // of the state: everything is written, and nothing durable
	AfterCommit  Point = "after-commit"
	PlanBegun    Point = "plan-begun" // its file is there under another name, and empty
	BeforeRename Point = "before-rename"
	AfterRename  Point = "after-rename"
	Sent         Point = "sent" // a request, whole; the service may act on it or not
	Answered     Point = "answered"
)

// Points returns all points.
func Points() []Point {
	return []Point{Locked, BeforeCommit, AfterCommit, PlanBegun, BeforeRename, AfterRename, Sent, Answered}
}
