package sourcetest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// Packings are the ways in which a file is written, by their names: plain, or as an archive of nothing else.
func Packings() map[string]func(t testing.TB, text string) string {
	through := func(t testing.TB, text string, pack func(io.Writer) (io.WriteCloser, error)) string {
		t.Helper()
		var out bytes.Buffer
		w, err := pack(&out)
		if err == nil {
			_, err = io.WriteString(w, text)
			err = errors.Join(err, w.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	return map[string]func(testing.TB, string) string{
		"plain": func(_ testing.TB, text string) string { return text },
		"gzip": func(t testing.TB, text string) string {
			return through(t, text, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
		},
		"zstd": func(t testing.TB, text string) string {
			return through(t, text, func(w io.Writer) (io.WriteCloser, error) {
				return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
			})
		},
	}
}
