package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"moed/cli/userdir"
)

// The files of a user's settings; userdir says where they are.
const (
	aliasesFile      = "aliases.json"
	modelOptionsFile = "model_options.json"
	defaultModelFile = "default_model.txt"
	logsOffFile      = "logs-off"
	templatesDir     = "templates"
	toolsDir         = "tools"
)

// settingPath is where a file of the settings is.
func settingPath(name string) (string, error) {
	dir, err := userdir.Config()
	return filepath.Join(dir, name), err
}

// readSetting is the content of a file of one line, "" where there is none. A
// process without a home has no settings, and nothing is wrong with that.
func readSetting(name string) (string, error) {
	path, err := settingPath(name)
	if err != nil {
		return "", nil
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(content)), err
}

func writeSetting(name, content string) error {
	path, err := settingPath(name)
	if err != nil {
		return err
	}
	return userdir.Write(path, []byte(content))
}

// removeSetting deletes a file of the settings; one that is not there is fine.
func removeSetting(name string) error {
	path, err := settingPath(name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// settingList reads a list of the settings; as readSetting does.
func settingList[V any](name string) (userdir.List[V], error) {
	path, err := settingPath(name)
	if err != nil {
		return userdir.List[V]{}, nil
	}
	return userdir.ReadList[V](path)
}

func writeSettingList[V any](name string, l userdir.List[V]) error {
	path, err := settingPath(name)
	if err != nil {
		return err
	}
	return l.Write(path)
}

// modelOptions are what a user has set for each model: options and their
// values.
type modelOptions map[string]string
