package main

import "testing"

func TestBuild(t *testing.T) {
	for _, named := range []string{"v1.2.3", "v1.2.3-4-g0123abc", "0123abc"} {
		if got := build(named); got != named {
			t.Errorf("%s is built as %q", named, got)
		}
	}
	for _, nameless := range []string{"unreleased", "unknown", "0123abc-dirty"} {
		if got := build(nameless); got == nameless || got != build(nameless) {
			t.Errorf("%s is built as %q, which doesn't name the program, or not always the same", nameless, got)
		}
	}
}
