package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"moed/cli/fetch"
	"moed/daemon"
	"moed/daemon/api"
)

func rmCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "rm",
		Usage:     "remove a model from the models directory",
		ArgsUsage: "MODEL [-y]",
		Flags: []cli.Flag{
			switchFlag("yes", "do not ask", "y"),
			modelsDirFlag(),
			hostFlag(),
			switchFlag("json", "print JSON"),
		},
		Action: func(c *cli.Context) error { return remove(c, u) },
	}
}

func remove(c *cli.Context, u *ui) error {
	if c.NArg() != 1 {
		return usagef("rm wants one model, found %d", c.NArg())
	}
	name := strings.TrimSuffix(c.Args().First(), ".gguf")
	if err := checkModelName(name); err != nil {
		return withHint(usageError{err}, "rm takes names of the models directory, as moed models lists them")
	}
	dir, err := modelsDir(c)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, name+".gguf")
	files, size := filesOf(path)
	if len(files) == 0 {
		return withHint(&daemon.NoModelError{Name: name}, "moed models lists what there is in %s", dir)
	}
	if err := checkUnused(c, name, path); err != nil {
		return err
	}
	if !c.Bool("yes") {
		sure, err := u.ask(c.Context, fmt.Sprintf("remove %s, %s?", clean(name), bytesText(size)))
		if err != nil {
			return err
		}
		if !sure {
			u.sayf("nothing is removed")
			return nil
		}
	}
	for _, f := range files { // the model first: what is left without it is harmless
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if c.Bool("json") {
		return writeJSON(u.std.Out, map[string]any{"model": name, "path": path, "bytes": size})
	}
	_, err = fmt.Fprintf(u.std.Out, "removed %s, %s\n", clean(name), bytesText(size))
	return err
}

// filesOf are the model at path and what belongs to it, and their bytes.
func filesOf(path string) (files []string, size int64) {
	for _, f := range append([]string{path}, fetch.Beside(path)...) {
		if info, err := os.Lstat(f); err == nil && !info.IsDir() {
			files, size = append(files, f), size+info.Size()
		}
	}
	return files, size
}

// checkUnused refuses to remove what a daemon has loaded.
func checkUnused(c *cli.Context, name, path string) error {
	client := &api.Client{Address: c.String("host")}
	if c.String("host") == "" && !client.Running(c.Context) {
		return nil
	}
	s, err := client.Status(c.Context)
	if err != nil {
		return ofDaemon(err)
	}
	for _, m := range s.Models {
		if m.Path == path || m.Path == "" && m.Name == name {
			return withHint(fmt.Errorf("%s is loaded by the daemon", clean(name)), "moed unload %s first", clean(name))
		}
	}
	return nil
}

// ask puts a question on standard error and reads the answer from standard
// input; anything but a yes is a no.
func (u *ui) ask(ctx context.Context, question string) (bool, error) {
	if u.std.In == nil {
		return false, usagef("there is nobody to ask; -y means yes")
	}
	if err := u.raw("moed: " + question + " [y/N] "); err != nil {
		return false, err
	}
	type answer struct {
		line string
		err  error
	}
	got := make(chan answer, 1)
	go func() { // ends with the line, or with the process
		line, err := bufio.NewReader(u.std.In).ReadString('\n')
		got <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		u.raw("\n")
		return false, errInterrupted
	case a := <-got:
		if a.err != nil && (!errors.Is(a.err, io.EOF) || a.line == "") {
			u.raw("\n")
			return false, withHint(usagef("there is nobody to ask"), "-y means yes")
		}
		word := strings.ToLower(strings.TrimSpace(a.line))
		return word == "y" || word == "yes", nil
	}
}
