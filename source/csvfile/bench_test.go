package csvfile_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"cubesync/source/csvfile"
	"cubesync/sync/mapping"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

const benchRows = 200_000

// writeBenchFile writes a file as wide as the sample, with quotes and letters beyond ASCII where people have them.
func writeBenchFile(tb testing.TB, rows int) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "users.csv")
	file, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	out := bufio.NewWriter(file)
	fmt.Fprintln(out, "employee_id,email,given_name,family_name,phone,website,department,tags,custom_data")
	for i := range rows {
		fmt.Fprintf(out, "sample-%07d,zofia.kovacic%d@example.com,Zofia,\"Kovačić, PhD\",+1 514 555 0197,"+
			"https://www.example.com/people/%d,People & Culture,équipe-a;on-call,\"{\"\"office\"\":\"\"東京\"\",\"\"desk\"\":%d}\"\n", i, i, i, i%500)
	}
	if err := errors.Join(out.Flush(), file.Close()); err != nil {
		tb.Fatal(err)
	}
	return path
}

// BenchmarkRecognise is the way of a record that the last run knows already: read, named, digested.
func BenchmarkRecognise(b *testing.B) {
	source, err := csvfile.New(csvfile.Options{Path: writeBenchFile(b, benchRows), KeyColumn: "employee_id"})
	if err != nil {
		b.Fatal(err)
	}
	mapper, err := mapping.New(mapping.Spec{
		ExternalID: mapping.Rule{Column: "employee_id"},
		Fields: map[user.Field]mapping.Rule{
			user.Email: {Column: "email"}, user.FullName: {Template: "{given_name} {family_name}"}, user.Phone: {Column: "phone"},
			user.Website: {Column: "website"}, user.CustomData: {Column: "custom_data"},
		},
		Tags: []mapping.TagRule{{Rule: mapping.Rule{Column: "tags"}, Split: ";"}},
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		reader, err := source.Open(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		recognise(b, reader, mapper)
	}
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
}

func recognise(b *testing.B, reader record.Reader, mapper *mapping.Mapper) {
	b.Helper()
	defer closeIt(b, reader)
	var d user.Digester
	for {
		rec, err := reader.Next(b.Context())
		if errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			b.Fatal(err)
		}
		key, ok := mapper.Key(rec)
		if !ok {
			b.Fatalf("%s has no key", rec.Position)
		}
		d.Add(key)
		mapper.AddTo(&d, rec)
		if d.Digest() == 0 {
			b.Fatal("no digest")
		}
	}
}

func TestMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a large file")
	}
	source, err := csvfile.New(csvfile.Options{Path: writeBenchFile(t, 100_000)}) // 17 MB
	if err != nil {
		t.Fatal(err)
	}
	reader, err := source.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer closeIt(t, reader)
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const step = 20_000 // records; after the first of them all that is read ahead into is there
	var before uint64
	for i := 0; ; i++ {
		if _, err := reader.Next(t.Context()); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch {
		case i == step:
			before = inUse()
		case i%step == 0 && i > step:
			if now := inUse(); now > before+1<<20 {
				t.Fatalf("at record %d, %d bytes more are in use than at record %d; want less than 1 MiB", i, now-before, step)
			}
		}
	}
}
