package ldapdir_test

import (
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"cubesync/source/ldapdir"
	"cubesync/source/sourcetest/servers"
)

// BenchmarkRead reads 100,000 entries, and each time also with a bare loop over go-ldap's SearchAsync: the best times of both are
// compared, because whatever else the machine does makes others longer.
func BenchmarkRead(b *testing.B) {
	const rows = 100_000
	s := servers.StartSlapd(b, servers.SlapdOptions{TestData: true, Load: crowd(rows), Lines: unlimited})
	o := options(s)
	best, bestBare, most := time.Hour, time.Hour, uint64(0)
	for b.Loop() {
		began := time.Now()
		if n := bare(b, o); n != rows {
			b.Fatalf("%d entries", n)
		}
		bestBare = min(bestBare, time.Since(began))
		began = time.Now()
		n, used := through(b, o)
		if n != rows {
			b.Fatalf("%d records", n)
		}
		best, most = min(best, time.Since(began)), max(most, used)
	}
	b.ReportMetric(rows/best.Seconds(), "entries/s")
	b.ReportMetric(rows/bestBare.Seconds(), "bare-entries/s")
	b.ReportMetric(bestBare.Seconds()/best.Seconds(), "of-bare")
	b.ReportMetric(float64(most)/(1<<20), "MB")
}

// through reads as a pipeline does.
func through(b *testing.B, o ldapdir.Options) (n int, used uint64) {
	reader, err := source(b, o).Open(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for ; ; n++ {
		if _, err = reader.Next(b.Context()); err != nil {
			break
		}
		if n%20_000 == 10_000 {
			used = max(used, inUse())
		}
	}
	if !errors.Is(err, io.EOF) || !reader.Verdict().Completeness.Usable() {
		b.Fatalf("%v, %+v", err, reader.Verdict())
	}
	if err := reader.Close(); err != nil {
		b.Fatal(err)
	}
	return n, used
}

// inUse is what the process has of the system's memory, without what it gave back.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys - m.HeapReleased
}

// bare reads the same entries with nothing made of them.
func bare(b *testing.B, o ldapdir.Options) (n int) {
	conn, err := ldap.DialURL(o.URLs[0])
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Bind(o.Bind.DN, o.Bind.Password); err != nil {
		b.Fatal(err)
	}
	paging := ldap.NewControlPaging(ldapdir.DefaultPageSize)
	for {
		response := conn.SearchAsync(b.Context(), &ldap.SearchRequest{
			BaseDN: o.Base, Scope: ldap.ScopeWholeSubtree, Filter: o.Filter, Attributes: o.Columns, Controls: []ldap.Control{paging},
		}, ldapdir.DefaultPageSize)
		for response.Next() {
			if response.Entry() != nil {
				n++
			}
		}
		if response.Err() != nil {
			b.Fatal(response.Err())
		}
		end, _ := ldap.FindControl(response.Controls(), ldap.ControlTypePaging).(*ldap.ControlPaging)
		if end == nil || len(end.Cookie) == 0 {
			return n
		}
		paging.SetCookie(end.Cookie)
	}
}
