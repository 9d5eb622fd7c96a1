package userdir

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestWhere(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("other places there")
	}
	tests := map[string]struct {
		env                  map[string]string
		config, data, models string
	}{
		"by default": {nil, "/home/u/.config/moed", "/home/u/.local/share/moed", "/home/u/.local/share/moed/models"},
		"named": {map[string]string{"XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "/d"},
			"/c/moed", "/d/moed", "/d/moed/models"},
		"relative ones are ignored": {map[string]string{"XDG_CONFIG_HOME": "c", "XDG_DATA_HOME": "../d"},
			"/home/u/.config/moed", "/home/u/.local/share/moed", "/home/u/.local/share/moed/models"},
		"all in one": {map[string]string{"MOED_USER_PATH": "/m", "XDG_DATA_HOME": "/d"}, "/m", "/m", "/m/models"},
		"models elsewhere": {map[string]string{"MOED_MODELS": "/big"},
			"/home/u/.config/moed", "/home/u/.local/share/moed", "/big"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, v := range []string{"MOED_USER_PATH", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "MOED_MODELS"} {
				t.Setenv(v, test.env[v])
			}
			t.Setenv("HOME", "/home/u")
			config, err1 := Config()
			data, err2 := Data()
			models, err3 := Models()
			if err1 != nil || err2 != nil || err3 != nil {
				t.Fatal(err1, err2, err3)
			}
			if config != test.config || data != test.data || models != test.models {
				t.Errorf("got %s, %s and %s, want %s, %s and %s", config, data, models, test.config, test.data, test.models)
			}
		})
	}
}

func TestNoHome(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("HOME is not asked there")
	}
	for _, v := range []string{"MOED_USER_PATH", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "MOED_MODELS", "HOME"} {
		t.Setenv(v, "")
	}
	if dir, err := Config(); err == nil {
		t.Errorf("got %s, want an error", dir)
	}
}

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "file")
	for _, content := range []string{"first", "second, longer", ""} {
		if err := Write(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("got %q, %v, want %q", got, err, content)
		}
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(names) > 0 {
		t.Errorf("left %v", names)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for p, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		if info, err := os.Stat(p); err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v, %v, want %v", p, info.Mode(), err, want)
		}
	}
}

func TestList(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list.json")
	l, err := ReadList[string](path)
	if err != nil || len(l) != 0 {
		t.Fatalf("got %v, %v, want an empty list", l, err)
	}
	l["a"] = "b"
	if err := l.Write(path); err != nil {
		t.Fatal(err)
	}
	if l, err = ReadList[string](path); err != nil || l["a"] != "b" {
		t.Errorf("got %v, %v", l, err)
	}
	for _, broken := range []string{"{", "[]", `{"a":1}`, ""} {
		if err := Write(path, []byte(broken)); err != nil {
			t.Fatal(err)
		}
		if l, err := ReadList[string](path); err == nil {
			t.Errorf("%q: got %v, want an error", broken, l)
		}
	}
	if err := Write(path, []byte("null")); err != nil {
		t.Fatal(err)
	}
	l, err = ReadList[string](path)
	if err != nil {
		t.Fatal(err)
	}
	l["a"] = "b" // does not panic
}
