package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"moed/daemon"
)

func inspectCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Aliases:   []string{"show"},
		Usage:     "tell what is in a GGUF file, and whether moed runs it",
		ArgsUsage: "MODEL|FILE [--json]",
		Flags:     []cli.Flag{switchFlag("json", "print JSON")},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("inspect wants one file, found %d", c.NArg())
			}
			file, err := fileOf(c.Args().First())
			if err != nil {
				return err
			}
			r, err := daemon.Inspect(file)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return writeJSON(u.std.Out, r)
			}
			return writeReport(u.std.Out, r)
		},
	}
}

// writeReport prints r for people.
func writeReport(out io.Writer, r *daemon.Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	row("file", "%s, GGUF version %d", r.File, r.GGUFVersion)
	row("model", "%s", clean(either(r.Name, "no name")))
	row("architecture", "%s", clean(either(r.Architecture, "not stated")))
	row("shape", "%d layers, hidden %d, %d heads, %d for keys and values", r.Layers, r.Hidden, r.Heads, r.KVHeads)
	if r.Experts > 0 {
		row("experts", "%d per layer, %d chosen per token, %d shared", r.Experts, r.TopK, r.SharedExperts)
	} else {
		row("experts", "none: a dense model")
	}
	row("parameters", "%s", countText(r.Parameters))
	row("context", "%d tokens", r.Context)
	row("size", "%s: %s dense, %s experts", bytesText(r.Sizes.File), bytesText(r.Sizes.Dense), bytesText(r.Sizes.Experts))
	if r.Sizes.Expert > 0 {
		row("one expert", "%s", span(r.Sizes.ExpertSmallest, r.Sizes.Expert))
		row("a token's experts", "%s", bytesText(r.Sizes.TokenExperts))
	}
	for _, g := range r.Groups {
		row(g.Name, "%s in %s", bytesText(g.Bytes), types(g.Types))
	}
	row("tokenizer", "%s, %d tokens", clean(strings.TrimSpace(either(r.Tokenizer.Model, "not stated")+" "+r.Tokenizer.Pre)), r.Tokenizer.Size)
	row("chat template", "%s", templateText(r.Template))
	if r.Runs {
		row("runs", "yes")
	}
	for i, why := range r.Unsupported {
		row(map[bool]string{true: "runs", false: ""}[i == 0], "no: %s", clean(why))
	}
	return w.Flush()
}

func either(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

// clean keeps a file's text from steering the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

func span(low, high int64) string {
	if low == high {
		return bytesText(low)
	}
	return bytesText(low) + " to " + bytesText(high)
}

// types lists tensor types with how many tensors have each, the most first.
func types(count map[string]int) string {
	names := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		if count[a] != count[b] {
			return count[b] - count[a]
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%d × %s", count[name], name)
	}
	return strings.Join(names, ", ")
}

func templateText(t daemon.TemplateReport) string {
	switch {
	case t.Parses:
		return fmt.Sprintf("%d bytes", t.Bytes)
	case t.Note != "":
		return clean(t.Note)
	case t.Present:
		return fmt.Sprintf("%d bytes, not tried", t.Bytes)
	}
	return "none: the model continues a text"
}
