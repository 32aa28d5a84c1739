package sqlquery

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// mariaDB is a server of MySQL or MariaDB.
type mariaDB struct {
	config *mysql.Config
	dsn    string
}

func newMySQL(o *Options) (server, error) {
	config, err := mysql.ParseDSN(o.DSN)
	if err != nil {
		return nil, &OptionError{"dsn", "is not the address of a MySQL database", "write one such as user:password@tcp(db.example.com:3306)/people"}
	}
	host := config.Addr
	if name, _, err := net.SplitHostPort(config.Addr); err == nil && config.Net != "unix" {
		host = name
	}
	if safe := o.secure(host); safe != nil {
		config.TLS, config.AllowFallbackToPlaintext = safe, false
	}
	if config.Timeout == 0 {
		config.Timeout = connectTimeout
	}
	// Times come as the server spells them, in UTC, and a query is one statement. The driver's own log isn't ours to write.
	config.ParseTime, config.Loc, config.MultiStatements, config.AllowAllFiles = false, time.UTC, false, false
	config.Logger = &mysql.NopLogger{}
	return &mariaDB{config, o.DSN}, nil
}

func (m *mariaDB) place() string { return m.config.Addr + "/" + m.config.DBName }
func (m *mariaDB) who() string   { return m.config.User }

// besides has the collation, too, by which texts are compared.
func (m *mariaDB) besides() []string {
	if m.config.Collation == "" {
		return settings(m.config.Params)
	}
	return settings(m.config.Params, m.config.Collation)
}

func (m *mariaDB) secrets() []string { return []string{m.dsn, m.config.Passwd, m.config.User} }

func (m *mariaDB) open(ctx context.Context, query string, timeout time.Duration) (session, error) {
	return m.openFrom(ctx, query, nil, timeout)
}

// openFrom gives the bound to the server as a variable: a query with parameters of its own would get its rows in another
// protocol, which spells some values in other ways.
func (m *mariaDB) openFrom(ctx context.Context, query string, bound any, timeout time.Duration) (session, error) {
	connector, err := mysql.NewConnector(m.config)
	if err != nil {
		return nil, err
	}
	return openDatabase(ctx, sql.OpenDB(connector), query, func(d *database) error {
		if err := d.limit(ctx, timeout); err != nil {
			return err
		}
		if bound != nil {
			if at, is := bound.(time.Time); is {
				bound = boundText(at)
			}
			if _, err := d.conn.ExecContext(ctx, "SET @cubesync_since = ?", bound); err != nil {
				return err
			}
		}
		err := d.exec(ctx, m.names(), entirely, "SET SESSION time_zone = '+00:00'", "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
			"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
		if err != nil {
			return err
		}
		if d.doubts, err = d.momentary(ctx); err != nil {
			return err
		}
		if err := d.start(ctx, ""); err != nil {
			return err
		}
		d.scanBytes(mysqlText, isZeroDate)
		return nil
	})
}

// names has the server take the query for UTF-8 and write its answer so, whatever its settings and the DSN say: in a smaller
// character set, what it lacks becomes a question mark, and a key another one.
func (m *mariaDB) names() string {
	const utf8mb4 = "utf8mb4"
	if strings.HasPrefix(m.config.Collation, utf8mb4+"_") {
		return "SET NAMES " + utf8mb4 + " COLLATE " + m.config.Collation
	}
	return "SET NAMES " + utf8mb4
}

// entirely has the server cut nothing off: neither rows beyond a limit of its settings nor what GROUP_CONCAT makes beyond
// 1,024 bytes, which it does with no more than a warning.
const entirely = "SET SESSION sql_select_limit = 18446744073709551615, SESSION group_concat_max_len = GREATEST(@@group_concat_max_len, 1048576)"

// limit has the server itself stop a query that takes too long. MariaDB and MySQL call that by different names.
func (d *database) limit(ctx context.Context, timeout time.Duration) error {
	err := d.exec(ctx, fmt.Sprintf("SET SESSION max_statement_time = %.3f", timeout.Seconds()))
	if said, is := errors.AsType[*mysql.MySQLError](err); is && said.Number == unknownVariable {
		err = d.exec(ctx, fmt.Sprintf("SET SESSION max_execution_time = %d", timeout.Milliseconds()))
	}
	return err
}

// momentary says which table that the user may read takes no part in snapshots, "" for none.
func (d *database) momentary(ctx context.Context) (string, error) {
	var schema, table, engine string
	err := d.conn.QueryRowContext(ctx, `SELECT t.table_schema, t.table_name, t.engine
		FROM information_schema.tables t JOIN information_schema.engines e ON e.engine = t.engine
		WHERE coalesce(e.transactions, 'NO') <> 'YES' AND t.table_type = 'BASE TABLE'
		AND t.table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')
		ORDER BY 1, 2 LIMIT 1`).Scan(&schema, &table, &engine)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return fmt.Sprintf("tables of the engine %s, such as %s.%s, have no snapshots: change it with ALTER TABLE … ENGINE=InnoDB, "+
		"or give this user leave to read only the tables of the query", engine, schema, table), err
}

// Errors of MySQL and MariaDB by their numbers.
const (
	unknownVariable = 1193
	tooSlow         = 3024 // MySQL
	tooSlowMaria    = 1969
)

func (m *mariaDB) classify(err error) failure {
	if errors.Is(err, mysql.ErrInvalidConn) {
		return failure{kind: lost}
	}
	if errors.Is(err, mysql.ErrNoTLS) {
		return failure{text: "the server offers no TLS", special: offerTLS}
	}
	said, is := errors.AsType[*mysql.MySQLError](err)
	if !is {
		return failure{}
	}
	f := failure{text: fmt.Sprintf("%s (error %d)", said.Message, said.Number)}
	switch said.Number {
	case tooSlow, tooSlowMaria:
		f.kind = slow
	case 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927:
		f.kind = lost
	case 1040, 1203, 1205, 1213, 1412: // 1412: a table was changed after the snapshot
		f.kind = passing
	case 1045, 1698:
		f.kind = denied
	case 1044, 1049:
		f.kind, f.special = denied, nameDatabase
	case 1142, 1143:
		f.kind, f.special = denied, nameTable
	case 1792:
		f.special = "write a query that only reads: it runs in a read-only transaction"
	}
	return f
}

func mysqlText(typeName string) textOf {
	switch typeName {
	case "FLOAT", "DOUBLE":
		return floatText
	case "DECIMAL", "TIME": // of a time, too, zeros at the end of a fraction say nothing
		return decimalText
	case "DATETIME", "TIMESTAMP":
		return timestampText
	case "JSON":
		return jsonText
	case "BIT":
		return bitText
	}
	if strings.HasSuffix(typeName, "BLOB") || strings.HasSuffix(typeName, "BINARY") || typeName == "GEOMETRY" || typeName == "VECTOR" {
		return hexText
	}
	return plainText
}

// isZeroDate reports whether a value is MySQL's zero date, which is no day at all.
func isZeroDate(typeName string, value []byte) bool {
	switch typeName {
	case "DATE", "DATETIME", "TIMESTAMP":
		return bytes.HasPrefix(value, []byte("0000-00-00"))
	}
	return false
}

// bitText is the number that the bits are.
func bitText(to, value []byte) ([]byte, string) {
	var number uint64
	for _, b := range value {
		number = number<<8 | uint64(b)
	}
	return strconv.AppendUint(to, number, 10), ""
}
