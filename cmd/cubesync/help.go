package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// helpWidth is what every terminal has.
const helpWidth = 80

// fitHelp breaks the help of the command, and of those below it, where a narrow terminal ends.
func fitHelp(cmd *cobra.Command) {
	cmd.Long = fold(cmd.Long, helpWidth)
	cmd.SetUsageTemplate(strings.ReplaceAll(cmd.UsageTemplate(), ".FlagUsages ", fmt.Sprintf(".FlagUsagesWrapped %d ", helpWidth)))
	for _, below := range cmd.Commands() {
		fitHelp(below)
	}
}

// fold breaks paragraphs at spaces; blank lines part them. One with an indented line is a table, and stays as it is.
func fold(text string, width int) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, paragraph := range paragraphs {
		if strings.Contains(paragraph, "\n ") {
			continue
		}
		var b strings.Builder
		column := 0
		for _, word := range strings.Fields(paragraph) {
			switch {
			case column == 0:
			case column+1+len(word) > width:
				b.WriteByte('\n')
				column = 0
			default:
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += len(word)
		}
		paragraphs[i] = b.String()
	}
	return strings.Join(paragraphs, "\n\n")
}
