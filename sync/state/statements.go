package state

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
)

// keeping opens connections that keep what they have prepared: nearly all statements here are short, and to prepare one costs
// as much as to run it.
type keeping struct{ driver.Connector }

func (k keeping) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := k.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	plain, fits := opened.(plainConn)
	if !fits {
		return nil, errors.Join(fmt.Errorf("%T isn't a connection as this package needs it", opened), opened.Close())
	}
	return &keepingConn{plainConn: plain, idle: map[string]*keptStmt{}}, nil
}

// plainConn is what the driver's connections do. That they also run a text at once isn't taken up, so that all is prepared.
type plainConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// mostIdle bounds how many statements a connection keeps.
const mostIdle = 100

// keepingConn is used by one goroutine at a time, as every connection of database/sql.
type keepingConn struct {
	plainConn
	idle map[string]*keptStmt // by their texts; nil after Close
}

// PrepareContext gives out a statement that is kept, or a new one. Whoever has it has it alone: a query that runs within the rows
// of another one, and says the same, gets one of its own.
func (c *keepingConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	if kept, found := c.idle[text]; found {
		delete(c.idle, text)
		return kept, nil
	}
	prepared, err := c.plainConn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	plain, fits := prepared.(plainStmt)
	if !fits {
		return nil, errors.Join(fmt.Errorf("%T isn't a statement as this package needs it", prepared), prepared.Close())
	}
	return &keptStmt{plainStmt: plain, conn: c, text: text}, nil
}

// Close ends what is kept first: the file stays open as long as there is a statement.
func (c *keepingConn) Close() error {
	var errs []error
	for _, kept := range c.idle {
		errs = append(errs, kept.plainStmt.Close())
	}
	c.idle = nil
	return errors.Join(append(errs, c.plainConn.Close())...)
}

// plainStmt is what the driver's statements do.
type plainStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type keptStmt struct {
	plainStmt
	conn   *keepingConn
	text   string
	failed bool // it may not be as it was
}

func (s *keptStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	result, err := s.plainStmt.ExecContext(ctx, args)
	s.failed = s.failed || err != nil
	return result, err
}

func (s *keptStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := s.plainStmt.QueryContext(ctx, args)
	s.failed = s.failed || err != nil
	return rows, err
}

// Close gives the statement back.
func (s *keptStmt) Close() error {
	if _, another := s.conn.idle[s.text]; another || s.failed || s.conn.idle == nil || len(s.conn.idle) == mostIdle {
		return s.plainStmt.Close()
	}
	s.conn.idle[s.text] = s
	return nil
}
