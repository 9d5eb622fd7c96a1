package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"

	"moed/daemon/systemd"
)

func serviceCommand(u *ui) *cli.Command {
	mine := switchFlag("user", "the service of this user, not of the machine")
	root := &cli.StringFlag{Name: "root", Usage: "what the machine has under / is under `DIR`; for packages"}
	binary := &cli.StringFlag{Name: "binary", Usage: "the service runs `PATH`, by default this program"}
	asJSON := switchFlag("json", "print JSON")
	dry := switchFlag("dry-run", "say what would be done")
	force := switchFlag("force", "also where somebody else's file is in the way")
	g := group("service", "have systemd run the daemon",
		&cli.Command{Name: "status", Usage: "tell which files are there, and whether it runs", ArgsUsage: "[--user] [--json]",
			Flags: []cli.Flag{mine, root, binary, asJSON}, Action: func(c *cli.Context) error { return serviceStatus(c, u) }},
		&cli.Command{Name: "install", Usage: "write its files, and say what to do next", ArgsUsage: "[--user] [--now] [--dry-run]",
			Flags:  []cli.Flag{mine, switchFlag("now", "do what is next as well"), dry, force, root, binary, asJSON},
			Action: func(c *cli.Context) error { return serviceInstall(c, u) }},
		&cli.Command{Name: "uninstall", Usage: "remove its files, and say what to do next", ArgsUsage: "[--user] [--now] [--dry-run]",
			Flags:  []cli.Flag{mine, switchFlag("now", "stop it before"), dry, force, root, binary, asJSON},
			Action: func(c *cli.Context) error { return serviceUninstall(c, u) }},
	)
	g.Description = "Configuration, models and tokens stay where they are, whatever is installed or removed."
	return g
}

// unit is a file of the service, and what is or was done about it.
type unit struct {
	Path    string `json:"path"`
	State   string `json:"state"` // current, differs, foreign or missing; or written, unchanged or removed
	content []byte
}

// The states of a file.
const (
	unitCurrent = "current"
	unitDiffers = "differs" // of another version or for another binary
	unitForeign = "foreign" // somebody else's
	unitMissing = "missing"
)

// unitsFor finds the files and what is there of them.
func unitsFor(c *cli.Context) ([]unit, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("there is no systemd on %s: run moed serve", runtime.GOOS)
	}
	if c.NArg() > 0 {
		return nil, usagef("service %s takes no arguments, found %q", c.Command.Name, c.Args().First())
	}
	o, err := unitOptions(c)
	if err != nil {
		return nil, err
	}
	files, err := systemd.Files(o)
	if err != nil {
		return nil, usageError{err}
	}
	var units []unit
	for _, f := range files {
		state, err := unitState(f)
		if err != nil {
			return nil, err
		}
		units = append(units, unit{f.Path, state, f.Content})
	}
	return units, nil
}

func unitOptions(c *cli.Context) (o systemd.Options, err error) {
	o = systemd.Options{Binary: c.String("binary"), User: c.Bool("user"), Dir: c.String("root")}
	if o.Binary == "" {
		if o.Binary, err = os.Executable(); err != nil {
			return o, err
		}
	}
	if o.Dir == "" {
		o.Version = systemdVersion(c.Context)
	}
	if o.User {
		config, err := os.UserConfigDir()
		if err != nil {
			return o, err
		}
		o.Dir = filepath.Join(o.Dir, config, "systemd", "user")
	}
	return o, nil
}

// systemdVersion is what runs here, 0 where that is not known.
func systemdVersion(ctx context.Context) (version int) {
	out, err := exec.CommandContext(ctx, "systemctl", "--version").Output()
	if err != nil {
		return 0
	}
	if n, err := fmt.Sscanf(string(out), "systemd %d", &version); n != 1 || err != nil {
		return 0
	}
	return version
}

func unitState(f systemd.File) (string, error) {
	content, err := os.ReadFile(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return unitMissing, nil
	case err != nil:
		return "", err
	case bytes.Equal(content, f.Content):
		return unitCurrent, nil
	case bytes.HasPrefix(content, []byte(systemd.Mark)):
		return unitDiffers, nil
	}
	return unitForeign, nil
}

func serviceStatus(c *cli.Context, u *ui) error {
	units, err := unitsFor(c)
	if err != nil {
		return err
	}
	active := ""
	if c.String("root") == "" {
		out, _ := systemctl(c, "is-active", "moed.service").Output() // fails where it does not run
		active = strings.TrimSpace(string(out))
	}
	if c.Bool("json") {
		return writeJSON(u.std.Out, map[string]any{"files": units, "active": active})
	}
	if err := printUnits(u, units); err != nil {
		return err
	}
	if active != "" {
		_, err = fmt.Fprintf(u.std.Out, "moed.service is %s\n", active)
	}
	return err
}

func printUnits(u *ui, units []unit) error {
	for _, f := range units {
		if _, err := fmt.Fprintf(u.std.Out, "%-9s  %s\n", f.State, f.Path); err != nil {
			return err
		}
	}
	return nil
}

func serviceInstall(c *cli.Context, u *ui) error {
	units, err := unitsFor(c)
	if err != nil {
		return err
	}
	if err := reachable(c); err != nil {
		return err
	}
	for i, f := range units {
		switch {
		case f.State == unitForeign && !c.Bool("force"):
			return withHint(fmt.Errorf("%s is not moed's", f.Path), "--force replaces it; a drop-in (systemctl edit moed) is the place for changes")
		case f.State == unitCurrent:
			units[i].State = "unchanged"
			continue
		}
		units[i].State = "written"
		if c.Bool("dry-run") {
			continue
		}
		if err := writeUnit(f); err != nil {
			return forRoot(c, err)
		}
	}
	next := [][]string{{"systemctl", "daemon-reload"}, {"systemctl", "enable", "--now", "moed.service"}}
	if !c.Bool("user") {
		next = append([][]string{{"systemd-sysusers"}, {"systemd-tmpfiles", "--create", "moed.conf"}}, next...)
	}
	return reportUnits(c, u, units, next)
}

func serviceUninstall(c *cli.Context, u *ui) error {
	units, err := unitsFor(c)
	if err != nil {
		return err
	}
	stop := [][]string{{"systemctl", "disable", "--now", "moed.service", "moed.socket", "moed-http.socket"}}
	if c.Bool("now") && !c.Bool("dry-run") && c.String("root") == "" {
		if err := runAll(c, u, stop); err != nil {
			return err
		}
	}
	var left []unit
	for _, f := range units {
		switch {
		case f.State == unitMissing:
			continue
		case f.State == unitForeign && !c.Bool("force"):
			f.State = "kept"
		case c.Bool("dry-run"):
			f.State = "removed"
		default:
			if err := os.Remove(f.Path); err != nil {
				return forRoot(c, err)
			}
			f.State = "removed"
		}
		left = append(left, f)
	}
	next := [][]string{{"systemctl", "daemon-reload"}}
	if !c.Bool("now") {
		next = append(stop, next...)
	}
	return reportUnits(c, u, left, next)
}

// reportUnits prints what was done, and what is next, or does that where --now says
// so.
func reportUnits(c *cli.Context, u *ui, units []unit, next [][]string) error {
	if c.Bool("json") {
		lines := []string{}
		for _, words := range next {
			lines = append(lines, strings.Join(forUser(c, words), " "))
		}
		err := writeJSON(u.std.Out, map[string]any{"files": append([]unit{}, units...), "next": lines, "dry_run": c.Bool("dry-run")})
		if err != nil {
			return err
		}
	} else if err := printUnits(u, units); err != nil {
		return err
	}
	switch {
	case c.Bool("dry-run"):
		u.sayf("nothing was done: this is a dry run")
	case c.String("root") != "":
	case c.Bool("now"):
		return runAll(c, u, next)
	default:
		for _, words := range next {
			u.sayf("next: %s", strings.Join(forUser(c, words), " "))
		}
	}
	return nil
}

func writeUnit(f unit) error {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
		return err
	}
	aside := f.Path + ".new"
	if err := os.WriteFile(aside, f.content, 0o644); err != nil {
		return err
	}
	return os.Rename(aside, f.Path)
}

// forUser has systemctl talk to the right service manager.
func forUser(c *cli.Context, words []string) []string {
	if !c.Bool("user") || words[0] != "systemctl" {
		return words
	}
	return append([]string{"systemctl", "--user"}, words[1:]...)
}

func systemctl(c *cli.Context, words ...string) *exec.Cmd {
	words = forUser(c, append([]string{"systemctl"}, words...))
	return exec.CommandContext(c.Context, words[0], words[1:]...)
}

// runAll runs commands of the service manager, each of which it says.
func runAll(c *cli.Context, u *ui, all [][]string) error {
	for _, words := range all {
		words = forUser(c, words)
		u.sayf("%s", strings.Join(words, " "))
		cmd := exec.CommandContext(c.Context, words[0], words[1:]...)
		cmd.Stdout, cmd.Stderr = u.std.Err, u.std.Err
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(words, " "), err)
		}
	}
	return nil
}

// reachable reports why the service could not run this program.
func reachable(c *cli.Context) error {
	path := c.String("binary")
	if path != "" || c.String("root") != "" {
		return nil
	}
	path, err := os.Executable()
	if err != nil {
		return err
	}
	hidden := []string{os.TempDir()}
	if !c.Bool("user") {
		hidden = append(hidden, "/tmp", "/var/tmp", "/home", "/root", "/run/user")
	}
	for _, dir := range hidden {
		if strings.HasPrefix(path, filepath.Clean(dir)+string(filepath.Separator)) {
			return withHint(fmt.Errorf("the service could not run %s: it does not see %s", path, dir),
				"install -m 755 %s /usr/local/bin/moed, then /usr/local/bin/moed service install", path)
		}
	}
	return nil
}

// forRoot says who may write there.
func forRoot(c *cli.Context, err error) error {
	if errors.Is(err, fs.ErrPermission) && !c.Bool("user") {
		return withHint(err, "the machine's service is root's to install: use sudo, or --user for one of your own")
	}
	return err
}
