package emulator

import (
	"strings"
	"testing"
)

// Whoever has nothing but the address learns all pages and how to make something go wrong.
func TestGreeting(t *testing.T) {
	client := open(t, Options{})
	page := client.do("GET", "/", "")
	page.want(t, 200, "emulator")
	for _, path := range []string{"/__emulator", "/__emulator/"} {
		if got := client.do("GET", path, ""); got.status != 200 || got.body != page.body {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if n := client.server.Counters().Requests; n != 0 {
		t.Errorf("%d requests were counted", n)
	}
	for _, words := range [][]word{ownPages(), faultFields(), faultKinds()} {
		for _, w := range words {
			if line := w.name + " "; !strings.Contains(page.body, line) || !strings.Contains(page.body, " "+w.means+"\n") {
				t.Errorf("%s isn't explained", w.name)
			}
		}
	}
	for _, kind := range kinds() {
		if !strings.Contains(page.body, " "+string(kind)) {
			t.Errorf("the call %s isn't there", kind)
		}
	}
	for line := range strings.Lines(page.body) {
		if len(line) > 81 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
	for _, p := range ownPages() {
		client.do("GET", p.name, "").want(t, 200, "{")
	}
}
