package logbook

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"
)

// Fragment is a text that prompts share.
type Fragment struct {
	Hash    string   // SHA-256 of Content, 64 digits
	Content string   //
	Source  string   // where it came from: a path, - for standard input, or ""
	Aliases []string // as List and Fragment tell them
	Time    time.Time
}

// NewFragment is the fragment of that content.
func NewFragment(content, source string) Fragment {
	sum := sha256.Sum256([]byte(content))
	return Fragment{Hash: hex.EncodeToString(sum[:]), Content: content, Source: source}
}

// keep puts f into the book where it is not, and is its id there.
func keep(ctx context.Context, tx *sql.Tx, f Fragment) (id int64, err error) {
	if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO fragments (hash, content, datetime_utc, source) VALUES (?, ?, ?, ?)",
		f.Hash, f.Content, FormatTime(time.Now()), orNull(f.Source)); err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, "SELECT id FROM fragments WHERE hash = ?", f.Hash).Scan(&id)
	return id, err
}

func link(ctx context.Context, tx *sql.Tx, table, response string, fragments []Fragment) error {
	for i, f := range fragments {
		id, err := keep(ctx, tx, f)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO "+table+` (response_id, fragment_id, "order") VALUES (?, ?, ?)`, response, id, i); err != nil {
			return err
		}
	}
	return nil
}

func (b *Book) linked(ctx context.Context, table, response string) (list []Fragment, err error) {
	query := `SELECT f.hash, f.content, f.source FROM ` + table + ` p JOIN fragments f ON f.id = p.fragment_id WHERE p.response_id = ? ORDER BY p."order"`
	err = each(ctx, b.db, query, response, func(rows *sql.Rows) error {
		var f Fragment
		var source sql.NullString
		err := rows.Scan(&f.Hash, &f.Content, &source)
		f.Source = source.String
		list = append(list, f)
		return err
	})
	return list, err
}

// SetAlias keeps f and names it, in place of what had that name.
func (b *Book) SetAlias(ctx context.Context, alias string, f Fragment) error {
	return b.write(ctx, func(tx *sql.Tx) error {
		id, err := keep(ctx, tx, f)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO fragment_aliases (alias, fragment_id) VALUES (?, ?)", alias, id)
		return err
	})
}

// RemoveAlias forgets a name; its fragment stays.
func (b *Book) RemoveAlias(ctx context.Context, alias string) error {
	result, err := b.db.ExecContext(ctx, "DELETE FROM fragment_aliases WHERE alias = ?", alias)
	if err != nil {
		return plainly(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrNotFound)
	}
	return nil
}

// minHash is the shortest beginning of a hash that finds a fragment.
const minHash = 6

// Fragment is the one with that alias, or whose hash is or begins with key.
func (b *Book) Fragment(ctx context.Context, key string) (Fragment, error) {
	list, err := b.fragments(ctx, "WHERE f.id = (SELECT fragment_id FROM fragment_aliases WHERE alias = ?1)", key)
	if err == nil && len(list) == 0 && len(key) >= minHash {
		list, err = b.fragments(ctx, "WHERE substr(f.hash, 1, length(?1)) = ?1", key)
	}
	switch {
	case err != nil:
		return Fragment{}, err
	case len(list) == 0:
		return Fragment{}, ErrNotFound
	case len(list) > 1:
		return Fragment{}, errors.New("more than one fragment has a hash that begins so")
	}
	return list[0], nil
}

// Fragments are those that have text in content, source, alias or hash; all
// where it is "". The oldest is first.
func (b *Book) Fragments(ctx context.Context, text string) ([]Fragment, error) {
	return b.fragments(ctx, `WHERE instr(lower(f.content || ' ' || coalesce(f.source, '') || ' ' || f.hash || ' '
		|| coalesce((SELECT group_concat(alias) FROM fragment_aliases a WHERE a.fragment_id = f.id), '')), lower(?1)) > 0`, text)
}

func (b *Book) fragments(ctx context.Context, where, arg string) (list []Fragment, err error) {
	query := `SELECT f.hash, f.content, f.source, f.datetime_utc,
		(SELECT json_group_array(alias) FROM fragment_aliases a WHERE a.fragment_id = f.id) FROM fragments f ` + where + " ORDER BY f.id"
	err = each(ctx, b.db, query, arg, func(rows *sql.Rows) error {
		var f Fragment
		var source, at sql.NullString
		var aliases string
		if err := rows.Scan(&f.Hash, &f.Content, &source, &at, &aliases); err != nil {
			return err
		}
		f.Source = source.String
		f.Time, _ = time.Parse(timeFormat, at.String)
		list = append(list, f)
		return json.Unmarshal([]byte(aliases), &list[len(list)-1].Aliases)
	})
	return list, plainly(err)
}
