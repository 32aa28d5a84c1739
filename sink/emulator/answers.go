package emulator

import "strings"

// Answers returns settings that between them show every answer the switch can give, the default first: all of them
// where it has few. Who tests against every answer needs no list of their own, and misses no switch that is added.
func (s Switch) Answers() []string { return s.answers() }

func (*boolean) answers() []string { return []string{"false", "true"} }
func (*whole) answers() []string   { return []string{"0", "7"} }
func (*span) answers() []string    { return []string{"0s", "10ms"} }
func (c choice) answers() []string { return strings.Split(c.words, "|") }
