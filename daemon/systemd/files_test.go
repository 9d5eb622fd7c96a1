package systemd_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"moed/daemon/systemd"
)

func tool(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not here")
	}
	return path
}

// write puts the files for a binary that is there under a new directory.
func write(t *testing.T, o systemd.Options) (files []systemd.File) {
	t.Helper()
	if o.Binary == "" {
		o.Binary = "/bin/sh"
	}
	o.Dir = t.TempDir()
	files, err := systemd.Files(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Path, f.Content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestVerify has systemd read the units: a misspelt key is a warning that nobody
// sees on a machine.
func TestVerify(t *testing.T) {
	analyze := tool(t)
	for name, o := range map[string]systemd.Options{"machine": {}, "user": {User: true}} {
		t.Run(name, func(t *testing.T) {
			args := []string{"verify", "--man=no"}
			if o.User {
				args = append(args, "--user")
			}
			for _, f := range write(t, o) {
				if ext := filepath.Ext(f.Path); ext == ".service" || ext == ".socket" {
					args = append(args, f.Path)
				}
			}
			c := exec.Command(analyze, args...)
			c.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir())
			out, err := c.CombinedOutput()
			if err != nil || bytes.Contains(out, []byte("moed")) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// TestSecurity holds the score of the service, of 10, where less is better.
func TestSecurity(t *testing.T) {
	analyze := tool(t)
	for _, f := range write(t, systemd.Options{}) {
		if filepath.Base(f.Path) != "moed.service" {
			continue
		}
		out, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", "--threshold=15", f.Path).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Log(lines[len(lines)-1])
	}
}

// TestFiles: each is ours to tell, and runs the binary that was named.
func TestFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("its paths are not those of units")
	}
	for _, o := range []systemd.Options{{}, {User: true, Dir: "/home/a/.config/systemd/user"}, {Version: 253}, {User: true, Dir: "/units", Version: 257}} {
		o.Binary = "/opt/a b/100%/moed"
		files, err := systemd.Files(o)
		if err != nil {
			t.Fatal(err)
		}
		services, reloads := 0, false
		for _, f := range files {
			if !bytes.HasPrefix(f.Content, []byte(systemd.Mark)) {
				t.Errorf("%s does not begin with %q", f.Path, systemd.Mark)
			}
			if strings.HasSuffix(f.Path, "/moed.service") {
				services++
				if want := "\nExecStart=\"/opt/a b/100%%/moed\" serve\n"; !strings.Contains(string(f.Content), want) {
					t.Errorf("%s: no %q in it", f.Path, want)
				}
			}
			reloads = reloads || strings.Contains(string(f.Content), "notify-reload")
		}
		if services != 1 || reloads != (o.Version >= 253) {
			t.Errorf("%+v: %d services, reload known: %v", o, services, reloads)
		}
	}
	if _, err := systemd.Files(systemd.Options{Binary: "moed"}); err == nil {
		t.Error("a relative path was taken")
	}
	if _, err := systemd.Files(systemd.Options{Binary: "/moed\nUser=root"}); err == nil {
		t.Error("a path with a line end was taken")
	}
}

// TestCallersAreTold: with a user namespace of its own the daemon would take all
// callers for nobody.
func TestCallersAreTold(t *testing.T) {
	for _, o := range []systemd.Options{{}, {User: true}} {
		files, err := systemd.Files(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			for line := range strings.Lines(string(f.Content)) {
				if strings.HasPrefix(line, "PrivateUsers=") || strings.HasPrefix(line, "DynamicUser=") {
					t.Errorf("%s has %s", f.Path, line)
				}
			}
		}
	}
}
