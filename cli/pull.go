package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/urfave/cli/v2"

	"moed/cli/fetch"
	"moed/cli/userdir"
	"moed/daemon"
)

func pullCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "pull",
		Usage:     "fetch a model into the models directory, from an https address or a file",
		ArgsUsage: "URL|FILE [--name NAME] [--sha256 HEX]",
		Description: "The model has its name only when all of it is there, on the disk and checked. Ended at any moment,\n" +
			"the same command goes on where it was. Beside the model is a manifest of checksums for moed verify.\n" +
			"A file of this machine is linked, and copied only from another disk.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "name", Usage: "keep it as `NAME`", DefaultText: "its file's name"},
			&cli.StringFlag{Name: "sha256", Usage: "refuse a file whose SHA-256 is not `HEX`"},
			modelsDirFlag(),
			switchFlag("insecure", "allow http too, which others can read and change on its way"),
			switchFlag("offline", "use no network: of an address only what is here already"),
			switchFlag("json", "print JSON"),
		},
		Action: func(c *cli.Context) error { return pull(c, u) },
	}
}

func modelsDirFlag() cli.Flag {
	return &cli.StringFlag{Name: "models-dir", Usage: "the models are in `DIR`", DefaultText: "$MOED_MODELS, or models in moed's data directory"}
}

// pulled is what moed pull --json prints.
type pulled struct {
	Model string `json:"model"`
	*fetch.Result
	Runs        bool     `json:"runs"`
	Unsupported []string `json:"unsupported"`
}

func pull(c *cli.Context, u *ui) error {
	if c.NArg() != 1 {
		return usagef("pull wants one address or file, found %d words", c.NArg())
	}
	o, err := pullOptions(c)
	if err != nil {
		return err
	}
	var m byteMeter
	o.Progress = m.update
	o.Say = func(line string) { u.sayf("%s", clean(line)) }
	done := u.whileWaiting(m.line)
	r, err := fetch.Get(c.Context, o)
	done()
	if err != nil {
		return explainFetch(u, err, o)
	}
	report, err := daemon.Inspect(o.To)
	if err != nil {
		return err
	}
	for _, why := range report.Unsupported {
		u.sayf("moed does not run this model: %s", clean(why))
	}
	p := pulled{strings.TrimSuffix(filepath.Base(o.To), ".gguf"), r, report.Runs, report.Unsupported}
	if c.Bool("json") {
		return writeJSON(u.std.Out, p)
	}
	return writePulled(u.std.Out, p)
}

// pullOptions reads the command line, and makes the directory.
func pullOptions(c *cli.Context) (fetch.Options, error) {
	from := c.Args().First()
	o := fetch.Options{From: from, Insecure: c.Bool("insecure"), Offline: c.Bool("offline"), SHA256: strings.ToLower(strings.TrimPrefix(c.String("sha256"), "sha256:"))}
	if c.IsSet("sha256") {
		if err := fetch.CheckSum(o.SHA256); err != nil {
			return o, usagef("--sha256: %w", err)
		}
	}
	at, err := fetch.ParseURL(from, true)
	if err != nil {
		return o, usageError{err}
	}
	if at == nil {
		if _, err := os.Stat(from); err != nil {
			return o, withHint(usagef("%s is no file here and no address", clean(from)),
				"name the file itself: moed pull https://HOST/OWNER/MODEL/resolve/main/FILE.gguf; moed knows no short names")
		}
	} else if _, err := fetch.ParseURL(from, o.Insecure); err != nil {
		return o, withHint(usageError{err}, "use https; --insecure allows http, and --sha256 tells whether the file was changed")
	}
	name, err := fileName(c.String("name"), from, at)
	if err != nil {
		return o, err
	}
	dir, err := modelsDir(c)
	if err != nil {
		return o, err
	}
	mode := os.FileMode(0o700)
	if c.IsSet("models-dir") {
		mode = 0o755 // it may be for a daemon of another user
	}
	o.To = filepath.Join(dir, name)
	return o, os.MkdirAll(dir, mode)
}

// modelsDir is where c's models are.
func modelsDir(c *cli.Context) (string, error) {
	if c.IsSet("models-dir") {
		return filepath.Abs(c.String("models-dir"))
	}
	return userdir.Models()
}

// fileName is name with its ending, or the last part of where the model comes
// from.
func fileName(name, from string, at *url.URL) (string, error) {
	given := name != ""
	switch {
	case given:
		name = strings.TrimSuffix(name, ".gguf") + ".gguf"
	case at != nil:
		name = path.Base(at.Path)
	default:
		name = filepath.Base(from)
	}
	if !strings.HasSuffix(name, ".gguf") {
		return "", withHint(usagef("%s does not end in .gguf, and so has no name for the model", clean(name)), "give one with --name")
	}
	if err := checkModelName(strings.TrimSuffix(name, ".gguf")); err != nil {
		if given {
			return "", usagef("--name: %w", err)
		}
		return "", withHint(usageError{err}, "give another name with --name")
	}
	return name, nil
}

const maxModelName = 200 // bytes; file systems have 255, and endings are added

// checkModelName keeps names within their directory and out of flags' way.
func checkModelName(name string) error {
	switch {
	case name == "":
		return errors.New("a model's name cannot be empty")
	case len(name) > maxModelName:
		return fmt.Errorf("a model's name has at most %d bytes, this one has %d", maxModelName, len(name))
	case name[0] == '.' || name[0] == '-':
		return fmt.Errorf("%q cannot be a model's name: it begins with %q", name, name[:1])
	}
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-+=@,()", r) {
			return fmt.Errorf("%q cannot be a model's name: it has %q in it", name, r)
		}
	}
	return nil
}

// explainFetch adds what to do about a file that did not come.
func explainFetch(u *ui, err error, o fetch.Options) error {
	var room *fetch.RoomError
	var wrong *fetch.FormatError
	var sum *fetch.SumError
	var status *fetch.StatusError
	switch {
	case errors.Is(err, context.Canceled):
		u.sayf("stopped; the same command goes on where it was")
		return errInterrupted
	case errors.As(err, &room):
		return withHint(fmt.Errorf("no room in %s: %s are needed, some of them to stay free, and there are %s",
			room.Dir, bytesText(room.Needed), bytesText(room.Found)), "make room, or choose another disk with --models-dir; what came so far is kept")
	case errors.As(err, &wrong) && strings.Contains(o.From, "/blob/"):
		return withHint(err, "this is the address of the file's page; that of the file itself has /resolve/ in place of /blob/")
	case errors.As(err, &sum):
		return withHint(err, "if the SHA-256 asked for is right, remove %s and fetch it again", sum.Path)
	case errors.As(err, &status) && (status.Status == 401 || status.Status == 403):
		return withHint(err, "it may want credentials, as in https://USER:TOKEN@HOST/..., or its terms to be agreed to on its site")
	case errors.Is(err, fetch.ErrBusy), errors.Is(err, fetch.ErrOffline):
		return err
	case errors.Is(err, os.ErrExist):
		return withHint(err, "choose another name with --name, or remove that one with moed rm")
	}
	return err
}

func writePulled(out io.Writer, p pulled) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	state := fmt.Sprintf("fetched in %.1f s", p.Seconds)
	switch {
	case p.Already:
		state = "was there already"
	case p.Linked:
		state = "linked: the same file under another name"
	case p.Resumed > 0:
		state = fmt.Sprintf("fetched in %.1f s, %s of it before", p.Seconds, bytesText(p.Resumed))
	}
	if p.Stated {
		state += "; its SHA-256 is what the site states"
	}
	fmt.Fprintf(w, "model\t%s\n", p.Model)
	fmt.Fprintf(w, "file\t%s\n", p.Path)
	fmt.Fprintf(w, "size\t%s\n", bytesText(p.Bytes))
	fmt.Fprintf(w, "sha256\t%s\n", p.SHA256)
	fmt.Fprintf(w, "state\t%s\n", state)
	return w.Flush()
}
