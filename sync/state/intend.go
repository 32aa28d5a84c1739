package state

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"sync"

	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// Intend opens a chunk of operations of the run, in one durable commit, and remembers what its parkings give up. Only
// after it has returned nil may any of them be sent. An operation is opened once a run.
func (s *Store) Intend(ctx context.Context, run int64, ops []plan.Operation) error {
	opened, operations := s.serviceTime(), operationsOf(ops)
	s.chunks.mu.Lock()
	defer s.chunks.mu.Unlock()
	if err := s.chunks.refuse(run, ops); err != nil {
		return err
	}
	var number int64
	err := s.write(ctx, "opening a chunk", func(ctx context.Context, tx *sql.Tx) error {
		added, err := tx.ExecContext(ctx, "INSERT INTO chunk (run, opened, operations) VALUES (?, ?, ?)", run, opened, operations)
		if err != nil {
			return err
		}
		if number, err = added.LastInsertId(); err != nil {
			return err
		}
		return park(ctx, tx, ops)
	})
	if err == nil {
		s.chunks.open(number, run, ops)
	}
	return err
}

// intents are the opened operations without a row in the journal, as rows that it would have. They are no view of the
// database: with one of those it doesn't look for lost pages when it checks itself.
const intents = `(SELECT run, external_id, kind, step, account_id, position, mine, '' AS ending, '' AS words, login, email, opened FROM (
		SELECT chunk.run, value ->> 0 AS external_id, value ->> 1 AS kind, value ->> 2 AS step, value ->> 3 AS account_id, value ->> 4 AS position,
			value ->> 5 AS mine, value ->> 6 AS login, value ->> 7 AS email, chunk.opened
		FROM chunk, json_each(chunk.operations)
	) AS o WHERE NOT EXISTS (SELECT 1 FROM journal AS j WHERE j.run = o.run AND j.external_id = o.external_id AND j.kind = o.kind AND j.step = o.step))`

// journalled are all operations of the kept runs.
const journalled = `(SELECT run, external_id, kind, step, account_id, position, mine, ending, words, login, email, opened FROM journal
	UNION ALL SELECT * FROM ` + intents + `)`

// operationsOf are operations as a chunk holds them.
func operationsOf(ops []plan.Operation) string {
	text := append(make([]byte, 0, 256*len(ops)), '[')
	var mine []byte
	for i := range ops {
		op := &ops[i]
		if i > 0 {
			text = append(text, ',')
		}
		mine = appendMine(mine[:0], &op.Mine)
		login, email := names(op)
		text = user.AppendJSON(append(text, '['), op.ExternalID)
		text = user.AppendJSON(append(text, ','), string(op.Kind))
		text = user.AppendJSON(append(text, ','), string(op.Step))
		text = strconv.AppendInt(append(text, ','), op.AccountID, 10)
		text = user.AppendJSON(append(text, ','), string(op.Position))
		text = user.AppendJSON(append(text, ','), string(mine))
		text = user.AppendJSON(append(text, ','), login)
		text = user.AppendJSON(append(text, ','), email)
		text = append(text, ']')
	}
	return string(append(text, ']'))
}

// appendMine appends what the journal holds of an operation's Mine: JSON, or nothing where nothing is set.
func appendMine(to []byte, mine *plan.Mine) []byte {
	separator := byte('{')
	for field, text := range mine.All() {
		to = user.AppendJSON(append(to, separator), field.String())
		to = user.AppendJSON(append(to, ':'), text)
		separator = ','
	}
	if separator == ',' {
		to = append(to, '}')
	}
	return to
}

// chunks are those that this process has opened and whose operations don't all have an outcome: a chunk goes with the last of
// them. Those of a run that was killed stay until they are spread.
type chunks struct {
	mu   sync.Mutex // of the writes that concern chunks, from their begin to their end
	of   map[operationKey]int64
	left map[int64]int // operations, by the chunk's number
}

// operationKey is what an operation has to itself.
type operationKey struct {
	run        int64
	externalID string
	kind       plan.Kind
	step       plan.Step
}

func operationOf(run int64, op *plan.Operation) operationKey {
	return operationKey{run, op.ExternalID, op.Kind, op.Step}
}

// refuse returns an error where an operation is open already, or stands twice.
func (c *chunks) refuse(run int64, ops []plan.Operation) error {
	seen := make(map[operationKey]bool, len(ops))
	for i := range ops {
		key := operationOf(run, &ops[i])
		if _, open := c.of[key]; open || seen[key] {
			return fmt.Errorf("the operation %s %q of run %d is opened twice", key.kind, key.externalID, run)
		}
		seen[key] = true
	}
	return nil
}

func (c *chunks) open(number, run int64, ops []plan.Operation) {
	if c.of == nil {
		c.of, c.left = map[operationKey]int64{}, map[int64]int{}
	}
	for i := range ops {
		c.of[operationOf(run, &ops[i])] = number
	}
	c.left[number] = len(ops)
}

// close makes a change with which these operations have an outcome.
func (s *Store) close(ctx context.Context, run int64, outcomes []Outcome, change func(context.Context, *sql.Tx) error) error {
	c := &s.chunks
	c.mu.Lock()
	defer c.mu.Unlock()
	ended := map[int64]int{} // operations, by the chunk's number
	for i := range outcomes {
		if number, open := c.of[operationOf(run, &outcomes[i].Operation)]; open {
			ended[number]++
		}
	}
	err := s.write(ctx, "recording outcomes", func(ctx context.Context, tx *sql.Tx) error {
		if err := change(ctx, tx); err != nil {
			return err
		}
		for number, n := range ended {
			if n < c.left[number] {
				continue
			}
			if _, err := tx.ExecContext(ctx, "DELETE FROM chunk WHERE number = ?", number); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range outcomes {
		delete(c.of, operationOf(run, &outcomes[i].Operation))
	}
	for number, n := range ended {
		if c.left[number] -= n; c.left[number] == 0 {
			delete(c.left, number)
		}
	}
	return nil
}

// spreading makes a change to intents, each of which has a row of its own in the journal by then.
func (s *Store) spreading(ctx context.Context, doing string, change func(context.Context, *sql.Tx) error) error {
	c := &s.chunks
	c.mu.Lock()
	defer c.mu.Unlock()
	err := s.write(ctx, doing, func(ctx context.Context, tx *sql.Tx) error {
		if err := spread(ctx, tx, ""); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM chunk"); err != nil {
			return err
		}
		return change(ctx, tx)
	})
	if err == nil {
		c.of, c.left = nil, nil
	}
	return err
}

// spread gives intents rows of their own in the journal.
func spread(ctx context.Context, tx *sql.Tx, which string, args ...any) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO journal (run, external_id, kind, step, account_id, position, mine, ending, words, login, email, opened)
		SELECT * FROM `+intents+which, args...)
	return err
}
