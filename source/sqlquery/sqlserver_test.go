package sqlquery

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"cubesync/source/sourcetest/servers"
	"cubesync/sync/record"
)

// source reads from it, as far as the options permit.
func (s *tds) source(t *testing.T, change func(*Options)) *Source {
	t.Helper()
	o := Options{Driver: SQLServer, DSN: "sqlserver://hr:secret-word@" + s.address + "?database=people&encrypt=disable", Query: "SELECT id FROM staff;"}
	if change != nil {
		change(&o)
	}
	source, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// through reads to the end.
func through(ctx context.Context, t *testing.T, source *Source) (ids []string, v record.Verdict, err error) {
	t.Helper()
	reader, err := source.Open(ctx)
	if err != nil {
		return nil, v, err
	}
	return readAll(ctx, t, reader)
}

func readAll(ctx context.Context, t *testing.T, reader record.Reader) (ids []string, v record.Verdict, err error) {
	t.Helper()
	defer func() {
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	}()
	for {
		next, err := reader.Next(ctx)
		if err != nil {
			return ids, reader.Verdict(), err
		}
		ids = append(ids, next.At(0).Text())
	}
}

func TestSQLServerOverTheNetwork(t *testing.T) {
	const snapshot, plain = "transaction 5 5", "transaction 5 2" // as the protocol numbers levels
	instead := func(answer []byte) func(net.Conn, []byte) { return func(c net.Conn, _ []byte) { reply(c, answer) } }
	third := answer(3, 3)
	third = slices.Concat(third[:len(third)-len(done(last, 1))], done(more, 1), heading(8), number8(4), done(last, 1))
	for _, each := range []struct {
		name   string
		server *tds
		begin  string
		want   record.Completeness
		reason string
	}{
		{"snapshot", &tds{snapshots: 1, rows: 3}, snapshot, record.Proven, "in one snapshot, in which the server counts as many"},
		{"no-snapshot", &tds{rows: 3}, plain, record.Plausible, "ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON"},
		{"another-count", &tds{snapshots: 1, query: instead(answer(3, 4))}, snapshot, record.Incomplete, "gave 3 rows, and the same snapshot counts 4"},
		{"third-result", &tds{snapshots: 1, query: instead(third)}, snapshot, record.Incomplete, "more than one result"},
	} {
		t.Run(each.name, func(t *testing.T) {
			s := startTDS(t, each.server)
			ids, v, _ := through(t.Context(), t, s.source(t, nil))
			if v.Completeness != each.want || !strings.Contains(v.Reason, each.reason) || !slices.Equal(ids, []string{"1", "2", "3"}) {
				t.Errorf("%q, %+v", ids, v)
			}
			committed := func(what string) bool { return strings.HasPrefix(what, "transaction 7 ") }
			attention := func(what string) bool { return what == "attention" } // the driver may end a query whose answer it has
			asked := slices.DeleteFunc(s.all(), attention)
			if len(asked) < 4 || asked[2] != each.begin || asked[3] != "SELECT id FROM staff\n;SELECT ROWCOUNT_BIG()" || slices.ContainsFunc(asked, committed) {
				t.Errorf("asked for %q", asked)
			}
		})
	}
}

// Wherever the connection breaks, the read isn't whole, and another may be.
func TestSQLServerCutAtEveryByte(t *testing.T) {
	whole := -1
	for at := 0; ; at++ {
		s := startTDS(t, &tds{snapshots: 1, rows: 2, query: func(c net.Conn, answer []byte) {
			whole = len(answer)
			packet(c, answer[:min(at, len(answer))], false)
			_ = c.Close()
		}})
		_, v, err := through(t.Context(), t, s.source(t, nil))
		if errors.Is(err, io.EOF) || v.Completeness.Usable() || v.Reason != "" && !v.Retryable || !strings.Contains(err.Error(), "the connection was lost") {
			t.Errorf("cut after %d of %d bytes: %v, %+v", at, whole, err, v)
		}
		if at+1 >= whole { // the answer is whole without the packet's end
			return
		}
	}
}

// What the server says in the middle of the rows isn't their end.
func TestSQLServerFailsWhileRead(t *testing.T) {
	for number, retryable := range map[uint32]bool{1205: true, 3960: true, 40197: true, 8134: false} {
		s := startTDS(t, &tds{snapshots: 1, rows: 2, query: func(c net.Conn, answer []byte) {
			row := len(heading(8)) + len(number8(1))
			reply(c, slices.Concat(answer[:row], failed(number, "no more of hr's rows"), done(2, 0)))
		}})
		ids, v, err := through(t.Context(), t, s.source(t, nil))
		if len(ids) != 1 || errors.Is(err, io.EOF) || v.Completeness.Usable() || v.Retryable != retryable || !strings.Contains(v.Reason, fmt.Sprintf("(error %d)", number)) || strings.Contains(v.Reason, "hr's") {
			t.Errorf("error %d after %q: %v, %+v", number, ids, err, v)
		}
	}
}

// patience is what signing in takes on a busy machine, and more.
const patience = 2 * time.Second

// A server that keeps silent holds nobody up, and is told to end the query.
func TestSQLServerKeepsSilent(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		t.Run(fmt.Sprintf("deaf-%t", deaf), func(t *testing.T) {
			t.Parallel()
			stop := func(c net.Conn, answer []byte) { packet(c, answer[:len(heading(8))+len(number8(1))], false) }
			s := startTDS(t, &tds{snapshots: 1, rows: 2, query: stop, silent: deaf})
			began := time.Now()
			ids, v, err := through(t.Context(), t, s.source(t, func(o *Options) { o.Timeout = patience }))
			if len(ids) != 1 || err == nil || v.Completeness.Usable() || v.Retryable || !strings.Contains(v.Reason, "took longer than its timeout") {
				t.Errorf("after %q: %v, %+v", ids, err, v)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			_, v, err = through(ctx, t, s.source(t, nil))
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || v.Completeness.Usable() {
				t.Errorf("%v, %+v", err, v)
			}
			if took := time.Since(began); took > 5*patience {
				t.Errorf("it took %s", took)
			}
			if n := len(slices.DeleteFunc(s.all(), func(what string) bool { return what != "attention" })); n < 2 {
				t.Errorf("asked for %q", s.all())
			}
		})
	}
}

// Whoever gives up while the server hasn't begun to answer is told that they did, and not that the connection was lost.
func TestSQLServerDoesNotAnswer(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		t.Run(fmt.Sprintf("deaf-%t", deaf), func(t *testing.T) {
			t.Parallel()
			s := startTDS(t, &tds{snapshots: 1, query: func(net.Conn, []byte) {}, silent: deaf})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if _, _, err := through(ctx, t, s.source(t, nil)); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
}

func TestSQLServerLetsNobodyIn(t *testing.T) {
	s := startTDS(t, &tds{denied: true})
	_, _, err := through(t.Context(), t, s.source(t, nil))
	if err == nil || !strings.Contains(err.Error(), "(error 18456): check user and password") || strings.Contains(err.Error(), "secret-word") || strings.Contains(err.Error(), "'hr'") {
		t.Error(err)
	}
}

// A server without TLS never hears who we are, where TLS is asked for.
func TestSQLServerWithoutTLS(t *testing.T) {
	s := startTDS(t, &tds{})
	_, _, err := through(t.Context(), t, s.source(t, func(o *Options) { o.RootCAs = servers.NewCA(t).Pool() }))
	if err == nil || !strings.Contains(err.Error(), "server does not support encryption") || len(s.all()) != 0 || strings.Contains(err.Error(), "secret-word") {
		t.Errorf("%v; it heard %q", err, s.all())
	}
}

// A server shows who it is, and hears who we are if somebody vouches for it who is known.
func TestSQLServerShowsItself(t *testing.T) {
	ours, another := servers.NewCA(t), servers.NewCA(t)
	for _, each := range []struct {
		name, host, problem string
		identity            *servers.Identity
	}{
		{"known", "localhost", "", ours.Issue(t, "localhost", time.Now().Add(time.Hour))},
		{"unknown", "localhost", "unknown authority", another.Issue(t, "localhost", time.Now().Add(time.Hour))},
		{"expired", "localhost", "expired", ours.Issue(t, "localhost", time.Now().Add(-time.Hour))},
		{"somebody-else", "127.0.0.1", "127.0.0.1", ours.Issue(t, "localhost", time.Now().Add(time.Hour))},
	} {
		t.Run(each.name, func(t *testing.T) {
			certificate, err := tls.LoadX509KeyPair(each.identity.CertificateFile, each.identity.KeyFile)
			if err != nil {
				t.Fatal(err)
			}
			s := startTDS(t, &tds{snapshots: 1, rows: 2, certificate: &certificate})
			ids, v, err := through(t.Context(), t, s.source(t, func(o *Options) {
				o.RootCAs = ours.Pool()
				o.DSN = strings.ReplaceAll(o.DSN, "127.0.0.1", each.host)
			}))
			if each.problem == "" {
				if v.Completeness != record.Proven || len(ids) != 2 {
					t.Errorf("%q, %+v, %v", ids, v, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), each.problem) || !strings.Contains(err.Error(), "with ca_file") || len(s.all()) > 0 {
				t.Errorf("%v; it heard %q", err, s.all())
			}
		})
	}
}

// What the driver makes of values, as they come from the network, becomes text by the table.
func TestSQLServerTypes(t *testing.T) {
	const epoch = 719_162 // days before 1970
	utf16LE := func(text string) (b []byte) {
		for _, unit := range utf16.Encode([]rune(text)) {
			b = binary.LittleEndian.AppendUint16(b, unit)
		}
		return b
	}
	day := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC).Unix()/86_400 + epoch
	date := []byte{byte(day), byte(day >> 8), byte(day >> 16)}
	three := int64(3 * 3600 * 1e7) // o'clock, in units of 100 ns
	clock := []byte{byte(three), byte(three >> 8), byte(three >> 16), byte(three >> 24), byte(three >> 32)}
	float := binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.1))
	single := binary.LittleEndian.AppendUint32(nil, math.Float32bits(0.1))
	guid := []byte{0x9c, 0xbc, 0xee, 0xa0, 0x0b, 0x9c, 0xf8, 0x4e, 0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38, 0x0a, 0x11}
	collation := []byte{0x09, 0x04, 0xd0, 0x00, 0x34}
	short := func(value []byte) []byte { return append([]byte{byte(len(value))}, value...) }
	long := func(value []byte) []byte {
		return append(binary.LittleEndian.AppendUint16(nil, uint16(len(value))), value...)
	} //nolint:gosec // short
	xml := utf16LE("<a>é</a>")
	chunked := slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(xml))), binary.LittleEndian.AppendUint32(nil, uint32(len(xml))), xml, make([]byte, 4)) //nolint:gosec // short
	const null = "\x00null"
	columns := []struct {
		name        string
		kind, value []byte
		want        string
	}{
		{"bigint", []byte{0x26, 8}, short([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), "-1"},
		{"tinyint", []byte{0x26, 1}, short([]byte{200}), "200"},
		{"bit", []byte{0x68, 1}, short([]byte{1}), "true"},
		{"decimal", []byte{0x6a, 5, 9, 4}, short([]byte{1, 0x48, 0xe8, 1, 0}), "12.5"},
		{"below-one", []byte{0x6c, 5, 9, 4}, short([]byte{0, 0x88, 0x13, 0, 0}), "-0.5"},
		{"money", []byte{0x6e, 8}, short([]byte{0, 0, 0, 0, 0x48, 0xe8, 1, 0}), "12.5"},
		{"float", []byte{0x6d, 8}, short(float), "0.1"},
		{"real", []byte{0x6d, 4}, short(single), "0.1"},
		{"nvarchar", slices.Concat([]byte{0xe7, 200, 0}, collation), long(utf16LE("Zoë 🎈")), "Zoë 🎈"},
		{"varchar", slices.Concat([]byte{0xa7, 200, 0}, collation), long([]byte("Zo\xeb")), "Zoë"},
		{"empty", slices.Concat([]byte{0xe7, 200, 0}, collation), long(nil), ""},
		{"null", slices.Concat([]byte{0xe7, 200, 0}, collation), []byte{0xff, 0xff}, null},
		{"null-number", []byte{0x26, 8}, []byte{0}, null},
		{"varbinary", []byte{0xa5, 200, 0}, long([]byte{0xff, 0}), "ff00"},
		{"uniqueidentifier", []byte{0x24, 16}, short(guid), "a0eebc9c-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{"date", []byte{0x28}, short(date), "2026-03-10"},
		{"time", []byte{0x29, 7}, short(clock), "03:00:00"},
		{"datetime2", []byte{0x2a, 7}, short(slices.Concat(clock, date)), "2026-03-10T03:00:00Z"},
		{"datetimeoffset", []byte{0x2b, 7}, short(slices.Concat(clock, date, []byte{60, 0})), "2026-03-10T03:00:00Z"}, // kept in UTC
		{"datetime", []byte{0x6f, 8}, short(slices.Concat(binary.LittleEndian.AppendUint32(nil, 46_089), binary.LittleEndian.AppendUint32(nil, 3*3600*300))), "2026-03-10T03:00:00Z"},
		{"xml", []byte{0xf1, 0}, chunked, "<a>é</a>"},
	}
	heads, row := binary.LittleEndian.AppendUint16([]byte{0x81}, uint16(len(columns))), []byte{0xd1}
	for _, column := range columns {
		name := utf16LE(column.name)
		heads = slices.Concat(heads, []byte{0, 0, 0, 0, 1, 0}, column.kind, []byte{byte(len(name) / 2)}, name)
		row = append(row, column.value...)
	}
	s := startTDS(t, &tds{snapshots: 1, query: func(c net.Conn, _ []byte) {
		reply(c, slices.Concat(heads, row, done(more, 1), heading(8), number8(1), done(last, 1)))
	}})
	reader, err := s.source(t, nil).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	got, err := reader.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, column := range columns {
		text := got.At(i).Text()
		if got.At(i).IsNull() {
			text = null
		}
		if text != column.want {
			t.Errorf("%s: %q, want %q", column.name, text, column.want)
		}
	}
	if _, err := reader.Next(t.Context()); !errors.Is(err, io.EOF) || reader.Verdict().Completeness != record.Proven {
		t.Errorf("%v, %+v", err, reader.Verdict())
	}
}
