package terminal

import (
	"io"

	"github.com/vbauerster/mpb/v8/cwriter"
)

// usualWidth is taken for a terminal that doesn't tell its own.
const usualWidth = 80

// Width returns how many columns a terminal has.
func Width(w io.Writer) int {
	if file, ok := w.(interface{ Fd() uintptr }); ok {
		if width, _, err := cwriter.GetSize(int(file.Fd())); err == nil && width > 0 { //nolint:gosec // a descriptor is a small number
			return width
		}
	}
	return usualWidth
}
