package systemd

import (
	"embed"
	"fmt"
	"path/filepath"
	"strings"
)

//go:embed units
var units embed.FS

// File is one that the service manager reads.
type File struct {
	Path    string
	Content []byte
}

// Options of Files.
type Options struct {
	Binary string // absolute path of moed; "" is /usr/bin/moed
	User   bool   // the daemon of one user, not of a machine
	// Dir is where a user's units are, systemd/user in the directory of settings,
	// or for a machine's what stands before /etc; "" is nothing.
	Dir string
	// Version is that of systemd; 0 is not known, and taken for an old one.
	Version int
}

// reloads is the version of systemd that knows Type=notify-reload.
const reloads = 253

// Mark begins each of the files, so that one of another origin is told from them.
const Mark = "# moed:"

const packaged = "/usr/bin/moed" // as the units have it

// Files are those to write, in the order that they are to be read in.
func Files(o Options) ([]File, error) {
	if o.Binary == "" {
		o.Binary = packaged
	}
	binary, err := quoted(o.Binary)
	if err != nil {
		return nil, err
	}
	var files []File
	for _, p := range places(o) {
		content, err := units.ReadFile("units/" + p.name)
		if err != nil {
			return nil, err
		}
		text := strings.Replace(string(content), "ExecStart="+packaged+" ", "ExecStart="+binary+" ", 1)
		files = append(files, File{filepath.Join(o.Dir, p.path), []byte(text)})
	}
	return files, nil
}

// place is one of units, and where it belongs.
type place struct{ name, path string }

func places(o Options) []place {
	reload := place{"notify-reload.conf", "moed.service.d/10-notify-reload.conf"}
	if o.User {
		all := []place{{"moed-user.service", "moed.service"}, {"moed-user.socket", "moed.socket"}, {"moed-http.socket", "moed-http.socket"}}
		if o.Version >= reloads {
			all = append(all, reload)
		}
		return all
	}
	const system = "/etc/systemd/system/"
	all := []place{{"sysusers.conf", "/etc/sysusers.d/moed.conf"}, {"tmpfiles.conf", "/etc/tmpfiles.d/moed.conf"},
		{"moed.service", system + "moed.service"}, {"moed.socket", system + "moed.socket"}, {"moed-http.socket", system + "moed-http.socket"}}
	if o.Version >= reloads {
		all = append(all, place{reload.name, system + reload.path})
	}
	return all
}

// quoted writes a path as a command line of a unit has it.
func quoted(path string) (string, error) {
	if !filepath.IsAbs(path) || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fmt.Errorf("path %q: want an absolute one, without control characters", path)
	}
	path = strings.NewReplacer("%", "%%", "$", "$$", `\`, `\\`, `"`, `\"`).Replace(path)
	if strings.ContainsAny(path, " '\"\\;") {
		path = `"` + path + `"`
	}
	return path, nil
}
