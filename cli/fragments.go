package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"moed/cli/logbook"
)

// maxFragment is the longest file that is taken into a prompt, in bytes.
const maxFragment = 32 << 20

// resolve finds fragments: what standard input holds, an alias or a hash in the
// history, or else a file.
func (a *ask) resolve(ctx context.Context, u *ui, keys []string) (found []logbook.Fragment, err error) {
	for _, key := range keys {
		f, err := a.fragment(ctx, u, key)
		if err != nil {
			return nil, err
		}
		found = append(found, f)
	}
	return found, nil
}

func (a *ask) fragment(ctx context.Context, u *ui, key string) (logbook.Fragment, error) {
	if key == "-" {
		if a.stdinRead {
			return logbook.Fragment{}, usagef("standard input can be one fragment only")
		}
		a.stdinRead = true
		text, err := readStdin(ctx, u)
		return logbook.NewFragment(text, key), err
	}
	return findFragment(ctx, a.logs.path, key)
}

// findFragment is the fragment of that alias, hash or file.
func findFragment(ctx context.Context, database, key string) (f logbook.Fragment, err error) {
	if strings.Contains(key, "://") {
		return f, withHint(usagef("fragment %s: moed fetches nothing from the network", key), "fetch it yourself, as in: curl -s %s | moed -f - ...", key)
	}
	book, err := readBook(ctx, database)
	if err != nil {
		return f, err
	}
	if book != nil {
		defer book.Close()
		f, err := book.Fragment(ctx, key)
		if !errors.Is(err, logbook.ErrNotFound) {
			return f, err
		}
	}
	text, err := readText(key)
	if errors.Is(err, fs.ErrNotExist) {
		return f, withHint(fmt.Errorf("fragment %s: no file, alias or hash is called so", key), "moed fragments lists aliases and hashes")
	}
	return logbook.NewFragment(text, key), err
}

// readText reads a file that must hold text.
func readText(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case info.IsDir():
		return "", fmt.Errorf("%s: a directory, want a file of text", path)
	case info.Size() > maxFragment:
		return "", fmt.Errorf("%s: %s, and at most %s are read", path, bytesText(info.Size()), bytesText(maxFragment))
	}
	text, err := os.ReadFile(path)
	if err == nil && !utf8.Valid(text) {
		return "", fmt.Errorf("%s: not text in UTF-8", path)
	}
	return string(text), err
}

func fragmentsCommand(u *ui) *cli.Command {
	return group("fragments", "texts that prompts share",
		&cli.Command{Name: "list", Usage: "list them", ArgsUsage: "[flags]",
			Flags: append(listFlags(), many("query", "those that have `TERM` in text, source, hash or alias, repeatable", "q"),
				switchFlag("aliases", "only those with an alias"), databaseFlag()),
			Action: func(c *cli.Context) error { return listFragments(c, u) }},
		&cli.Command{Name: "set", Usage: "name a text: a file, an alias or hash, or - for standard input", ArgsUsage: "ALIAS FRAGMENT", Flags: []cli.Flag{databaseFlag()},
			Action: func(c *cli.Context) error { return setFragment(c, u) }},
		&cli.Command{Name: "show", Usage: "print a text", ArgsUsage: "FRAGMENT", Flags: []cli.Flag{databaseFlag()},
			Action: func(c *cli.Context) error {
				words, path, err := fragmentArgs(c, 1)
				if err != nil {
					return err
				}
				f, err := findFragment(c.Context, path, words[0])
				if err != nil {
					return err
				}
				_, err = fmt.Fprint(u.std.Out, withNewline(f.Content))
				return err
			}},
		&cli.Command{Name: "remove", Usage: "forget an alias; the text stays in the history", ArgsUsage: "ALIAS", Flags: []cli.Flag{databaseFlag()},
			Action: func(c *cli.Context) error {
				words, path, err := fragmentArgs(c, 1)
				if err != nil {
					return err
				}
				book, err := logbook.OpenExisting(c.Context, path)
				if err == nil {
					defer book.Close()
					err = book.RemoveAlias(c.Context, words[0])
				}
				if errors.Is(err, logbook.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("no fragment is called %s", words[0])
				}
				return err
			}},
	)
}

// fragmentArgs are the n words that c wants, and where the history is.
func fragmentArgs(c *cli.Context, n int) (words []string, path string, err error) {
	if words, err = wantArgs(c, n); err != nil {
		return nil, "", err
	}
	path, err = logPath(c.String("database"))
	return words, path, err
}

func setFragment(c *cli.Context, u *ui) error {
	words, path, err := fragmentArgs(c, 2)
	if err != nil {
		return err
	}
	a := &ask{logs: logs{path: path}}
	f, err := a.fragment(c.Context, u, words[1])
	if err != nil {
		return err
	}
	book, err := logbook.Open(c.Context, path)
	if err != nil {
		return err
	}
	return errors.Join(book.SetAlias(c.Context, words[0], f), book.Close())
}

// listedFragment is one in JSON, with llm's names.
type listedFragment struct {
	Hash     string   `json:"hash"`
	Aliases  []string `json:"aliases"`
	Datetime string   `json:"datetime_utc"`
	Source   string   `json:"source"`
	Content  string   `json:"content"`
}

func listFragments(c *cli.Context, u *ui) error {
	_, path, err := fragmentArgs(c, 0)
	if err != nil {
		return err
	}
	book, err := readBook(c.Context, path)
	if err != nil {
		return err
	}
	var found []listedFragment
	if book != nil {
		defer book.Close()
		all, err := book.Fragments(c.Context, "")
		if err != nil {
			return err
		}
		for _, f := range all {
			if c.Bool("aliases") && len(f.Aliases) == 0 || !hasAll(strings.Join(append(f.Aliases, f.Hash, f.Source, f.Content), "\n"), c.StringSlice("query")) {
				continue
			}
			found = append(found, listedFragment{f.Hash, f.Aliases, logbook.FormatTime(f.Time), f.Source, f.Content})
		}
	}
	if wantsJSON(c) {
		return writeList(u.std.Out, found, c.Bool("nl"))
	}
	return writeTable(u.std.Out, []string{"HASH", "ALIASES", "SOURCE", "SIZE", "TEXT"}, len(found), func(i int) []string {
		f := found[i]
		return []string{f.Hash[:12], strings.Join(f.Aliases, ", "), f.Source, bytesText(int64(len(f.Content))), shorten(f.Content, 50)}
	})
}
