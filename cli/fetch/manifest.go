package fetch

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	manifestVersion = 1
	chunkSize       = 64 << 20 // bytes

	maxManifest = 16 << 20 // bytes of JSON
	maxChunk    = 1 << 30  // bytes; Repair holds one in memory
)

// Manifest is the SHA-256 of a file and of its chunks, in hexadecimal.
type Manifest struct {
	Version int      `json:"version"`
	Size    int64    `json:"size"`  // bytes
	Chunk   int64    `json:"chunk"` // bytes of each chunk but the last
	SHA256  string   `json:"sha256"`
	Chunks  []string `json:"chunks"`
}

// ManifestPath is where the manifest of the file at path is.
func ManifestPath(path string) string { return path + ".moed" }

// ReadManifest is the manifest of the file at path. Where there is none the
// error is fs.ErrNotExist.
func ReadManifest(path string) (*Manifest, error) {
	f, err := os.Open(ManifestPath(path))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return nil, err
	}
	m, err := ParseManifest(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ManifestPath(path), err)
	}
	return m, nil
}

// ParseManifest reads text and checks that it fits together.
func ParseManifest(text []byte) (*Manifest, error) {
	if len(text) > maxManifest {
		return nil, fmt.Errorf("longer than the %d bytes that a manifest may have", maxManifest)
	}
	m := &Manifest{}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("not a manifest: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not a manifest: something follows it")
	}
	return m, m.check()
}

func (m *Manifest) check() error {
	switch {
	case m.Version != manifestVersion:
		return fmt.Errorf("manifest of version %d, this moed knows %d", m.Version, manifestVersion)
	case m.Size < 0:
		return fmt.Errorf("manifest of a file of %d bytes", m.Size)
	case m.Chunk < 1 || m.Chunk > maxChunk:
		return fmt.Errorf("manifest with chunks of %d bytes, want 1 to %d", m.Chunk, maxChunk)
	case int64(len(m.Chunks)) != count(m.Size, m.Chunk):
		return fmt.Errorf("manifest of %d chunks, %d bytes have %d", len(m.Chunks), m.Size, count(m.Size, m.Chunk))
	}
	if err := CheckSum(m.SHA256); err != nil {
		return err
	}
	for i, sum := range m.Chunks {
		if err := CheckSum(sum); err != nil {
			return fmt.Errorf("chunk %d: %w", i, err)
		}
	}
	return nil
}

// CheckSum reports whether sum is a SHA-256 in lower-case hexadecimal.
func CheckSum(sum string) error {
	if _, err := hex.DecodeString(sum); err != nil || len(sum) != 64 || bytes.ContainsAny([]byte(sum), "ABCDEF") {
		return fmt.Errorf("found %q, want the 64 hexadecimal digits of a SHA-256", sum)
	}
	return nil
}

// count is how many chunks size bytes have.
func count(size, chunk int64) int64 {
	n := size / chunk
	if size%chunk > 0 {
		n++
	}
	return n
}

// span is where chunk i begins and how long it is.
func (m *Manifest) span(i int) (start, length int64) {
	start = int64(i) * m.Chunk
	return start, min(m.Chunk, m.Size-start)
}

// Write puts m beside the file at path, whole or not at all.
func (m *Manifest) Write(path string) error {
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	return replace(ManifestPath(path), append(text, '\n'))
}

// asidePath is one name, so that processes that end leave no more than one file.
func asidePath(path string) string { return path + ".tmp" }

// replace puts content into the file at path; whoever reads meanwhile, and
// whatever ends the process, finds the old content or the new.
func replace(path string, content []byte) error {
	aside := asidePath(path)
	f, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(aside, path)
	}
	if err != nil {
		os.Remove(aside)
		return err
	}
	return syncDir(filepath.Dir(path))
}

// Beside are the files that there may be beside the one at path because of it.
func Beside(path string) []string {
	return []string{ManifestPath(path), partPath(path), journalPath(path), linkPath(path), asidePath(ManifestPath(path)), asidePath(journalPath(path))}
}
