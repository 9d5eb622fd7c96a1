package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"moed/cli/fetch"
)

func verifyCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "compare models with the checksums they came with, and mend them",
		ArgsUsage: "[MODEL|FILE]",
		Description: "Without a model, all of the models directory that have a manifest. Ends with 1 where anything\n" +
			"differs, and names the bytes.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "repair", Usage: "fetch the chunks that differ from `URL`, or from another copy of the file"},
			switchFlag("write", "make a manifest of a file that has none, as it is now"),
			modelsDirFlag(),
			switchFlag("insecure", "allow http too in --repair"),
			switchFlag("json", "print JSON"),
		},
		Action: func(c *cli.Context) error { return verify(c, u) },
	}
}

// verified is what is known of one file.
type verified struct {
	Path     string      `json:"path"`
	Size     int64       `json:"size"`
	Want     int64       `json:"manifest_size"`
	Chunks   int         `json:"chunks"`
	Manifest bool        `json:"manifest"`
	Written  bool        `json:"written"`
	Repaired int         `json:"repaired"` // chunks
	OK       bool        `json:"ok"`
	Bad      []fetch.Bad `json:"bad"`

	was int64 // bytes before a repair
}

// errDiffers ends a verify that found something; the report has been written.
var errDiffers = errors.New("not everything is as it came")

func verify(c *cli.Context, u *ui) error {
	if c.NArg() > 1 {
		return usagef("verify wants one model or none, found %d", c.NArg())
	}
	if c.NArg() == 0 && (c.IsSet("repair") || c.Bool("write")) {
		return usagef("--repair and --write want a model to be named")
	}
	if c.IsSet("repair") && c.Bool("write") {
		return usagef("--repair is for a file with a manifest, --write for one without")
	}
	paths, err := verifyPaths(c)
	if err != nil {
		return err
	}
	list, ok := []*verified{}, true
	for _, path := range paths {
		v, err := verifyOne(c, u, path)
		if errors.Is(err, context.Canceled) {
			return errInterrupted
		}
		if err != nil {
			return err
		}
		ok = ok && (v.OK || !v.Manifest)
		list = append(list, v)
		if !c.Bool("json") {
			if err := writeVerified(u.std.Out, v); err != nil {
				return err
			}
		}
	}
	if c.Bool("json") {
		err = writeJSON(u.std.Out, map[string]any{"ok": ok, "files": list})
	} else if len(list) == 0 {
		u.sayf("there is no model to compare; moed pull fetches one")
	}
	if err == nil && !ok {
		err = errDiffers
		if !c.IsSet("repair") {
			err = withHint(err, "moed verify MODEL --repair URL fetches only what differs")
		}
	}
	return err
}

// verifyPaths are the files to look at.
func verifyPaths(c *cli.Context) ([]string, error) {
	if c.NArg() == 1 {
		path, err := modelPath(c, c.Args().First())
		return []string{path}, err
	}
	dir, err := modelsDir(c)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".gguf" {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, nil
}

// modelPath is the file of the model that c means by name.
func modelPath(c *cli.Context, name string) (string, error) {
	if isPath(name) {
		return name, nil
	}
	if c.IsSet("models-dir") {
		dir, err := modelsDir(c)
		return filepath.Join(dir, filepath.Base(name)+".gguf"), err
	}
	name, err := unalias(name)
	if err != nil || isPath(name) {
		return name, err
	}
	path, err := localModel(name)
	if err == nil && path == "" {
		err = fmt.Errorf("%s is built into moed and has no file of its own", name)
	}
	return path, err
}

func verifyOne(c *cli.Context, u *ui, path string) (*verified, error) {
	var meter byteMeter
	done := u.whileWaiting(func() string { return filepath.Base(path) + ": " + meter.line() })
	defer done()
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	v := &verified{Path: path, Size: info.Size(), was: info.Size(), Bad: []fetch.Bad{}}
	m, err := fetch.ReadManifest(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && c.Bool("write"):
		if m, err = fetch.Sum(c.Context, path, meter.update); err == nil {
			err = m.Write(path)
		}
		v.Want, v.Manifest, v.Written, v.OK = v.Size, true, true, true
		if m != nil {
			v.Chunks = len(m.Chunks)
		}
		return v, err
	case errors.Is(err, fs.ErrNotExist) && c.NArg() == 0:
		return v, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, withHint(fmt.Errorf("%s has no manifest to be compared with", path), "--write makes one of the file as it is now")
	case err != nil:
		return nil, err
	case c.Bool("write"):
		return nil, withHint(fmt.Errorf("%s has a manifest already", path), "remove %s to make another", fetch.ManifestPath(path))
	}
	v.Want, v.Manifest, v.Chunks = m.Size, true, len(m.Chunks)
	if v.Bad, err = fetch.Verify(c.Context, path, m, meter.update); err != nil {
		return nil, err
	}
	v.OK = len(v.Bad) == 0 && v.Size == v.Want
	if v.OK || !c.IsSet("repair") {
		return v, nil
	}
	return v, repair(c, u, v, m, &meter)
}

// repair mends what v found and looks again.
func repair(c *cli.Context, u *ui, v *verified, m *fetch.Manifest, meter *byteMeter) error {
	if at, err := fetch.ParseURL(c.String("repair"), c.Bool("insecure")); err != nil {
		return withHint(usageError{err}, "use https; --insecure allows http")
	} else if at == nil {
		if _, err := os.Stat(c.String("repair")); err != nil {
			return usagef("--repair: %w", err)
		}
	}
	o := fetch.Options{From: c.String("repair"), To: v.Path, Insecure: c.Bool("insecure"), Progress: meter.update,
		Say: func(line string) { u.sayf("%s", clean(line)) }}
	if err := fetch.Repair(c.Context, o, m, v.Bad); err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	v.Repaired = len(v.Bad)
	bad, err := fetch.Verify(c.Context, v.Path, m, meter.update)
	if err != nil {
		return err
	}
	v.Bad, v.Size, v.OK = bad, m.Size, len(bad) == 0
	return nil
}

func writeVerified(out io.Writer, v *verified) error {
	var err error
	say := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(out, "%s: "+format+"\n", append([]any{v.Path}, args...)...)
		}
	}
	switch {
	case !v.Manifest:
		say("has no manifest")
	case v.Written:
		say("manifest written, chunks: %d", v.Chunks)
	case v.OK && v.Repaired > 0:
		say("all is as it came; chunks: %d, repaired: %d", v.Chunks, v.Repaired)
	case v.OK && v.Size != v.was:
		say("all is as it came; cut off behind its end: %d bytes", v.was-v.Size)
	case v.OK:
		say("all is as it came; chunks: %d", v.Chunks)
	}
	for _, b := range v.Bad {
		say("chunk %d, bytes %d to %d: %s", b.Chunk, b.Start, b.End-1, b.Why)
	}
	if v.Manifest && v.Size != v.Want {
		say("%d bytes long, came with %d", v.Size, v.Want)
	}
	return err
}
