package logbook

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrNotFound is returned for what is not in the book.
var ErrNotFound = errors.New("not in the history")

// Query says which responses are wanted; its zero value is all of them.
type Query struct {
	Last         int    // the last so many; 0 is all
	Model        string // exactly
	Search       string // words that prompt or answer have, in FTS5's language where it is that
	Latest       bool   // with Search: the latest instead of the best
	Conversation string
	Fragments    []string // hashes: each was among the prompt's or the system's
	Schema       string   // id
	Calls        bool     // only those that called tools
	Tools        []string // each was called
	AfterID      string   // only those later
	FromID       string   // this one and those later
}

// List is the responses that q asks for, the oldest first; with Search the best
// last, or where Latest is set the latest.
func (b *Book) List(ctx context.Context, q Query) ([]Response, error) {
	list, err := b.list(ctx, q, q.Search)
	if err != nil && q.Search != "" && ctx.Err() == nil { // not in FTS5's language
		list, err = b.list(ctx, q, quoted(q.Search))
	}
	return list, plainly(err)
}

// quoted makes each word of text one to be found as it is.
func quoted(text string) string {
	var words []string
	for _, word := range strings.Fields(text) {
		words = append(words, `"`+strings.ReplaceAll(word, `"`, `""`)+`"`)
	}
	return strings.Join(words, " ")
}

const columns = `r.id, r.model, r.prompt, r.system, r.prompt_json, r.options_json, r.response, r.response_json, r.reasoning,
	r.conversation_id, c.name, c.model, r.duration_ms, r.datetime_utc, r.input_tokens, r.output_tokens, r.token_details, s.content, r.resolved_model`

func (b *Book) list(ctx context.Context, q Query, search string) ([]Response, error) {
	var where []string
	var args []any
	must := func(text string, arg any) { where = append(where, text); args = append(args, arg) }
	from := "responses r LEFT JOIN conversations c ON c.id = r.conversation_id LEFT JOIN schemas s ON s.id = r.schema_id"
	order := "r.id DESC"
	if search != "" {
		from += " JOIN responses_fts ON responses_fts.rowid = r.rowid"
		must("responses_fts MATCH ?", search)
		if !q.Latest {
			order = "responses_fts.rank, r.id DESC"
		}
	}
	for _, f := range []struct{ text, value string }{
		{"r.model = ?", q.Model}, {"r.conversation_id = ?", q.Conversation}, {"r.schema_id = ?", q.Schema}, {"r.id > ?", q.AfterID}, {"r.id >= ?", q.FromID},
	} {
		if f.value != "" {
			must(f.text, f.value)
		}
	}
	for _, hash := range q.Fragments {
		must(`EXISTS (SELECT 1 FROM (SELECT * FROM prompt_fragments UNION ALL SELECT * FROM system_fragments) p
			JOIN fragments f ON f.id = p.fragment_id WHERE p.response_id = r.id AND f.hash = ?)`, hash)
	}
	if q.Calls {
		where = append(where, "EXISTS (SELECT 1 FROM tool_calls t WHERE t.response_id = r.id)")
	}
	for _, name := range q.Tools {
		must("EXISTS (SELECT 1 FROM tool_calls t WHERE t.response_id = r.id AND t.name = ?)", name)
	}
	text := "SELECT " + columns + " FROM " + from
	if where != nil {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	text += " ORDER BY " + order
	if q.Last > 0 {
		text += fmt.Sprintf(" LIMIT %d", q.Last)
	}
	list, err := b.scan(ctx, text, args)
	if err != nil {
		return nil, err
	}
	slices.Reverse(list)
	for i := range list {
		if err := b.complete(ctx, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (b *Book) scan(ctx context.Context, text string, args []any) (list []Response, err error) {
	rows, err := b.db.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r Response
		var model, prompt, system, request, options, answer, details, reasoning, cid, cname, cmodel, at, tokens, schema, resolved sql.NullString
		var duration, input, output sql.NullInt64
		if err := rows.Scan(&r.ID, &model, &prompt, &system, &request, &options, &answer, &details, &reasoning,
			&cid, &cname, &cmodel, &duration, &at, &input, &output, &tokens, &schema, &resolved); err != nil {
			return nil, err
		}
		r.Model, r.Prompt, r.System, r.Text, r.Reasoning = model.String, prompt.String, system.String, answer.String, reasoning.String
		r.Resolved = resolved.String
		r.Request, r.Options, r.Details = jsonOf(request), jsonOf(options), jsonOf(details)
		r.TokenDetails, r.Schema = jsonOf(tokens), jsonOf(schema)
		r.Conversation = Conversation{cid.String, cname.String, cmodel.String}
		r.Duration = time.Duration(duration.Int64) * time.Millisecond
		r.Input, r.Output = int(input.Int64), int(output.Int64)
		r.Time, _ = time.Parse(timeFormat, at.String) // zero for one that somebody else wrote
		list = append(list, r)
	}
	return list, rows.Err()
}

// jsonOf is nil for what is no JSON, which others may have written.
func jsonOf(text sql.NullString) json.RawMessage {
	if !text.Valid || !json.Valid([]byte(text.String)) {
		return nil
	}
	return json.RawMessage(text.String)
}

// complete reads what other tables have of r.
func (b *Book) complete(ctx context.Context, r *Response) (err error) {
	if r.Fragments, err = b.linked(ctx, "prompt_fragments", r.ID); err != nil {
		return err
	}
	if r.SystemFragments, err = b.linked(ctx, "system_fragments", r.ID); err != nil {
		return err
	}
	err = each(ctx, b.db, "SELECT name, arguments, tool_call_id FROM tool_calls WHERE response_id = ? ORDER BY id", r.ID, func(rows *sql.Rows) error {
		var c ToolCall
		err := rows.Scan(&c.Name, &c.Arguments, &c.ID)
		r.Calls = append(r.Calls, c)
		return err
	})
	if err != nil {
		return err
	}
	return each(ctx, b.db, "SELECT name, output, tool_call_id FROM tool_results WHERE response_id = ? ORDER BY id", r.ID, func(rows *sql.Rows) error {
		var t ToolResult
		err := rows.Scan(&t.Name, &t.Output, &t.ID)
		r.Results = append(r.Results, t)
		return err
	})
}

// each calls do for every row of a query with one argument.
func each(ctx context.Context, db *sql.DB, query string, arg any, do func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, query, arg)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Latest is the conversation that had the last response.
func (b *Book) Latest(ctx context.Context) (Conversation, error) {
	return b.conversation(ctx, "SELECT id, name, model FROM conversations WHERE id = (SELECT conversation_id FROM responses ORDER BY id DESC LIMIT 1)")
}

// Conversation is the one of that ID.
func (b *Book) Conversation(ctx context.Context, id string) (Conversation, error) {
	return b.conversation(ctx, "SELECT id, name, model FROM conversations WHERE id = ?", id)
}

func (b *Book) conversation(ctx context.Context, query string, args ...any) (c Conversation, err error) {
	var name, model sql.NullString
	err = b.db.QueryRowContext(ctx, query, args...).Scan(&c.ID, &name, &model)
	if errors.Is(err, sql.ErrNoRows) {
		return c, ErrNotFound
	}
	c.Name, c.Model = name.String, model.String
	return c, plainly(err)
}
