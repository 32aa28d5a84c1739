package sqlquery

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"
)

// sqlServer is Microsoft's.
type sqlServer struct {
	config msdsn.Config
	dsn    string
}

func newSQLServer(o *Options) (server, error) {
	config, err := msdsn.Parse(o.DSN)
	if err != nil || !strings.HasPrefix(o.DSN, "sqlserver://") || config.Host == "" {
		return nil, &OptionError{"dsn", "is not the address of a SQL Server database", "write one such as sqlserver://user:password@db.example.com:1433?database=people" + encoded}
	}
	if safe := o.secure(config.Host); safe != nil {
		safe.DynamicRecordSizingDisabled = true // as the driver has it: the server wants one record a packet
		config.TLSConfig, config.TrustServerCertificate = safe, false
		if config.Encryption != msdsn.EncryptionStrict {
			config.Encryption = msdsn.EncryptionRequired
		}
	}
	if config.DialTimeout == 0 {
		config.DialTimeout = connectTimeout
	}
	config.ReadOnlyIntent, config.LogFlags = true, 0
	config.Encoding.GuidConversion, config.Encoding.Timezone = false, time.UTC
	return &sqlServer{config, o.DSN}, nil
}

// hasty makes connections that hear and say nothing more soon after a read has ended. The driver asks the server to end a query,
// and would wait ten seconds for one that keeps silent.
type hasty struct {
	net.Dialer
	own context.Context // of the read
}

func (h hasty) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := h.Dialer.DialContext(ctx, network, address)
	if err == nil {
		const patience = 500 * time.Millisecond
		context.AfterFunc(h.own, func() { _ = conn.SetDeadline(time.Now().Add(patience)) }) // it may be closed already
	}
	return conn, err
}

func (s *sqlServer) place() string {
	address := s.config.Host
	if s.config.Port != 0 {
		address = net.JoinHostPort(address, strconv.FormatUint(s.config.Port, 10))
	}
	if s.config.Instance != "" {
		address += "\\" + s.config.Instance
	}
	return address + "/" + s.config.Database
}
func (s *sqlServer) who() string { return s.config.User }
func (s *sqlServer) besides() []string {
	if s.config.FailOverPartner == "" {
		return nil
	}
	return []string{net.JoinHostPort(s.config.FailOverPartner, strconv.FormatUint(s.config.FailOverPort, 10))}
}
func (s *sqlServer) secrets() []string { return []string{s.dsn, s.config.Password, s.config.User} }

// open begins a transaction, which is never committed: SQL Server knows none that only reads.
func (s *sqlServer) open(ctx context.Context, query string, timeout time.Duration) (session, error) {
	return s.openFrom(ctx, query, nil, timeout)
}

func (s *sqlServer) openFrom(ctx context.Context, query string, bound any, _ time.Duration) (session, error) {
	connector := mssql.NewConnectorConfig(s.config)
	connector.Dialer = hasty{net.Dialer{KeepAlive: s.config.KeepAlive}, ctx}
	return openDatabase(ctx, sql.OpenDB(connector), query, func(d *database) error {
		var snapshots int
		err := d.conn.QueryRowContext(ctx, "SELECT snapshot_isolation_state FROM sys.databases WHERE database_id = DB_ID()").Scan(&snapshots)
		if err != nil {
			return err
		}
		level := sql.LevelSnapshot
		if snapshots != 1 {
			level = sql.LevelReadCommitted
			d.doubts = "the database permits no snapshots, so that they may be of several moments: ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON"
		}
		// A rollback in a context that has ended would leave a goroutine of the driver reading into a buffer that the next connection gets.
		if d.tx, err = d.conn.BeginTx(context.WithoutCancel(ctx), &sql.TxOptions{Isolation: level}); err != nil {
			return err
		}
		d.counted = countBeside
		if bound != nil {
			d.args = []any{sql.Named("cubesync_since", bound)}
		}
		if err := d.start(ctx, "\n;SELECT ROWCOUNT_BIG()"); err != nil {
			return err
		}
		d.scanValues(spellSQLServer)
		return nil
	})
}

// countBeside takes what the server says of how many rows it sent. It can't count them again: SQL Server permits neither WITH
// nor ORDER BY in a query that another one counts.
func countBeside(_ context.Context, d *database) (count int64, err error) {
	if !d.rows.NextResultSet() || !d.rows.Next() {
		return 0, cmp.Or(d.rows.Err(), errors.New("the server didn't say how many rows it sent"))
	}
	if err := d.rows.Scan(&count); err != nil {
		return 0, err
	}
	if d.rows.Next() || d.rows.NextResultSet() {
		return 0, errors.New("the query has more than one result")
	}
	return count, d.rows.Err()
}

// spellSQLServer adds a value that the driver decodes in a way of its own.
func spellSQLServer(l *line, typeName string, value any) bool {
	switch v := value.(type) {
	case []byte:
		switch typeName {
		case "DECIMAL", "NUMERIC", "MONEY", "SMALLMONEY":
			l.add(v, decimalText)
			return true
		case "UNIQUEIDENTIFIER":
			var id mssql.UniqueIdentifier
			if id.Scan(v) == nil {
				l.add([]byte(strings.ToLower(id.String())), plainText)
				return true
			}
		}
	case float64:
		if typeName == "REAL" { // of which the driver makes more digits than it has
			l.add(strconv.AppendFloat(nil, v, 'g', -1, 32), floatText)
			return true
		}
	case time.Time:
		switch typeName {
		case "DATE":
			l.add(v.AppendFormat(nil, dateOnly), plainText)
			return true
		case "TIME":
			l.add(v.AppendFormat(nil, timeOnly), plainText)
			return true
		}
	}
	return false
}

func (s *sqlServer) classify(err error) failure {
	if broken, is := errors.AsType[mssql.StreamError](err); is && isLost(broken.InnerError) {
		return failure{text: broken.InnerError.Error(), kind: lost}
	}
	said, is := errors.AsType[mssql.Error](err)
	if !is {
		if strings.Contains(err.Error(), "tls: failed to verify certificate") { // the driver keeps no more of that error than its text
			return failure{special: believe}
		}
		return failure{}
	}
	f := failure{text: fmt.Sprintf("%s (error %d)", said.Message, said.Number)}
	switch said.Number {
	case 1205, 3960, 10928, 10929, 40501:
		f.kind = passing
	case 6005, 40197, 40613:
		f.kind = lost
	case 18456:
		f.kind = denied
	case 4060:
		f.kind, f.special = denied, nameDatabase
	case 229:
		f.kind, f.special = denied, nameTable
	}
	return f
}
