package userdir

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Config is the directory of settings.
func Config() (string, error) { return find("XDG_CONFIG_HOME", ".config") }

// Data is the directory of what is kept.
func Data() (string, error) { return find("XDG_DATA_HOME", filepath.Join(".local", "share")) }

// Models is the directory of models: $MOED_MODELS, or models in Data.
func Models() (string, error) {
	if dir := os.Getenv("MOED_MODELS"); dir != "" {
		return filepath.Abs(dir)
	}
	data, err := Data()
	return filepath.Join(data, "models"), err
}

// find is the directory of moed beneath the one that variable names, or where
// it names none, beneath fallback in the user's home. The standard wants paths
// in such variables absolute, and others ignored.
func find(variable, fallback string) (string, error) {
	if all := os.Getenv("MOED_USER_PATH"); all != "" {
		return filepath.Abs(all)
	}
	if dir := os.Getenv(variable); filepath.IsAbs(dir) {
		return filepath.Join(dir, "moed"), nil
	}
	if runtime.GOOS == "windows" { // where there is no such home
		dir, err := os.UserConfigDir()
		return filepath.Join(dir, "moed"), err
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("where to keep files: %w; set MOED_USER_PATH to a directory", err)
	}
	return filepath.Join(home, fallback, "moed"), nil
}

// Write puts content into the file at path, with its directory where there is
// none. Whoever reads it meanwhile sees the old content or the new.
func Write(path string, content []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}
