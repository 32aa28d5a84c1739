package state

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations returns the steps from one version of the file to the next; step i leads from version i to i+1. Steps
// that were released are never changed.
func migrations() []string {
	return []string{
		`CREATE TABLE fact (
			name TEXT PRIMARY KEY,
			value TEXT NOT NULL,         -- JSON
			sum INTEGER NOT NULL
		) WITHOUT ROWID;

		CREATE TABLE known (
			external_id TEXT PRIMARY KEY COLLATE BINARY,
			account_id INTEGER NOT NULL, -- 0: has none
			account TEXT NOT NULL,       -- JSON, what the service last told; '' without an account
			notes TEXT NOT NULL,         -- JSON, what runs taught; '' where they taught nothing
			written INTEGER NOT NULL,    -- the run that wrote the account last; 0: none that is known
			sum INTEGER NOT NULL
		) WITHOUT ROWID;

		CREATE TABLE run (
			id INTEGER PRIMARY KEY AUTOINCREMENT, -- a number is never given twice
			at INTEGER NOT NULL,                  -- start, ms
			body TEXT NOT NULL                    -- JSON
		);

		CREATE TABLE journal (
			run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
			external_id TEXT NOT NULL COLLATE BINARY,
			kind TEXT NOT NULL,
			account_id INTEGER NOT NULL,
			position TEXT NOT NULL,
			mine TEXT NOT NULL,   -- JSON, of an open intent, to be remembered if it turns out to be applied
			ending TEXT NOT NULL, -- '' while it is open
			words TEXT NOT NULL,
			PRIMARY KEY (run, external_id, kind)
		) WITHOUT ROWID;

		CREATE INDEX journal_pending ON journal (run, external_id, kind) WHERE ending IN ('', 'unknown');

		CREATE TABLE departure (
			run INTEGER PRIMARY KEY, -- no reference: it outlives the run while the week lasts
			at INTEGER NOT NULL,     -- the run's end, ms; its start while it lasts
			count INTEGER NOT NULL
		);`,

		// An operation may be carried out in two steps, each of which is opened and closed.
		`DROP INDEX journal_pending;
		ALTER TABLE journal RENAME TO journal_1;

		CREATE TABLE journal (
			run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
			external_id TEXT NOT NULL COLLATE BINARY,
			kind TEXT NOT NULL,
			step TEXT NOT NULL,
			account_id INTEGER NOT NULL,
			position TEXT NOT NULL,
			mine TEXT NOT NULL,   -- JSON, of an open intent, to be remembered if it turns out to be applied
			ending TEXT NOT NULL, -- '' while it is open
			words TEXT NOT NULL,
			PRIMARY KEY (run, external_id, kind, step)
		) WITHOUT ROWID;

		INSERT INTO journal SELECT run, external_id, kind, '', account_id, position, mine, ending, words FROM journal_1;
		DROP TABLE journal_1;
		CREATE INDEX journal_pending ON journal (run, external_id, kind, step) WHERE ending IN ('', 'unknown');`,

		agreementTables,

		// What an operation in doubt is looked up by besides its external ID, until it is known how it ended: what a sign-up
		// sends, and what the account's user would sign in with.
		`ALTER TABLE journal ADD COLUMN login TEXT NOT NULL DEFAULT '';
		ALTER TABLE journal ADD COLUMN email TEXT NOT NULL DEFAULT '';
		ALTER TABLE journal ADD COLUMN opened INTEGER NOT NULL DEFAULT 0; -- by the service's clock, ms; 0 where it never told`,

		// Calls that were never answered and may still be carried out.
		`CREATE TABLE late (
			external_id TEXT PRIMARY KEY COLLATE BINARY,
			login TEXT NOT NULL,         -- that a sign-up was sent with
			account_id INTEGER NOT NULL, -- that would get the external ID; 0: a sign-up
			since INTEGER NOT NULL       -- when it was in doubt last, ms, on the axis of absences
		) WITHOUT ROWID;`,

		chunkTable,

		// From here on there is a fact that earlier versions would take for damage: the cursor.
		"",
	}
}

// agreementTables numbers the rows of what is known, and keeps agreements beside it by those numbers.
const agreementTables = `
	ALTER TABLE known RENAME TO known_2;

	CREATE TABLE known (
		row INTEGER PRIMARY KEY,
		external_id TEXT NOT NULL UNIQUE COLLATE BINARY,
		account_id INTEGER NOT NULL, -- 0: has none
		account TEXT NOT NULL,       -- JSON, what the service last told; '' without an account
		notes TEXT NOT NULL,         -- JSON, what runs taught; '' where they taught nothing
		written INTEGER NOT NULL,    -- the run that wrote the account last; 0: none that is known
		sum INTEGER NOT NULL
	);

	INSERT INTO known (external_id, account_id, account, notes, written, sum)
		SELECT external_id, account_id, account, notes, written, sum FROM known_2 ORDER BY external_id;
	DROP TABLE known_2;

	CREATE TABLE agreement (
		number INTEGER PRIMARY KEY, -- of the part: the rows from number * 168 on
		slots BLOB NOT NULL,        -- 24 bytes a row
		sum INTEGER NOT NULL
	);

	CREATE TABLE claim (
		number INTEGER PRIMARY KEY, -- of the part: the rows from number * 252 on
		slots BLOB NOT NULL,        -- 16 bytes a row
		sum INTEGER NOT NULL
	);

	CREATE TABLE unagreed (
		row INTEGER PRIMARY KEY, -- of known, without an agreement, whatever its slot says
		twin INTEGER NOT NULL    -- the same once more, negative: another row would bring an old agreement back
	);
	INSERT INTO unagreed SELECT row, -row FROM known;

	CREATE TRIGGER known_added AFTER INSERT ON known BEGIN
		INSERT OR IGNORE INTO unagreed VALUES (new.row, -new.row);
	END;
	CREATE TRIGGER known_changed AFTER UPDATE ON known BEGIN
		INSERT OR IGNORE INTO unagreed VALUES (new.row, -new.row);
	END;
	CREATE TRIGGER known_removed AFTER DELETE ON known BEGIN
		DELETE FROM unagreed WHERE row = old.row;
	END;`

// chunkTable has a row for all operations that are opened together: one for each costs as much as their outcomes do.
const chunkTable = `
	CREATE TABLE chunk (
		number INTEGER PRIMARY KEY,
		run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
		opened INTEGER NOT NULL, -- by the service's clock, ms; 0 where it never told
		operations TEXT NOT NULL -- JSON, an array each: see intents
	);`

// migrate brings the file to the newest version, in one transaction.
func migrate(ctx context.Context, db *sql.DB, file string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after the commit it has nothing to do; before, the error in hand says more
	version, err := versionOf(ctx, tx, file)
	if err != nil {
		return err
	}
	steps := migrations()
	if version == len(steps) {
		return nil
	}
	for _, step := range steps[version:] {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(steps))); err != nil {
		return err
	}
	sum, err := schemaSum(ctx, tx)
	if err != nil {
		return err
	}
	if err := writeFact(ctx, tx, factSchema, sum); err != nil {
		return err
	}
	return tx.Commit()
}

// checkSchema finds a letter that changed in what the database knows of its tables: it may take one for another, and an index
// that it then looks in is empty.
func checkSchema(ctx context.Context, db querier) error {
	var stored int64
	known, err := readFact(ctx, db, factSchema, &stored)
	if err != nil || !known {
		return err
	}
	if sum, err := schemaSum(ctx, db); err != nil || sum == stored {
		return err
	}
	return fmt.Errorf("how its tables are made: %w", errBroken)
}

func schemaSum(ctx context.Context, db querier) (int64, error) {
	var all []string
	err := each(ctx, db, func(rows *sql.Rows) error {
		var text string
		err := scan(rows, &text)
		all = append(all, text)
		return err
	}, "SELECT type || ' ' || name || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY name")
	return checksum(all...), err
}

// versionOf returns the file's version: 0 for an empty one. A newer one, or somebody else's file, is an error.
func versionOf(ctx context.Context, db querier, file string) (int, error) {
	var version, tables int
	const query = "SELECT user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version"
	if err := db.QueryRowContext(ctx, query).Scan(&version, &tables); err != nil {
		return 0, err
	}
	if newest := len(migrations()); version > newest {
		return 0, &VersionError{File: file, Version: version, Newest: newest}
	}
	if version < 0 || version == 0 && tables > 0 {
		return 0, &DamagedError{File: file, Problem: "it is a database, but not a state of cubesync"}
	}
	return version, nil
}

// querier is a database or a transaction in it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}
