//go:build failpoints && unix

package failpoint

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
)

// The environment of a program with this tag.
const (
	// orderName is what is to happen, and when: "kill 3 sent/sign up" kills the process when it reaches that point for the
	// third time; "stop" only halts it, until somebody sends SIGCONT.
	orderName = "CUBESYNC_FAILPOINT"
	// traceName is a file that gets a line for each point that is reached.
	traceName = "CUBESYNC_FAILPOINT_TRACE"
)

// armed is what the process was told at its start.
var armed struct { //nolint:gochecknoglobals // a process has one life to lose
	mu     sync.Mutex
	signal syscall.Signal // 0: none
	hits   int            // that are left
	moment string
	trace  *os.File // nil: none
}

// Arm takes the orders of the environment. It is called before anything is reached.
func Arm(lookup func(string) (string, bool)) error {
	if name, traced := lookup(traceName); traced {
		file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		armed.trace = file
	}
	order, given := lookup(orderName)
	if !given {
		return nil
	}
	verb, rest, _ := strings.Cut(order, " ")
	count, moment, _ := strings.Cut(rest, " ")
	if _, err := fmt.Sscan(count, &armed.hits); err != nil || moment == "" {
		return fmt.Errorf("%s: %q: write such as \"kill 3 sent/sign up\"", orderName, order)
	}
	signals := map[string]syscall.Signal{"kill": syscall.SIGKILL, "stop": syscall.SIGSTOP}
	armed.signal, armed.moment = signals[verb], moment
	return nil
}

// Reach ends or halts the process when this is the moment that was ordered. what is being done, "" where the point says
// it all.
func Reach(point Point, what string) {
	moment := string(point) + "/" + what
	armed.mu.Lock()
	if armed.trace != nil {
		_, _ = fmt.Fprintln(armed.trace, moment)
	}
	reached := armed.signal != 0 && moment == armed.moment
	if reached {
		armed.hits--
		reached = armed.hits == 0
	}
	if !reached {
		armed.mu.Unlock()
		return
	}
	// The lock stays until the signal has come: nobody reaches anything in the meantime.
	_ = syscall.Kill(os.Getpid(), armed.signal)
	if armed.signal == syscall.SIGKILL {
		select {}
	}
	armed.mu.Unlock()
}
