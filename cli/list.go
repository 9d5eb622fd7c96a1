package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
)

// listFlags are those of commands that list things.
func listFlags() []cli.Flag {
	return []cli.Flag{
		switchFlag("json", "print a JSON array"),
		switchFlag("nl", "print JSON, one object a line"),
	}
}

func wantsJSON(c *cli.Context) bool { return c.Bool("json") || c.Bool("nl") }

// wantArgs are the words behind the flags, of which c wants n.
func wantArgs(c *cli.Context, n int) ([]string, error) {
	if c.NArg() == n {
		return c.Args().Slice(), nil
	}
	name := c.Command.HelpName
	if n == 0 {
		return nil, withHint(usagef("%s takes no arguments, found %q", name, strings.Join(c.Args().Slice(), " ")), "%s -h tells the rest", strings.Join(strings.Fields(name)[:max(1, len(strings.Fields(name))-1)], " "))
	}
	return nil, withHint(usagef("%s wants %s, found %d words", name, c.Command.ArgsUsage, c.NArg()), "%s -h tells the rest", name)
}

// writeTable prints n rows below a head. Cells are on one line each, whatever is
// in them.
func writeTable(w io.Writer, head []string, n int, row func(i int) []string) error {
	if n == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(head, "\t"))
	for i := range n {
		cells := row(i)
		for j := range cells {
			cells[j] = clean(cells[j])
		}
		fmt.Fprintln(t, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
	return t.Flush()
}

// shorten is the beginning of text on one line, of at most n characters.
func shorten(text string, n int) string {
	const enough = 16 // bytes a character, with room for spaces
	if len(text) > n*enough {
		text = strings.ToValidUTF8(text[:n*enough], "")
	}
	line := []rune(strings.Join(strings.Fields(text), " "))
	if len(line) <= n {
		return string(line)
	}
	return string(line[:n-1]) + "…"
}
