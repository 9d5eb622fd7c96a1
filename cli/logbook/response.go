package logbook

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// Conversation is a sequence of responses.
type Conversation struct {
	ID    string `json:"id"`
	Name  string `json:"name"` // the beginning of its first prompt
	Model string `json:"model"`
}

// Response is one prompt and its answer.
type Response struct {
	ID           string // NewID
	Model        string
	Prompt       string // without its fragments
	System       string
	Request      json.RawMessage // what prompt_json is; nil for none
	Options      json.RawMessage // an object; nil for none
	Text         string
	Details      json.RawMessage // what response_json is; nil for none
	Reasoning    string
	Conversation Conversation
	Duration     time.Duration
	Time         time.Time
	Input        int             // tokens
	Output       int             // tokens
	TokenDetails json.RawMessage // nil for none
	Schema       json.RawMessage // nil for none

	Fragments       []Fragment
	SystemFragments []Fragment
	Calls           []ToolCall   // that the answer asks for
	Results         []ToolResult // of the calls before, which this answers
	Resolved        string       // the file that Model was, or ""
}

// ToolCall is a model's wish to have a tool called.
type ToolCall struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"` // JSON
	ID        string `json:"tool_call_id"`
}

// ToolResult is what a tool gave back.
type ToolResult struct {
	Name   string `json:"name"`
	Output string `json:"output"`
	ID     string `json:"tool_call_id"`
}

// NewID is a fresh identifier: a ULID in lower case.
func NewID() string { return strings.ToLower(ulid.Make().String()) }

// timeFormat has all times of one length, so that they sort as text.
const timeFormat = "2006-01-02T15:04:05.000000+00:00"

// FormatTime is t as the database has it.
func FormatTime(t time.Time) string { return t.UTC().Format(timeFormat) }

// Add puts responses into the book, with their conversation where it is not in
// it, and with their fragments and schema: all of them or none.
func (b *Book) Add(ctx context.Context, responses ...Response) error {
	return b.write(ctx, func(tx *sql.Tx) error {
		for _, r := range responses {
			if err := add(ctx, tx, &r); err != nil {
				return err
			}
		}
		return nil
	})
}

func add(ctx context.Context, tx *sql.Tx, r *Response) error {
	c := r.Conversation
	if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO conversations (id, name, model) VALUES (?, ?, ?)", c.ID, c.Name, c.Model); err != nil {
		return err
	}
	var schema any
	if r.Schema != nil {
		id := SchemaID(r.Schema)
		schema = id
		if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO schemas (id, content) VALUES (?, ?)", id, string(compact(r.Schema))); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO responses
		(id, model, prompt, system, prompt_json, options_json, response, response_json, reasoning, conversation_id,
		 duration_ms, datetime_utc, input_tokens, output_tokens, token_details, schema_id, resolved_model)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Model, r.Prompt, orNull(r.System), orNull(string(r.Request)), orNull(string(r.Options)), r.Text, orNull(string(r.Details)),
		orNull(r.Reasoning), c.ID, r.Duration.Milliseconds(), FormatTime(r.Time), r.Input, r.Output, orNull(string(r.TokenDetails)), schema, orNull(r.Resolved))
	if err != nil {
		return err
	}
	if err := link(ctx, tx, "prompt_fragments", r.ID, r.Fragments); err != nil {
		return err
	}
	if err := link(ctx, tx, "system_fragments", r.ID, r.SystemFragments); err != nil {
		return err
	}
	for _, call := range r.Calls {
		if _, err := tx.ExecContext(ctx, "INSERT INTO tool_calls (response_id, name, arguments, tool_call_id) VALUES (?, ?, ?, ?)", r.ID, call.Name, call.Arguments, call.ID); err != nil {
			return err
		}
	}
	for _, result := range r.Results {
		if _, err := tx.ExecContext(ctx, "INSERT INTO tool_results (response_id, name, output, tool_call_id) VALUES (?, ?, ?, ?)", r.ID, result.Name, result.Output, result.ID); err != nil {
			return err
		}
	}
	return nil
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// compact is JSON without the spaces that mean nothing.
func compact(value json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, value) != nil {
		return value
	}
	return b.Bytes()
}

// Purge deletes the responses from before a time, and what only they had:
// conversations, fragments without an alias, schemas. What was deleted is gone
// from the file, too.
func (b *Book) Purge(ctx context.Context, before time.Time) (deleted int, err error) {
	err = b.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "DELETE FROM responses WHERE datetime_utc < ?", FormatTime(before))
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		deleted = int(n)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			DELETE FROM conversations WHERE id NOT IN (SELECT conversation_id FROM responses);
			DELETE FROM schemas WHERE id NOT IN (SELECT schema_id FROM responses WHERE schema_id IS NOT NULL);
			DELETE FROM fragments WHERE id NOT IN (SELECT fragment_id FROM prompt_fragments
				UNION SELECT fragment_id FROM system_fragments UNION SELECT fragment_id FROM fragment_aliases);`)
		return err
	})
	if err != nil {
		return 0, err
	}
	// The write-ahead log has old pages, too.
	for _, statement := range []string{"VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if _, err := b.db.ExecContext(ctx, statement); err != nil {
			return deleted, plainly(err)
		}
	}
	return deleted, nil
}
