package prefix

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// SpillOptions say what a Spill is for.
type SpillOptions struct {
	// Model names everything that a state depends on: the file's contents, the
	// type of its keys and values, the build. Files of another are removed.
	Model string
	// Bytes is how much the files may have together; 0 is 4 GiB.
	Bytes int64
}

const (
	defaultSpill = 4 << 30
	spillEnding  = ".prefix"
	tempEnding   = ".tmp"
)

// Spill is a directory of states in files, of one model. Its methods may be
// called by several goroutines; one works at a time.
type Spill struct {
	mu    sync.Mutex
	root  *os.Root
	model string
	most  int64
}

// Spilled is a State that can be written to a file: keys and values, in a form
// that the function given to Restore reads.
type Spilled interface {
	State
	io.WriterTo
}

// OpenSpill opens a directory, or makes it, for its owner alone. It removes what
// an end in the midst of writing has left.
func OpenSpill(dir string, o SpillOptions) (*Spill, error) {
	if len(o.Model) > longestText {
		return nil, fmt.Errorf("spill prefixes: the model's name has %d bytes, want at most %d", len(o.Model), longestText)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("spill prefixes: %w", err)
	}
	// It may have been there, open to others.
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("spill prefixes: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("spill prefixes: %w", err)
	}
	s := &Spill{root: root, model: o.Model, most: cmp.Or(max(o.Bytes, 0), defaultSpill)}
	if err := s.clean(); err != nil {
		return nil, errors.Join(fmt.Errorf("spill prefixes: %w", err), root.Close())
	}
	return s, nil
}

// Close closes the directory. The files stay.
func (s *Spill) Close() error { return s.root.Close() }

// clean removes files that were never finished.
func (s *Spill) clean() error {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), spillEnding+tempEnding) {
			err = errors.Join(err, s.root.Remove(e.Name()))
		}
	}
	return err
}

// spilledFile is a file of the directory.
type spilledFile struct {
	name string
	size int64
	at   time.Time
}

// files lists what there is, the oldest first.
func (s *Spill) files() ([]spilledFile, error) {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var list []spilledFile
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !strings.HasSuffix(e.Name(), spillEnding) {
			continue
		}
		list = append(list, spilledFile{name: e.Name(), size: info.Size(), at: info.ModTime()})
	}
	slices.SortStableFunc(list, func(a, b spilledFile) int { return a.at.Compare(b.at) })
	return list, nil
}

// Bytes is what the files have together.
func (s *Spill) Bytes() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := s.files()
	total := int64(0)
	for _, f := range list {
		total += f.size
	}
	return total, err
}

// Save writes a state to a file of its own, which is there whole or not at all.
// Older files go where the directory would have too much, and a state that is too
// large for it is left out, which is no error. The state must stay open.
func (s *Spill) Save(owner Owner, state Spilled) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := fileSize(s.model, owner, state)
	if size > s.most {
		return nil
	}
	if err := s.makeRoom(size); err != nil {
		return fmt.Errorf("spill a prefix: %w", err)
	}
	name := randomName()
	err := s.write(name+tempEnding, owner, state)
	if err == nil {
		err = s.root.Rename(name+tempEnding, name)
	}
	if err == nil {
		err = s.makeRoom(0) // where the state has written more than it said
	}
	if err != nil {
		return errors.Join(fmt.Errorf("spill a prefix: %w", err), present(s.root.Remove(name+tempEnding)))
	}
	s.syncDir()
	return nil
}

// present is err, but for that of a file that is not there.
func present(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func randomName() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:]) + spillEnding
}

func (s *Spill) write(name string, owner Owner, state Spilled) (err error) {
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := writeState(f, s.model, owner, state); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir has the names survive a loss of power. Where the system cannot, what is
// lost is a prefix that will be computed again.
func (s *Spill) syncDir() {
	if d, err := s.root.Open("."); err == nil {
		_ = d.Sync()
		d.Close()
	}
}

// makeRoom removes the oldest files until size more fits.
func (s *Spill) makeRoom(size int64) error {
	list, err := s.files()
	if err != nil {
		return err
	}
	total := size
	for _, f := range list {
		total += f.size
	}
	for _, f := range list {
		if total <= s.most {
			break
		}
		if err := present(s.root.Remove(f.name)); err != nil {
			return err
		}
		total -= f.size
	}
	return nil
}

// Restored is what Restore has found.
type Restored struct {
	States  int // read, and handed on
	Damaged int // files that were no good: cut off, changed, of another model
}

// Restore reads the states of a directory, the latest first, with load, which
// makes one of its tokens and what its WriteTo has written, and hands each to
// put, which owns it then. Files are removed once they have been read, or where
// they are damaged. An error of load ends it where the file is not to blame, and
// so does ctx; what has not been read stays for another time.
func Restore[S State](ctx context.Context, s *Spill, load func(tokens []int32, r io.Reader) (S, error), put func(Owner, S)) (found Restored, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := s.files()
	slices.Reverse(list)
	for _, f := range list {
		if err := ctx.Err(); err != nil {
			return found, err
		}
		owner, state, err := restoreFile(s, f.name, load)
		switch {
		case errors.Is(err, errDamaged):
			found.Damaged++
		case err != nil:
			return found, fmt.Errorf("restore a prefix: %w", err)
		default:
			found.States++
			put(owner, state)
		}
		if err := present(s.root.Remove(f.name)); err != nil {
			return found, fmt.Errorf("restore a prefix: %w", err)
		}
	}
	return found, err
}

func restoreFile[S State](s *Spill, name string, load func(tokens []int32, r io.Reader) (S, error)) (owner Owner, state S, err error) {
	f, err := s.root.Open(name)
	if err != nil {
		return owner, state, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return owner, state, err
	}
	return readState(f, info.Size(), s.model, load)
}
