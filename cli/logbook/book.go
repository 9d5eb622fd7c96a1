package logbook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite" // also registers the driver
	lib "modernc.org/sqlite/lib"
)

// Book is an open database.
type Book struct {
	db   *sql.DB
	path string
}

// patience is how long a process waits for another one's transaction.
const patience = 3 * time.Second

// Open opens the database at path and makes it where there is none. Close
// gives it back.
func Open(ctx context.Context, path string) (*Book, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	// SQLite gives the files that it puts beside the database its permissions.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return open(ctx, path, source(path))
}

// OpenExisting opens the database at path; where there is none the error is
// fs.ErrNotExist. One that may not be written is opened to be read alone.
func OpenExisting(ctx context.Context, path string) (*Book, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	b, err := open(ctx, path, source(path))
	if cannotWrite(err) && complete(path) {
		return open(ctx, path, source(path)+"&mode=ro&immutable=1")
	}
	return b, err
}

// cannotWrite reports whether err is that SQLite wants files beside the database
// where it may not make them.
func cannotWrite(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == lib.SQLITE_READONLY || e.Code()&0xff == lib.SQLITE_CANTOPEN)
}

// complete reports whether all of the database is in its one file: others write
// first to the one beside it.
func complete(path string) bool {
	info, err := os.Stat(path + "-wal")
	return errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0
}

func open(ctx context.Context, path, source string) (_ *Book, err error) {
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, err
	}
	b := &Book{db: db, path: path}
	if err := b.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, plainly(err)), db.Close())
	}
	return b, nil
}

// source names the database at path to the driver. Deleted text is overwritten,
// and transactions take the lock for writing when they begin, so that none
// fails half-way.
func source(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	path = filepath.ToSlash(path)
	if path[0] != '/' { // a drive
		path = "/" + path
	}
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds()), "foreign_keys(1)", "secure_delete(1)", "synchronous(NORMAL)"}}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// Close gives the database back.
func (b *Book) Close() error { return b.db.Close() }

// Path is where the database is.
func (b *Book) Path() string { return b.path }

// Backup writes a copy as of now to a new file.
func (b *Book) Backup(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if _, err := b.db.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return errors.Join(plainly(err), os.Remove(path))
	}
	return nil
}

// Status is how much is in a Book.
type Status struct {
	Conversations int   `json:"conversations"`
	Responses     int   `json:"responses"`
	Bytes         int64 `json:"bytes"`
}

// Status counts.
func (b *Book) Status(ctx context.Context) (s Status, err error) {
	row := b.db.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM conversations), (SELECT count(*) FROM responses)")
	if err := row.Scan(&s.Conversations, &s.Responses); err != nil {
		return s, plainly(err)
	}
	for _, name := range []string{b.path, b.path + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			s.Bytes += info.Size()
		} else if !errors.Is(err, fs.ErrNotExist) {
			return s, err
		}
	}
	return s, nil
}

// plainly says what SQLite's common errors mean.
func plainly(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return fmt.Errorf("another process is writing to it: %w", err)
	case lib.SQLITE_NOTADB, lib.SQLITE_CORRUPT:
		return fmt.Errorf("not a database, or a damaged one: %w", err)
	case lib.SQLITE_READONLY, lib.SQLITE_PERM, lib.SQLITE_CANTOPEN:
		return fmt.Errorf("cannot be written: %w", err)
	case lib.SQLITE_FULL:
		return fmt.Errorf("the disk is full: %w", err)
	}
	return err
}
