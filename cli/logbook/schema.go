package logbook

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"

	"lukechampine.com/blake3"
)

// Schema is a JSON schema that answers followed.
type Schema struct {
	ID      string          `json:"id"`
	Content json.RawMessage `json:"schema"`
	Uses    int             `json:"times_used"`
	Latest  string          `json:"recently_used"` // when, as the database has it
}

// SchemaID is the name of a schema: a digest of its content, 32 digits.
func SchemaID(content json.RawMessage) string {
	sum := blake3.Sum256(compact(content))
	return hex.EncodeToString(sum[:16])
}

// Schemas are all of them, the one used last at the end.
func (b *Book) Schemas(ctx context.Context) (list []Schema, err error) {
	query := `SELECT s.id, s.content, count(*), max(r.datetime_utc) FROM schemas s JOIN responses r ON r.schema_id = s.id
		GROUP BY s.id ORDER BY max(r.id) LIMIT ?`
	err = each(ctx, b.db, query, -1, func(rows *sql.Rows) error {
		var s Schema
		var content string
		var latest sql.NullString
		err := rows.Scan(&s.ID, &content, &s.Uses, &latest)
		s.Content, s.Latest = json.RawMessage(content), latest.String
		list = append(list, s)
		return err
	})
	return list, plainly(err)
}

// Schema is the content of the one of that ID.
func (b *Book) Schema(ctx context.Context, id string) (json.RawMessage, error) {
	var content string
	err := b.db.QueryRowContext(ctx, "SELECT content FROM schemas WHERE id = ?", id).Scan(&content)
	if err == sql.ErrNoRows {
		return nil, ErrNotFound
	}
	return json.RawMessage(content), plainly(err)
}
