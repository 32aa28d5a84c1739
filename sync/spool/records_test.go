package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cubesync/sync/record"
)

// rowsOf are rows of two sources in no order, some of which share a key.
func rowsOf(n, letters int) []Row {
	random := rand.New(rand.NewPCG(3, 4))
	all := make([]Row, n)
	for i := range all {
		row := &all[i]
		row.Key, row.Source, row.Uncertain = fmt.Sprintf("É%d", random.IntN(n)), i%2, i%5 == 0
		row.Position = record.Position(fmt.Sprintf("users.csv:%d", i+2))
		if i%3 == 0 {
			row.Reject = &Reject{"phone", strings.Repeat("x", letters)}
			continue
		}
		row.Values = []record.Value{record.Text(""), record.Null(), {}, record.Text(strings.Repeat("é", letters/2)), record.Null()}
	}
	return all
}

func TestRecordsAreSorted(t *testing.T) {
	for name, size := range map[string]struct{ rows, letters, stretches int }{
		"none": {0, 0, 0}, "in-memory": {1000, 10, 0}, "on-the-disk": {1000, 30_000, 3},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewRecords(t.TempDir())
			defer r.Close()
			want := rowsOf(size.rows, size.letters)
			for i := range want {
				if err := r.Add(&want[i]); err != nil {
					t.Fatal(err)
				}
			}
			slices.SortStableFunc(want, func(a, b Row) int {
				return cmp.Or(cmp.Compare(len(a.Key), len(b.Key)), strings.Compare(a.Key, b.Key), cmp.Compare(a.Source, b.Source))
			})
			rows, err := r.Sorted()
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				got, err := rows.Next()
				if err != nil || !reflect.DeepEqual(got, want[i]) {
					t.Fatalf("number %d is %+v, %v, want %+v", i, got, err, want[i])
				}
			}
			if row, err := rows.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("after the last: %+v, %v", row, err)
			}
			if len(r.stretches) != size.stretches {
				t.Errorf("%d stretches", len(r.stretches))
			}
		})
	}
}
