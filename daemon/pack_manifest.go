package daemon

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

// diskManifest is the file beside a model that says which other files have
// copies of its experts. Without it the model is read from its own file alone.
type diskManifest struct {
	Version int            `json:"version"`
	Model   manifestModel  `json:"model"`
	Disks   []manifestDisk `json:"disks"`
}

// manifestModel is the model's file as it was when its experts were copied.
type manifestModel struct {
	Size   int64  `json:"size"`
	Time   int64  `json:"time"`   // of modification, in nanoseconds
	Header string `json:"header"` // SHA-256 of the bytes before the tensors
}

// manifestDisk is one file with experts.
type manifestDisk struct {
	Name   string `json:"name"`
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	Header string `json:"header"` // SHA-256 of the bytes before the tensors
}

const (
	manifestVersion = 1
	mostManifest    = 1 << 20 // bytes
	mostShards      = 63
	mostName        = 128 // bytes of a disk's name
)

// ManifestName is the name of the file beside a model that lists its disks.
func ManifestName(model string) string { return model + ".disks.json" }

// readDiskManifest reads the manifest of a model, nil where there is none.
func readDiskManifest(model string) (*diskManifest, error) {
	f, err := os.Open(ManifestName(model))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, mostManifest+1))
	if err != nil {
		return nil, err
	}
	m, err := parseDiskManifest(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return m, nil
}

// parseDiskManifest takes nothing that writeManifest would not have written.
func parseDiskManifest(b []byte) (*diskManifest, error) {
	if len(b) > mostManifest {
		return nil, fmt.Errorf("more than %d bytes", mostManifest)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	m := &diskManifest{}
	if err := d.Decode(m); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more behind its end")
	}
	if m.Version != manifestVersion {
		return nil, fmt.Errorf("version %d, want %d", m.Version, manifestVersion)
	}
	if len(m.Disks) == 0 || len(m.Disks) > mostShards {
		return nil, fmt.Errorf("found %d disks, want 1 to %d", len(m.Disks), mostShards)
	}
	if !isSum(m.Model.Header) || m.Model.Size < 0 {
		return nil, errors.New("does not say of which file it is")
	}
	names, paths := map[string]bool{}, map[string]bool{}
	for i := range m.Disks {
		x := &m.Disks[i]
		switch {
		case x.Name == "" || len(x.Name) > mostName || names[x.Name]:
			return nil, fmt.Errorf("disk %d: its name is empty, too long or another's", i)
		case !filepath.IsAbs(x.Path) || filepath.Clean(x.Path) != x.Path || paths[x.Path]:
			return nil, fmt.Errorf("disk %q: path %q: want an absolute one of its own", x.Name, x.Path)
		case x.Size <= 0 || !isSum(x.Header):
			return nil, fmt.Errorf("disk %q: does not say which file it has", x.Name)
		}
		names[x.Name], paths[x.Path] = true, true
	}
	return m, nil
}

func isSum(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32
}

// write puts the manifest beside the model, whole or not at all.
func (m *diskManifest) write(model string) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	name := ManifestName(model)
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*"+partialSuffix)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(name))
}
