package main

import (
	"fmt"
	"strings"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
)

// questionLines is how many lines of each list stand before a question, so that the question is still in sight.
const questionLines = 5

// confirm returns the question before the first run that writes to a live application; nil where none is needed.
func (c *command) confirm(cfg *config.Config, progress reconcile.Progress, yes bool) func(*plan.Plan) bool {
	return c.ask(cfg, progress, yes, "This is the first run that writes to "+cfg.ConnectyCube.Endpoint)
}

// ask returns a question about a plan, nil with the embedded emulator. Without a terminal only yes answers it.
func (c *command) ask(cfg *config.Config, progress reconcile.Progress, yes bool, about string) func(*plan.Plan) bool {
	if cfg.ConnectyCube.Embedded() {
		return nil
	}
	return func(p *plan.Plan) bool {
		if yes || !isTerminal(c.stdin) {
			return yes
		}
		endProgress(progress)                                             // its bar would wipe the question out
		_ = p.WriteText(c.stderr, c.textOptions(c.stderr, questionLines)) // a terminal that is gone answers no below
		c.tell("\n%s.", about)
		return c.answered(fmt.Sprintf("Carry out %s?", plan.Counted(p.Writes(), "operation")))
	}
}

// answered asks on the terminal, and reports whether the answer was yes.
func (c *command) answered(question string) bool {
	fmt.Fprint(c.stderr, question+" [y/N] ")
	answered := make(chan string, 1)
	go func() { // it ends with the process at the latest
		var answer string
		_, _ = fmt.Fscanln(c.stdin, &answer) // what can't be read is no yes
		answered <- answer
	}()
	select {
	case answer := <-answered:
		return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes")
	case <-c.stop:
		return false
	}
}
