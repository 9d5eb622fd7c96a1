package daemon

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"moed/moe/stories"
)

// stocked is a model that there is: a file in one of the directories, or the
// built-in one, which has no dir.
type stocked struct {
	name, dir, file string
	size            int64
	modified        time.Time
	refused         string // why it is not opened, or ""
}

func (m stocked) path() string {
	if m.dir == "" {
		return ""
	}
	return filepath.Join(m.dir, m.file)
}

const (
	ending = ".gguf"
	// manifestEnding is that of the file beside a model that has its checksums.
	manifestEnding = ending + ".moed"
)

var splitPart = regexp.MustCompile(`-(\d{5})-of-\d{5}$`)

// look lists the models of the directories and the built-in one, by name. A
// directory that is not there has none.
func look(dirs []string) ([]stocked, error) {
	found := []stocked{builtIn()}
	var errs []error
	for _, dir := range dirs {
		models, err := lookInto(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("models directory: %w", err))
		}
		found = append(found, models...)
	}
	// Stable: the first of a name counts.
	slices.SortStableFunc(found, func(a, b stocked) int { return cmp.Compare(a.name, b.name) })
	found = slices.CompactFunc(found, func(a, b stocked) bool { return a.name == b.name })
	return found, errors.Join(errs...)
}

// lookInto lists the models of one directory. Links that lead out of it are
// refused, and what is no file is left out.
func lookInto(dir string) ([]stocked, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	var found []stocked
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ending)
		if !ok || name == "" || strings.HasPrefix(name, ".") || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
			continue
		}
		if part := splitPart.FindStringSubmatch(name); part != nil && part[1] != "00001" {
			continue // the first says what is to be done with them
		}
		m := stocked{name: name, dir: dir, file: e.Name()}
		switch info, err := root.Stat(e.Name()); {
		case err == nil && info.Mode().IsRegular():
			m.size, m.modified = info.Size(), info.ModTime()
		case err != nil && e.Type()&fs.ModeSymlink != 0:
			m.refused = fmt.Sprintf("%s is a link that leads out of its directory, or nowhere: put the file itself there, or name its directory", m.path())
		default:
			continue
		}
		found = append(found, m)
	}
	return found, err
}

// builtIn is the model in this program, which is as old as that.
func builtIn() stocked {
	m := stocked{name: stories.Name, size: int64(len(stories.GGUF()))}
	if path, err := os.Executable(); err == nil {
		if info, err := os.Stat(path); err == nil {
			m.modified = info.ModTime()
		}
	}
	return m
}

// pick is the model that a name means: as it stands, without ":latest" or the
// file's ending, and then so without regard to capitals, where only one is meant.
func pick(models []stocked, name string) (stocked, error) {
	short := strings.TrimSuffix(strings.TrimSuffix(name, ":latest"), ending)
	for _, n := range []string{name, short} {
		if i, ok := slices.BinarySearchFunc(models, n, func(m stocked, n string) int { return cmp.Compare(m.name, n) }); ok {
			return models[i], nil
		}
	}
	short = strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(name), ":latest"), ending)
	var alike []stocked
	for _, m := range models {
		if strings.ToLower(m.name) == short {
			alike = append(alike, m)
		}
	}
	if len(alike) == 1 {
		return alike[0], nil
	}
	return stocked{}, &NoModelError{Name: name, Near: near(models, short)}
}

// standard is the name that a request without one means.
func standard(models []stocked, chosen string) string {
	if chosen != "" {
		return chosen
	}
	if len(models) == 2 { // one beside the built-in
		for _, m := range models {
			if m.dir != "" {
				return m.name
			}
		}
	}
	return stories.Name
}

// mostNear is how many names an error lists.
const mostNear = 5

// near orders names by how much they have in common with one that is not there.
func near(models []stocked, name string) []string {
	names := make([]string, len(models))
	for i, m := range models {
		names[i] = m.name
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(common(b, name), common(a, name)) })
	return names[:min(len(names), mostNear)]
}

// common is the length of the longest piece that both have, whatever the
// capitals.
func common(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	b = b[:min(len(b), 256)]
	longest, row := 0, make([]int, len(b)+1)
	for i := range len(a) {
		diagonal := 0
		for j := range len(b) {
			above := row[j+1]
			row[j+1] = 0
			if a[i] == b[j] {
				row[j+1] = diagonal + 1
				longest = max(longest, row[j+1])
			}
			diagonal = above
		}
	}
	return longest
}
