package fetch

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Why a file is not fetched. Callers branch on these.
var (
	// ErrBusy is returned where another process fetches the same file.
	ErrBusy = errors.New("another process is fetching this file")
	// ErrOffline is returned where something would have to come over the network.
	ErrOffline = errors.New("not here, and the network is not to be used")
	// ErrStalled ends an attempt in which nothing came for a while.
	ErrStalled = errors.New("nothing came for too long")
	// ErrNoRanges is returned by Repair where the server sends whole files alone.
	ErrNoRanges = errors.New("the server sends no parts of files")
)

// RoomError is a disk that is too full. What came so far is kept.
type RoomError struct {
	Dir           string
	Needed, Found int64 // bytes; Needed holds what is to stay free
}

func (e *RoomError) Error() string {
	return fmt.Sprintf("no room in %s: %d bytes are needed and %d are free", e.Dir, e.Needed, e.Found)
}

// ExistsError is a file of that name that is not the one asked for.
type ExistsError struct{ Path, Why string }

func (e *ExistsError) Error() string {
	return fmt.Sprintf("%s is there already, and %s", e.Path, e.Why)
}
func (e *ExistsError) Unwrap() error { return fs.ErrExist }

// SumError is a file whose contents are not those wanted.
type SumError struct{ Path, Want, Found string }

func (e *SumError) Error() string {
	return fmt.Sprintf("%s: SHA-256 is %s, want %s", e.Path, e.Found, e.Want)
}

// FormatError is a file that is no model.
type FormatError struct{ Err error }

func (e *FormatError) Error() string { return e.Err.Error() }
func (e *FormatError) Unwrap() error { return e.Err }

// StatusError is an answer other than the file.
type StatusError struct {
	Status int
	Text   string
	After  time.Duration // the server asks to wait so long; or 0
}

func (e *StatusError) Error() string { return fmt.Sprintf("the server answers %s", e.Text) }

// passing reports whether the same request may succeed later.
func (e *StatusError) passing() bool {
	switch e.Status {
	case 408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524:
		return true
	}
	return false
}

// finalError is not worth another attempt.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

func final(err error) error {
	if err == nil {
		return nil
	}
	return finalError{err}
}
