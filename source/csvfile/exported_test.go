package csvfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A corrected export is read as it was before it was quoted against spreadsheets; any other file is read as it is.
func TestExportedFilesAreUnquoted(t *testing.T) {
	for _, test := range []struct {
		name, header string
		want         []string
	}{
		{"exported", "id,'-phone,cubesync_position\n", []string{"-phone", "+49 1", "'+49 2", "'49", "''", "-=", "", "+49 7", "＝1", " -1", "\u00a0@x"}},
		{"any-other", "id,'-phone,position\n", []string{"'-phone", "'+49 1", "''+49 2", "'49", "''", "'-=", "", "+49 7", "'＝1", "' -1", "'\u00a0@x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "users.csv")
			const rows = "1,'+49 1,x\n2,''+49 2,x\n3,'49,x\n4,'',x\n5,'-=,x\n6,,x\n7,+49 7,x\n8,'＝1,x\n9,' -1,x\n10,'\u00a0@x,x\n"
			if err := os.WriteFile(path, []byte(test.header+rows), 0o600); err != nil {
				t.Fatal(err)
			}
			source, err := New(Options{Path: path, KeyColumn: "id"})
			if err != nil {
				t.Fatal(err)
			}
			reader, err := source.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = reader.Close() }()
			name := reader.Columns().Names()[1]
			got := []string{name}
			for {
				rec, err := reader.Next(t.Context())
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, rec.Value(name).Text())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the cells (-want +got):\n%s", diff)
			}
		})
	}
}
