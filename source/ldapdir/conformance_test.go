package ldapdir_test

import (
	"context"
	"strconv"
	"testing"

	"cubesync/source/ldapdir"
	"cubesync/source/sourcetest"
	"cubesync/source/sourcetest/servers"
	"cubesync/sync/record"
)

func TestConformance(t *testing.T) {
	const size = 100_000
	small := servers.StartSlapd(t, servers.SlapdOptions{TestData: true, Lines: unlimited})
	folders := 0
	hold := func(rows []sourcetest.Row) (ldapdir.Options, error) {
		folders++
		base, err := fill(small, strconv.Itoa(folders), rows)
		o := options(small)
		o.Base, o.PageSize = base, 3
		if len(rows) > 100 {
			o.PageSize = 0
		}
		return o, err
	}
	var whole ldapdir.Options // of the rows that are cut
	bytes := 0                // that the server sends
	sourcetest.Run(t, sourcetest.Kind{
		Hold: func(_ context.Context, rows []sourcetest.Row) (record.Source, error) {
			o, err := hold(rows)
			if err != nil {
				return nil, err
			}
			return ldapdir.New(o)
		},
		Best:    record.Proven,
		NoEmpty: true,
		Many: func(context.Context) (record.Source, error) {
			large := servers.StartSlapd(t, servers.SlapdOptions{TestData: true, Lines: unlimited, Load: crowd(size)})
			return ldapdir.New(options(large))
		},
		Size: size,
		// The bytes of an answer can end anywhere, and none of these reads is whole.
		Cut: func(_ context.Context, rows []sourcetest.Row, place int) (record.Source, bool, error) {
			if place == 0 {
				var err error
				if whole, err = hold(rows); err != nil {
					return nil, false, err
				}
				through := newCutter(t, small.URL, 1<<20)
				o := whole
				o.URLs = []string{through.url}
				if got := read(t, o); got.verdict.Completeness != record.Proven {
					t.Fatalf("uncut: %+v, %v", got.verdict, got.err)
				}
				bytes = int(through.sent.Load())
			}
			if place >= bytes {
				return nil, false, nil
			}
			o := whole
			o.URLs = []string{newCutter(t, small.URL, int64(place)).url}
			s, err := ldapdir.New(o)
			return s, true, err
		},
	})
}
