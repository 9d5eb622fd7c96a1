package fetch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	fileMode = 0o644 // models are no secret, and a daemon may run as another user

	checkpointTime  = time.Second
	checkpointBytes = chunkSize

	maxJournal = 16 << 20 // bytes
)

// journal is what is known of a part. All it speaks of is on the disk.
type journal struct {
	Version int `json:"version"`
	identity
	Ended bool      `json:"ended"` // all of it is there and right
	Sums  sumsState `json:"sums"`
}

// part is a file on its way. The process that has it open has it locked.
type part struct {
	to     string // the name it gets in the end
	f      *os.File
	is     identity
	sums   *sums
	read   int64 // bytes that were there when the part was opened
	wrote  time.Time
	synced int64 // bytes at the last checkpoint
	lost   int64 // bytes of a part that was of no use
}

func partPath(to string) string    { return to + ".part" }
func journalPath(to string) string { return to + ".part.json" }
func linkPath(to string) string    { return to + ".link" }

// openPart opens the part of to, and goes on after its last checkpoint where it
// is one from the same place. from is where the file comes from.
func openPart(to string, chunk int64, from string) (*part, error) {
	f, err := os.OpenFile(partPath(to), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	p := &part{to: to, f: f, wrote: time.Now()}
	if err := p.take(); err != nil {
		f.Close()
		return nil, err
	}
	j, err := readJournal(to)
	if err == nil {
		p.sums, err = j.Sums.sums()
	}
	info, statErr := f.Stat()
	switch {
	case statErr != nil:
		f.Close()
		return nil, statErr
	case err != nil || j.From != from || j.Sums.Chunk != chunk || info.Size() < p.sums.done:
		p.lost = info.Size()
		return p, p.reset(identity{From: from, Size: -1}, chunk)
	}
	p.is, p.read, p.synced = j.identity, p.sums.done, p.sums.done
	// What was written after the checkpoint may not have come to the disk.
	if err := f.Truncate(p.read); err != nil {
		f.Close()
		return nil, err
	}
	return p, nil
}

// take locks the part. A part that another process gave its name meanwhile is
// not touched.
func (p *part) take() error {
	locked, err := lock(p.f)
	if err != nil {
		return fmt.Errorf("lock %s: %w", p.f.Name(), err)
	}
	opened, err := p.f.Stat()
	if err != nil {
		return err
	}
	named, err := os.Stat(p.f.Name())
	if !locked || err != nil || !os.SameFile(opened, named) {
		return fmt.Errorf("%s: %w", p.to, ErrBusy)
	}
	if !opened.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", p.f.Name())
	}
	return nil
}

// readJournal is the journal of to, whatever it says of its sums.
func readJournal(to string) (*journal, error) {
	f, err := os.Open(journalPath(to))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxJournal))
	if err != nil {
		return nil, err
	}
	return parseJournal(text)
}

func parseJournal(text []byte) (*journal, error) {
	j := &journal{}
	if err := json.Unmarshal(text, j); err != nil {
		return nil, err
	}
	if j.Version != manifestVersion || j.Size < -1 || j.Size >= 0 && j.Sums.Done > j.Size {
		return nil, errors.New("not a journal")
	}
	return j, nil
}

// reset begins again, with a source of that identity.
func (p *part) reset(is identity, chunk int64) error {
	p.is, p.sums, p.read, p.synced = is, newSums(chunk), 0, 0
	if err := os.Remove(journalPath(p.to)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return p.f.Truncate(0)
}

// done is how many bytes are there.
func (p *part) done() int64 { return p.sums.done }

// whole reports whether all is there, where that is known.
func (p *part) whole() bool { return p.is.Size >= 0 && p.done() == p.is.Size }

// Write appends b, and from time to time makes sure of what is there.
func (p *part) Write(b []byte) (int, error) {
	if _, err := p.f.WriteAt(b, p.done()); err != nil {
		return 0, p.explain(err, int64(len(b)))
	}
	p.sums.Write(b)
	if p.done()-p.synced >= checkpointBytes || time.Since(p.wrote) >= checkpointTime {
		return len(b), p.checkpoint(false)
	}
	return len(b), nil
}

// checkpoint puts the part on the disk, and then the journal that says so.
func (p *part) checkpoint(ended bool) error {
	if err := p.f.Sync(); err != nil {
		return p.explain(err, 0)
	}
	state, err := p.sums.state()
	if err != nil {
		return err
	}
	text, err := json.Marshal(journal{Version: manifestVersion, identity: p.is, Ended: ended, Sums: state})
	if err != nil {
		return err
	}
	if err := replace(journalPath(p.to), text); err != nil {
		return p.explain(err, int64(len(text)))
	}
	p.wrote, p.synced = time.Now(), p.done()
	return nil
}

// explain names the disk where it is full.
func (p *part) explain(err error, more int64) error {
	if !isFull(err) {
		return err
	}
	dir := filepath.Dir(p.to)
	return &RoomError{Dir: dir, Needed: max(more, p.is.Size-p.done()), Found: max(0, free(dir))}
}

// room checks that what is missing fits, and leaves reserve bytes.
func (p *part) room(reserve int64) error {
	dir := filepath.Dir(p.to)
	found := free(dir)
	need := max(0, p.is.Size-p.done()) + reserve
	if found >= 0 && found < need {
		return &RoomError{Dir: dir, Needed: need, Found: found}
	}
	return nil
}

// finish gives the part, which is on the disk, its name, and then its manifest.
// Where the process ends between the two, recoverManifest does what is left.
func (p *part) finish() (*Manifest, error) {
	if err := p.checkpoint(true); err != nil {
		return nil, err
	}
	if err := p.f.Close(); err != nil {
		return nil, err
	}
	if err := os.Rename(partPath(p.to), p.to); err != nil {
		return nil, err
	}
	if err := syncDir(filepath.Dir(p.to)); err != nil {
		return nil, err
	}
	m := p.sums.manifest()
	if err := m.Write(p.to); err != nil {
		return nil, err
	}
	return m, os.Remove(journalPath(p.to))
}

// recoverManifest writes the manifest that the end of another process left unwritten.
func recoverManifest(to string) error {
	j, err := readJournal(to)
	if err != nil || !j.Ended {
		return nil
	}
	info, err := os.Stat(to)
	if err != nil || info.Size() != j.Sums.Done {
		return nil
	}
	if _, err := os.Stat(partPath(to)); !errors.Is(err, fs.ErrNotExist) {
		return nil // it is of another file that is on its way
	}
	s, err := j.Sums.sums()
	if err != nil {
		return nil
	}
	if err := s.manifest().Write(to); err != nil {
		return err
	}
	return os.Remove(journalPath(to))
}

// close keeps what is there for another time.
func (p *part) close() {
	if p.done() == 0 {
		p.f.Close()
		os.Remove(partPath(p.to))
		return
	}
	p.checkpoint(false) // where that fails, the one before counts
	p.f.Close()
}
