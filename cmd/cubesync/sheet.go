package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sink/emulator"
	"cubesync/sync/plan"
)

// sheet is what an emulator says when it starts: all that somebody needs who wants to use it, in 80 columns.
func sheet(address string, o emulator.Options, fresh bool) string {
	var text strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&text, "%-15s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("endpoint", "http://%s", address)
	line("application id", "%s", o.ApplicationID)
	line("auth key", "%s", o.AuthKey)
	line("auth secret", "%s", o.AuthSecret)
	line("admin key", "%s", o.AdminKey)
	if o.Identity == nil {
		line("service user", "%s / %s", emulatorServiceLogin, config.EmulatorServicePassword)
	} else {
		line("identity", "%s says who signs in by login:", o.Identity.Backend())
		line("", "a token that it knows is the login, anything the password.")
		line("", "Passwords count for sign-ins by e-mail only.")
	}
	switch {
	case o.Data == "":
		line("users", "in memory, until it stops; --data FILE keeps them")
	case fresh:
		line("users", "in %s, a new file", absolute(o.Data))
	default:
		line("users", "in %s", absolute(o.Data))
	}
	if o.RequestsPerSecond == 0 {
		line("rate limit", "none")
	} else {
		line("rate limit", "%s a second", plan.Counted(o.RequestsPerSecond, "request"))
	}
	for _, s := range o.Switches() {
		if s.Changed() {
			line("switch", "--%s=%s, as YAML %s: %s", s.Name, s, s.Key(), s)
			line("", "%s", s.Says())
		}
	}
	line("help", "GET / lists its own pages and how to make calls fail")
	line("stop", "Ctrl+C, or SIGTERM")
	return text.String()
}

// absolute is a path as it can be found from anywhere.
func absolute(path string) string {
	whole, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return whole
}
