package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moed/cli/userdir"
	"moed/daemon"
)

// isPath reports whether a model is named by its file. All other names are
// aliases or models of the models directory or of the daemon.
func isPath(model string) bool {
	return strings.ContainsRune(model, '/') || strings.ContainsRune(model, filepath.Separator) || model == "." ||
		strings.EqualFold(filepath.Ext(model), ".gguf")
}

// unalias is the model that an alias stands for, or the model itself.
func unalias(model string) (string, error) {
	if model == "" || isPath(model) {
		return model, nil
	}
	aliases, err := settingList[string](aliasesFile)
	if err != nil {
		return "", err
	}
	if to := aliases[model]; to != "" {
		return to, nil
	}
	return model, nil
}

// defaultModel is what is meant where no model is named: what moed models
// default has set, or "".
func defaultModel() (string, error) {
	name, err := readSetting(defaultModelFile)
	if err != nil {
		return "", err
	}
	return unalias(name)
}

// matching is the shortest of names that has all terms in it; of equally short
// ones the first in order.
func matching(names, terms []string) (string, bool) {
	names = slices.Clone(names)
	slices.SortFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		if hasAll(name, terms) {
			return name, true
		}
	}
	return "", false
}

func hasAll(name string, terms []string) bool {
	return !slices.ContainsFunc(terms, func(term string) bool {
		return !strings.Contains(strings.ToLower(name), strings.ToLower(term))
	})
}

// shelf is the models of the models directory and the built-in one, to be
// looked at and not to be run. Its Close is the caller's.
func shelf() (*daemon.Shelf, error) {
	o := daemon.ShelfOptions{}
	if dir, err := userdir.Models(); err == nil && isDir(dir) {
		o.Dirs = []string{dir}
	}
	return daemon.NewShelf(o)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// localModel is the file of a model of the models directory, or "" for the
// built-in one. "" is the only model of the directory, or the built-in: as with
// a daemon.
func localModel(name string) (string, error) {
	dir, err := userdir.Models()
	if (err != nil || !isDir(dir)) && name == "" {
		return "", nil // the built-in, without a look at what is not there
	}
	if path := filepath.Join(dir, name+".gguf"); name != "" && err == nil {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil // without a look at all the others
		}
	}
	s, err := shelf()
	if err != nil {
		return "", err
	}
	defer s.Close()
	info, err := s.Find(name)
	if err != nil {
		return "", withHint(err, "moed models lists what there is; -m also takes the path of a GGUF file")
	}
	return info.Path, nil
}

// modelFile is the file that is meant: that of the path, or of the model of that
// name or alias; "" is the built-in one.
func modelFile(name string) (string, error) {
	if _, err := os.Stat(name); err == nil || name == "" || isPath(name) {
		return name, nil
	}
	name, err := unalias(name)
	if err != nil || isPath(name) {
		return name, err
	}
	return localModel(name)
}

// fileOf is modelFile for who looks at files alone.
func fileOf(name string) (string, error) {
	path, err := modelFile(name)
	if err == nil && path == "" {
		err = fmt.Errorf("%s: there is no file of that name to look at", either(name, `""`))
	}
	return path, err
}
