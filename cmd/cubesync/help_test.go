package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"unicode/utf8"
)

// The help of every command fits the narrowest terminal.
func TestHelpFits(t *testing.T) {
	for _, command := range [][]string{
		{}, {"sync"}, {"plan"}, {"apply"}, {"approve"}, {"rekey"}, {"runs"}, {"runs", "show"}, {"explain"}, {"serve"},
		{"validate"}, {"doctor"}, {"emulator"}, {"version"},
	} {
		t.Run(strings.Join(append([]string{"cubesync"}, command...), "-"), func(t *testing.T) {
			var out, log bytes.Buffer
			code := run(context.Background(), nil, append(command, "--help"),
				environment{lookup: func(string) (string, bool) { return "", false }, stdin: strings.NewReader(""), stdout: &out, stderr: &log})
			if code != 0 || out.Len() == 0 {
				t.Fatalf("exit %d\n%s", code, log.String())
			}
			for line := range strings.Lines(out.String()) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > helpWidth {
					t.Errorf("%d columns: %s", n, line)
				}
			}
		})
	}
}
