package logbook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// migrations are the steps from an empty database to the present one; a
// database's user_version counts those that it has taken. Steps are only ever
// added.
func migrations() []string { return []string{first} }

// first has llm's tables, with one difference: responses has a rowid of its
// own, since the index of texts goes by it and VACUUM renumbers others.
const first = `
CREATE TABLE conversations (id TEXT PRIMARY KEY, name TEXT, model TEXT);
CREATE TABLE schemas (id TEXT PRIMARY KEY, content TEXT NOT NULL);
CREATE TABLE responses (
  rowid INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  model TEXT,
  prompt TEXT,
  system TEXT,
  prompt_json TEXT,
  options_json TEXT,
  response TEXT,
  response_json TEXT,
  reasoning TEXT,
  conversation_id TEXT REFERENCES conversations(id),
  duration_ms INTEGER,
  datetime_utc TEXT,
  input_tokens INTEGER,
  output_tokens INTEGER,
  token_details TEXT,
  schema_id TEXT REFERENCES schemas(id),
  resolved_model TEXT
);
CREATE INDEX responses_conversation ON responses(conversation_id);
CREATE INDEX responses_datetime ON responses(datetime_utc);
CREATE VIRTUAL TABLE responses_fts USING fts5(prompt, response, content=[responses]);
INSERT INTO responses_fts(responses_fts, rank) VALUES ('secure-delete', 1);
CREATE TRIGGER responses_ai AFTER INSERT ON responses BEGIN
  INSERT INTO responses_fts (rowid, prompt, response) VALUES (new.rowid, new.prompt, new.response);
END;
CREATE TRIGGER responses_ad AFTER DELETE ON responses BEGIN
  INSERT INTO responses_fts (responses_fts, rowid, prompt, response) VALUES ('delete', old.rowid, old.prompt, old.response);
END;
CREATE TRIGGER responses_au AFTER UPDATE ON responses BEGIN
  INSERT INTO responses_fts (responses_fts, rowid, prompt, response) VALUES ('delete', old.rowid, old.prompt, old.response);
  INSERT INTO responses_fts (rowid, prompt, response) VALUES (new.rowid, new.prompt, new.response);
END;
CREATE TABLE fragments (id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, content TEXT NOT NULL, datetime_utc TEXT, source TEXT);
CREATE TABLE fragment_aliases (alias TEXT PRIMARY KEY, fragment_id INTEGER NOT NULL REFERENCES fragments(id));
CREATE TABLE prompt_fragments (
  response_id TEXT REFERENCES responses(id) ON DELETE CASCADE, fragment_id INTEGER REFERENCES fragments(id), "order" INTEGER,
  PRIMARY KEY (response_id, fragment_id, "order"));
CREATE TABLE system_fragments (
  response_id TEXT REFERENCES responses(id) ON DELETE CASCADE, fragment_id INTEGER REFERENCES fragments(id), "order" INTEGER,
  PRIMARY KEY (response_id, fragment_id, "order"));
CREATE TABLE tool_calls (
  id INTEGER PRIMARY KEY, response_id TEXT REFERENCES responses(id) ON DELETE CASCADE, name TEXT, arguments TEXT, tool_call_id TEXT);
CREATE TABLE tool_results (
  id INTEGER PRIMARY KEY, response_id TEXT REFERENCES responses(id) ON DELETE CASCADE, name TEXT, output TEXT, tool_call_id TEXT);
CREATE INDEX tool_calls_response ON tool_calls(response_id);
CREATE INDEX tool_results_response ON tool_results(response_id);
`

// migrate takes the steps that the database has not taken.
func (b *Book) migrate(ctx context.Context) error {
	version, err := b.version(ctx)
	if err != nil || version == len(migrations()) {
		return err
	}
	if version > len(migrations()) {
		return fmt.Errorf("a newer moed has written it (version %d, this one knows %d)", version, len(migrations()))
	}
	if version == 0 {
		if err := b.writeAhead(ctx); err != nil {
			return err
		}
	}
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing after Commit
	// Another process may have taken them meanwhile.
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	for ; version < len(migrations()); version++ {
		if _, err := tx.ExecContext(ctx, migrations()[version]); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
		return err
	}
	return tx.Commit()
}

func (b *Book) version(ctx context.Context) (version int, err error) {
	err = b.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

// writeAhead has readers and a writer not wait for each other. SQLite does not
// wait for other processes here, so this does.
func (b *Book) writeAhead(ctx context.Context) error {
	for deadline := time.Now().Add(patience); ; {
		var mode string
		err := b.db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
		var e *sqlite.Error
		busy := errors.As(err, &e) && e.Code()&0xff == lib.SQLITE_BUSY
		if !busy || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// write runs do in one transaction.
func (b *Book) write(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return plainly(err)
	}
	defer tx.Rollback() // nothing after Commit
	if err := do(tx); err != nil {
		return plainly(err)
	}
	return plainly(tx.Commit())
}
