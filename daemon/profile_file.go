package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"moed/moe"
	"moed/moe/expert"
	"moed/moe/gguf"
	"moed/predictor/profile"
)

// modelOf says whose profile a model's is. A packed file is the same model as
// the one it was packed from.
func modelOf(h *header, t *expert.Table) (profile.Model, error) {
	arch, err := h.file.String("general.architecture")
	if err != nil {
		return profile.Model{}, err
	}
	m := profile.Model{Arch: arch, Fingerprint: fingerprint(h.file, t)}
	for i := range t.Layers {
		m.Experts = append(m.Experts, t.Layers[i].Experts)
	}
	return m, nil
}

// fingerprint tells models apart by what their files say: the metadata, but for
// the tokenizer's and the contents of lists, and the shapes of the tensors. It
// does not depend on where anything lies.
func fingerprint(f *gguf.File, t *expert.Table) string {
	var lines []string
	for _, key := range f.Keys() {
		if strings.HasPrefix(key, "moed.") || strings.HasPrefix(key, "tokenizer.") || key == "general.alignment" {
			continue
		}
		if v, ok := f.Value(key); ok {
			lines = append(lines, fmt.Sprintf("%q %q", key, v.String()))
		}
	}
	for i := range f.Tensors {
		if x := &f.Tensors[i]; !moe.IsExpertTensor(x.Name) {
			lines = append(lines, fmt.Sprintf("%q %v %v", x.Name, x.Type, x.Dims))
		}
	}
	slices.Sort(lines)
	for i := range t.Layers {
		l := &t.Layers[i]
		lines = append(lines, fmt.Sprint(i, l.Experts))
		for _, s := range []*expert.Stack{&l.Gate, &l.Up, &l.Down} {
			lines = append(lines, fmt.Sprint(s.Type, s.Rows, s.Cols))
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:16])
}

// checkWorkload refuses what cannot be part of a file's name.
func checkWorkload(name string) error {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}
	if len(name) > 64 || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("profile %q: want %s, or a name of at most 64 letters, digits, dashes and underscores", name, NoProfile)
	}
	return nil
}

// profilePath is where a model's profile for a workload is kept:
// moed/profiles in the directory for the user's state.
func profilePath(fingerprint, workload string) (string, error) {
	dir, err := stateDir()
	if err != nil {
		return "", err
	}
	if workload != "" {
		fingerprint += "-" + workload
	}
	return filepath.Join(dir, "moed", "profiles", fingerprint+".profile"), nil
}

// stateDir is where programs keep what should last but is not settings.
func stateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	switch runtime.GOOS {
	case "darwin", "ios":
		return os.UserConfigDir()
	case "windows":
		return os.UserCacheDir() // which is not shared between machines, unlike settings
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".local", "state"), nil
}

// readProfile reads the profile at path, which must be of m.
func readProfile(path string, m *profile.Model) (*profile.Profile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := profile.Read(f)
	if err == nil && !p.Model().Equal(m) {
		err = profile.ErrOtherModel
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// keepProfile merges what a run has used with what path holds. What is there and
// cannot be used is replaced. Of several processes one does so at a time; where
// that cannot be had for a second, it is done all the same, and what another
// keeps in that moment may be lost.
func keepProfile(path string, run *profile.Profile, now time.Time) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	unlock, err := lockProfiles(dir)
	if err != nil {
		return err
	}
	defer unlock()
	run.Age(now)
	if kept, err := readProfile(path, run.Model()); err == nil {
		kept.Forget(run.Tokens())
		if err := run.Merge(kept); err != nil {
			return err
		}
	}
	return writeProfile(path, run)
}

const (
	lockPatience = time.Second
	lockPause    = 10 * time.Millisecond
)

// lockProfiles waits until no other process keeps a profile in dir.
func lockProfiles(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for wait := lockPatience; lockFile(f) != nil && wait > 0; wait -= lockPause {
		time.Sleep(lockPause)
	}
	return func() { f.Close() }, nil // which gives the lock back
}

// writeProfile writes a file beside path and gives it that name, so that a
// reader sees the old one or the new one.
func writeProfile(path string, p *profile.Profile) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // for the user alone
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it is renamed
	err = errors.Join(p.Write(f), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}
