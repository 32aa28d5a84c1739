package sqlquery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// postgres is a PostgreSQL server. It is spoken to through pgconn, the lower half of pgx: the server spells the values
// itself, and nothing is decoded and spelled again.
type postgres struct {
	config *pgconn.Config
	dsn    string
}

func newPostgres(o *Options) (server, error) {
	config, err := pgconn.ParseConfig(o.DSN)
	if err != nil || config.Host == "" {
		return nil, &OptionError{"dsn", "is not the address of a PostgreSQL database", "write one such as postgres://user:password@db.example.com:5432/people" + encoded}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	securePostgres(config, o)
	// Whoever gives up has the server give up as well, which would go on with the query otherwise.
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: 500 * time.Millisecond}
	}
	return &postgres{config, o.DSN}, nil
}

// securePostgres replaces what the DSN says of TLS: the driver would go on without where a server has none, and checks no
// certificate unless it is told to. Certificates of our own stay.
func securePostgres(config *pgconn.Config, o *Options) {
	if safe := o.secure(config.Host); safe != nil {
		if config.TLSConfig != nil {
			safe.Certificates, safe.GetClientCertificate = config.TLSConfig.Certificates, config.TLSConfig.GetClientCertificate
			if safe.RootCAs == nil {
				safe.RootCAs = config.TLSConfig.RootCAs
			}
		}
		config.TLSConfig = safe
	}
	known := map[string]bool{net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))): true}
	var kept []*pgconn.FallbackConfig
	for _, next := range config.Fallbacks {
		safe := o.secure(next.Host)
		address := net.JoinHostPort(next.Host, strconv.Itoa(int(next.Port)))
		if safe != nil {
			if known[address] {
				continue // the same server once more, without TLS
			}
			safe.Certificates = config.TLSConfig.Certificates
			next.TLSConfig = safe
		}
		known[address] = true
		kept = append(kept, next)
	}
	config.Fallbacks = kept
}

func (p *postgres) place() string {
	return net.JoinHostPort(p.config.Host, strconv.Itoa(int(p.config.Port))) + "/" + p.config.Database
}
func (p *postgres) who() string { return p.config.User }

// besides leaves out what the session is called, which hides no rows.
func (p *postgres) besides() []string {
	var others []string
	for _, next := range p.config.Fallbacks {
		if next.Host != p.config.Host || next.Port != p.config.Port { // otherwise it is the first one without TLS
			others = append(others, net.JoinHostPort(next.Host, strconv.Itoa(int(next.Port))))
		}
	}
	said := maps.Clone(p.config.RuntimeParams)
	delete(said, "application_name")
	return settings(said, others...)
}

func (p *postgres) secrets() []string { return []string{p.dsn, p.config.Password, p.config.User} }

// spelling has the server spell values in one way, whatever its settings are.
const spelling = `SET LOCAL client_encoding = 'UTF8'; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; ` +
	`SET LOCAL IntervalStyle = 'iso_8601'; SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; ` +
	`SET LOCAL standard_conforming_strings = on`

func (p *postgres) open(ctx context.Context, query string, timeout time.Duration) (session, error) {
	return p.openFrom(ctx, query, nil, timeout)
}

func (p *postgres) openFrom(ctx context.Context, query string, bound any, timeout time.Duration) (session, error) {
	conn, err := pgconn.ConnectConfig(ctx, p.config)
	if err != nil {
		return nil, err
	}
	s := &postgresSession{conn: conn, query: query}
	if bound != nil {
		s.params = [][]byte{[]byte(boundText(bound))} // the server takes it for what it is compared with
	}
	if err := s.start(ctx, timeout); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// start begins the snapshot and starts the query in it.
func (s *postgresSession) start(ctx context.Context, timeout time.Duration) error {
	begin := fmt.Sprintf("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = %d; %s", timeout.Milliseconds(), spelling)
	if _, err := s.conn.Exec(ctx, begin).ReadAll(); err != nil {
		return err
	}
	statement, err := s.conn.Prepare(ctx, "", s.query, nil) // which takes one statement only
	if err != nil {
		return err
	}
	if len(statement.ParamOIDs) > len(s.params) {
		return errors.New("the query has a place for a parameter ($1)")
	}
	for _, field := range statement.Fields {
		s.names = append(s.names, field.Name)
		s.types = append(s.types, field.DataTypeOID)
	}
	if s.as, err = s.texts(ctx, statement.Fields); err != nil {
		return err
	}
	// Looking the types up took the nameless statement's place.
	s.result = s.conn.ExecParams(ctx, s.query, s.params, nil, nil, nil)
	return nil
}

func (p *postgres) classify(err error) failure {
	if _, is := errors.AsType[*movedError](err); is {
		return failure{kind: passing, special: "read it again when its loader is done; let that use DELETE in place of TRUNCATE"}
	}
	said, is := errors.AsType[*pgconn.PgError](err)
	if !is {
		if strings.Contains(err.Error(), "server refused TLS connection") { // the driver has no value for it
			return failure{text: "the server offers no TLS", special: offerTLS}
		}
		return failure{}
	}
	f := failure{text: fmt.Sprintf("%s (SQLSTATE %s)", said.Message, said.Code)}
	switch class := said.Code[:min(2, len(said.Code))]; {
	case said.Code == "57014":
		f.kind = slow
	case class == "57", class == "08":
		f.kind = lost
	case class == "40", class == "53", class == "55":
		f.kind = passing
	case class == "28":
		f.kind = denied
	case class == "3D":
		f.kind, f.special = denied, nameDatabase
	case said.Code == "42501":
		f.kind, f.special = denied, nameTable
	case said.Code == "25006":
		f.special = "write a query that only reads: it runs in a read-only transaction"
	}
	return f
}

// postgresSession is a query in its snapshot.
type postgresSession struct {
	conn   *pgconn.PgConn
	query  string
	params [][]byte
	names  []string
	types  []uint32
	as     []textOf
	result *pgconn.ResultReader
}

func (s *postgresSession) columns() []string { return s.names }
func (s *postgresSession) doubt() string     { return "" }

// typeOf names the types that a cursor may have; of others, it tells the number.
func (s *postgresSession) typeOf(column int) string {
	names := map[uint32]string{
		timestampOID: "TIMESTAMP", timestamptzOID: "TIMESTAMPTZ", dateOID: "DATE",
		int2OID: "INT2", int4OID: "INT4", int8OID: "INT8", numericOID: "NUMERIC", textOID: "TEXT",
	}
	return cmp.Or(names[s.types[column]], "OID "+strconv.FormatUint(uint64(s.types[column]), 10))
}

func (s *postgresSession) next(l *line) error {
	if !s.result.NextRow() {
		if _, err := s.result.Close(); err != nil {
			return err
		}
		return io.EOF
	}
	for i, value := range s.result.Values() {
		if value == nil {
			l.null()
		} else {
			l.add(value, s.as[i])
		}
	}
	return nil
}

func (s *postgresSession) count(ctx context.Context) (int64, error) {
	result := s.conn.ExecParams(ctx, "SELECT count(*) FROM (\n"+s.query+"\n) AS cubesync", s.params, nil, nil, nil).Read()
	if result.Err != nil {
		return 0, result.Err
	}
	if err := s.unmoved(ctx); err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(result.Rows[0][0]), 10, 64)
}

// moved are the tables that the query read and that were emptied, made anew or renamed after its snapshot. TRUNCATE empties
// one for older snapshots, too, and what is filled and then takes another's name is to them as it was before. A query that
// waits for who does that has its snapshot already: it comes before the lock. The locks show what was read; the catalogue as
// the snapshot has it is held against that of now, which the functions see.
const moved = `SELECT coalesce(string_agg(l.relation::regclass::text, ', '), '')
	FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation
	WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND (c.oid IS NULL OR c.relkind IN ('r', 'm') AND (
		c.relfilenode <> 0 AND c.relfilenode IS DISTINCT FROM pg_relation_filenode(c.oid) OR
		(pg_identify_object('pg_catalog.pg_class'::regclass, c.oid, 0)).identity <> c.relnamespace::regnamespace || '.' || quote_ident(c.relname)))`

// movedError are tables that the snapshot no longer shows as they were.
type movedError struct{ tables string }

func (e *movedError) Error() string {
	return "emptied, made anew or renamed while the query waited or ran: " + e.tables
}

// unmoved reports tables that moved.
func (s *postgresSession) unmoved(ctx context.Context) error {
	result := s.conn.ExecParams(ctx, moved, nil, nil, nil, nil).Read()
	if result.Err != nil {
		return result.Err
	}
	if tables := string(result.Rows[0][0]); tables != "" {
		return &movedError{tables}
	}
	return nil
}

func (s *postgresSession) close() {
	if s.result != nil {
		_, _ = s.result.Close() // its context has ended
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx) // whatever was under way is rolled back
	select {
	case <-s.conn.CleanupDone():
	case <-ctx.Done(): // a server that doesn't answer is left to the driver
	}
}

// Types of PostgreSQL, as its catalogue numbers them.
const (
	boolOID        = 16
	byteaOID       = 17
	jsonOID        = 114
	jsonbOID       = 3802
	float4OID      = 700
	float8OID      = 701
	numericOID     = 1700
	timestampOID   = 1114
	timestamptzOID = 1184
	int2OID        = 21
	int4OID        = 23
	int8OID        = 20
	dateOID        = 1082
	textOID        = 25
)

// texts returns what makes text of each column.
func (s *postgresSession) texts(ctx context.Context, fields []pgconn.FieldDescription) ([]textOf, error) {
	elements, err := s.elements(ctx, fields)
	if err != nil {
		return nil, err
	}
	texts := make([]textOf, len(fields))
	for i, field := range fields {
		if element, isArray := elements[field.DataTypeOID]; isArray {
			texts[i] = arrayText(element)
		} else {
			texts[i] = postgresText(field.DataTypeOID)
		}
	}
	return texts, nil
}

// elements asks which types are arrays, and of what.
func (s *postgresSession) elements(ctx context.Context, fields []pgconn.FieldDescription) (map[uint32]uint32, error) {
	var types []string
	for _, field := range fields {
		types = append(types, strconv.FormatUint(uint64(field.DataTypeOID), 10))
	}
	if len(types) == 0 {
		return nil, errors.New("the query has no column")
	}
	result := s.conn.ExecParams(ctx, "SELECT oid, typelem FROM pg_catalog.pg_type WHERE typcategory = 'A' AND typdelim = ',' AND oid IN ("+strings.Join(types, ", ")+")",
		nil, nil, nil, nil).Read()
	elements := map[uint32]uint32{}
	for _, row := range result.Rows {
		array, err := strconv.ParseUint(string(row[0]), 10, 32)
		if err != nil {
			return nil, err
		}
		element, err := strconv.ParseUint(string(row[1]), 10, 32)
		if err != nil {
			return nil, err
		}
		elements[uint32(array)] = uint32(element)
	}
	return elements, result.Err
}

func postgresText(oid uint32) textOf {
	switch oid {
	case boolOID:
		return func(to, value []byte) ([]byte, string) { return append(to, boolText(string(value) == "t")...), "" }
	case byteaOID:
		return func(to, value []byte) ([]byte, string) {
			return append(to, strings.TrimPrefix(string(value), `\x`)...), ""
		}
	case jsonOID, jsonbOID:
		return jsonText
	case float4OID, float8OID:
		return floatText
	case numericOID:
		return decimalText
	case timestampOID, timestamptzOID:
		return timestampText
	}
	return plainText
}

// arrayText makes JSON of an array as PostgreSQL spells it: {1,2}, {"a b",NULL}, {{1},{2}}, [0:1]={1,2}.
func arrayText(element uint32) textOf {
	return func(to, value []byte) ([]byte, string) {
		text := string(value)
		if _, after, bounds := strings.Cut(text, "]={"); bounds && text[0] == '[' {
			text = "{" + after
		}
		a := array{text: text, element: element}
		to, ok := a.list(to)
		if !ok || a.at != len(text) {
			return to, "it isn't spelled as arrays are"
		}
		return to, a.problem
	}
}

type array struct {
	text    string
	at      int
	element uint32
	problem string
}

// list appends a list, which begins here.
func (a *array) list(to []byte) ([]byte, bool) {
	a.at++ // the brace
	to = append(to, '[')
	for first := true; a.at < len(a.text); first = false {
		if a.text[a.at] == '}' {
			a.at++
			return append(to, ']'), true
		}
		if !first {
			if a.text[a.at] != ',' {
				return to, false
			}
			a.at++
			to = append(to, ',')
		}
		one := a.item
		if strings.HasPrefix(a.text[a.at:], "{") {
			one = a.list
		}
		var ok bool
		if to, ok = one(to); !ok {
			return to, false
		}
	}
	return to, false
}

// item appends an element.
func (a *array) item(to []byte) ([]byte, bool) {
	var item []byte
	if strings.HasPrefix(a.text[a.at:], `"`) {
		for a.at++; ; a.at++ {
			if a.at >= len(a.text) {
				return to, false
			}
			if a.text[a.at] == '"' {
				a.at++
				return a.value(to, item), true
			}
			if a.text[a.at] == '\\' && a.at+1 < len(a.text) {
				a.at++
			}
			item = append(item, a.text[a.at])
		}
	}
	end := strings.IndexAny(a.text[a.at:], ",}")
	if end < 0 {
		return to, false
	}
	item = []byte(a.text[a.at : a.at+end])
	a.at += end
	if strings.EqualFold(string(item), "null") {
		return append(to, "null"...), true
	}
	return a.value(to, item), true
}

// value appends an element as JSON.
func (a *array) value(to, item []byte) []byte {
	text, problem := postgresText(a.element)(nil, item)
	if problem == "" {
		problem = untextual(text)
	}
	if problem != "" {
		a.problem = "in an element: " + problem
	}
	switch a.element {
	case boolOID, jsonOID, jsonbOID, int2OID, int4OID, int8OID:
		return append(to, text...)
	case float4OID, float8OID, numericOID:
		if c := text[len(text)-1]; c >= '0' && c <= '9' {
			return append(to, text...)
		}
	}
	return appendJSON(to, string(text))
}
