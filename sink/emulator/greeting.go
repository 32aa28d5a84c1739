package emulator

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// The server's own pages, besides the one that lists them.
const (
	countersPath = "/__emulator/counters"
	requestsPath = "/__emulator/requests"
	outboxPath   = "/__emulator/outbox"
	faultsPath   = "/__emulator/faults"
)

func ownPages() []word {
	return []word{
		{countersPath, "what it was asked, by kind, and what it wrote"},
		{requestsPath, "the last requests, without their secrets"},
		{outboxPath, "the e-mails it would have sent"},
		{faultsPath, "what goes wrong on purpose"},
	}
}

// greet is GET /: all that can be known without a manual.
func greet(w http.ResponseWriter, _ *http.Request) {
	var text strings.Builder
	text.WriteString("This is cubesync's emulator: a local server that answers as ConnectyCube's REST\n" +
		"API does. It is for development and tests, and holds no real users.\n\nPages of its own, neither counted nor limited:\n")
	table(&text, "GET ", ownPages())
	text.WriteString("\nPOST " + faultsPath + ` puts faults in the place of those there are:
  {"faults":[{"do":"lose_after","call":"sign_up"}]}   a sign-up isn't answered
  {"faults":[]}                                       nothing goes wrong now
Of several faults for one call the first that strikes counts. "seed":7 beside
"faults" makes the chances fall the same way again. The fields of a fault:
`)
	table(&text, "", faultFields())
	text.WriteString("What can go wrong (do):\n")
	table(&text, "", faultKinds())
	text.WriteString("With what (call):\n")
	line := " "
	for _, name := range strings.Fields(calls()) {
		if len(line)+len(name) >= 80 {
			text.WriteString(line + "\n")
			line = " "
		}
		line += " " + name
	}
	text.WriteString(line + "\n")
	w.Header().Set("Content-Length", strconv.Itoa(text.Len()))
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprint(w, text.String()) // the client may be gone
}

func table(text *strings.Builder, before string, words []word) {
	width := 0
	for _, w := range words {
		width = max(width, len(w.name))
	}
	for _, w := range words {
		fmt.Fprintf(text, "  %s%-*s  %s\n", before, width, w.name, w.means)
	}
}
