package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"moed/moe"
	"moed/moe/gguf"
	"moed/moe/stories"
	"moed/predictor/path"
)

const pathSuffix = ".path"

// identityOf says whose path the file's at model is; "" is the built-in model.
func identityOf(model string) (path.Identity, error) {
	if model != "" {
		h, err := readHeader(model)
		if err != nil {
			return path.Identity{}, err
		}
		id, err := pathIdentity(filepath.Base(model), h.file)
		if err != nil {
			return id, fmt.Errorf("%s: %w", model, err)
		}
		return id, nil
	}
	m, err := moe.FromBytes(stories.Name, stories.GGUF(), moe.Options{Threads: 1})
	if err != nil {
		return path.Identity{}, err
	}
	id, err := pathIdentity(stories.Name, m.File().File)
	return id, errors.Join(err, m.Close())
}

// pathIdentity says whose path a model's is. A packed file is the same model as
// the one it was packed from.
func pathIdentity(name string, f *gguf.File) (path.Identity, error) {
	c, err := moe.ReadConfig(f)
	if err != nil {
		return path.Identity{}, err
	}
	if c.Experts == 0 {
		return path.Identity{}, errors.New("it has no routed experts, so there is nothing to foretell")
	}
	table, err := moe.ExpertTable(f, c)
	if err != nil {
		return path.Identity{}, err
	}
	id := path.Identity{Name: name, Arch: c.Architecture, Fingerprint: fingerprint(f, table), TopK: c.TopK}
	if t, ok := f.Tensor("token_embd.weight"); ok && len(t.Dims) == 2 {
		id.Vocab = t.Dims[1]
	}
	for i := range table.Layers {
		id.Experts = append(id.Experts, table.Layers[i].Experts)
	}
	return id, nil
}

// pathPlaces are where the path of a model is looked for, in order: beside the
// model, and in the directory for the user's state, for models in directories
// that the user may not write to, and for the built-in one.
func pathPlaces(model, fingerprint string) ([]string, error) {
	var places []string
	if model != "" {
		places = append(places, model+pathSuffix)
	}
	dir, err := stateDir()
	if err != nil {
		return places, err
	}
	return append(places, filepath.Join(dir, "moed", "paths", fingerprint+pathSuffix)), nil
}

// findPath loads the path of a model from the first place that has one. It is
// nil where none has. Its error is that of a file that cannot be used: broken,
// or of another model.
func findPath(model string, id path.Identity) (*path.Model, error) {
	places, _ := pathPlaces(model, id.Fingerprint) // a user without a home has the first
	for _, name := range places {
		if m, err := path.Load(name, id); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return m, err
		}
	}
	return nil, nil
}

// out is where the result goes: to o.Out, or to the first place that can be
// written to.
func (o *TrainOptions) out(id *path.Identity) (string, error) {
	if o.Out != "" {
		if dir := filepath.Dir(o.Out); !writable(dir) { // said now and not after the training
			return "", fmt.Errorf("%s: no file can be made in %s", o.Out, dir)
		}
		return o.Out, replaceable(o.Out)
	}
	places, err := pathPlaces(o.Model, id.Fingerprint)
	for _, name := range places {
		if name != o.Model+pathSuffix {
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				return "", err
			}
		}
		if writable(filepath.Dir(name)) {
			return name, replaceable(name)
		}
	}
	return "", errors.Join(errors.New("found no directory to write to"), err)
}

// writable reports whether files can be made in dir.
func writable(dir string) bool {
	f, err := os.CreateTemp(dir, ".new-*"+pathSuffix)
	if err != nil {
		return false
	}
	f.Close()
	return os.Remove(f.Name()) == nil
}

// replaceable refuses a name under which there is something else than a path.
func replaceable(name string) error {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := path.Read(f); err != nil {
		return fmt.Errorf("%s: %w: %w", name, ErrTrainOut, err)
	}
	return nil
}
