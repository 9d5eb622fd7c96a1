package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"moed/cli/logbook"
)

func logsCommand(u *ui) *cli.Command {
	return group("logs", "what was asked and answered",
		logsListCommand(u),
		&cli.Command{Name: "path", Usage: "print the path of the history", Flags: []cli.Flag{databaseFlag()},
			Action: func(c *cli.Context) error {
				_, path, err := fragmentArgs(c, 0)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(u.std.Out, path)
				return err
			}},
		&cli.Command{Name: "status", Usage: "tell whether a history is kept, and how much is in it", ArgsUsage: "[flags]", Flags: []cli.Flag{switchFlag("json", "print JSON"), databaseFlag()},
			Action: func(c *cli.Context) error { return logsStatus(c, u) }},
		&cli.Command{Name: "on", Usage: "keep a history again",
			Action: func(c *cli.Context) error {
				if _, err := wantArgs(c, 0); err != nil {
					return err
				}
				return removeSetting(logsOffFile)
			}},
		&cli.Command{Name: "off", Usage: "keep no history any more; what there is stays, until moed logs purge",
			Action: func(c *cli.Context) error {
				if _, err := wantArgs(c, 0); err != nil {
					return err
				}
				return writeSetting(logsOffFile, "")
			}},
		&cli.Command{Name: "backup", Usage: "copy the history to a new file", ArgsUsage: "FILE", Flags: []cli.Flag{databaseFlag()},
			Action: func(c *cli.Context) error {
				words, path, err := fragmentArgs(c, 1)
				if err != nil {
					return err
				}
				book, err := logbook.OpenExisting(c.Context, path)
				if err != nil {
					return err
				}
				return errors.Join(book.Backup(c.Context, words[0]), book.Close())
			}},
		&cli.Command{Name: "purge", Usage: "delete what was asked and answered, for good", ArgsUsage: "[flags]",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "older", Usage: "only what is older than `AGE`: 30d, 12h, 2w, 1y", DefaultText: "all of it"},
				switchFlag("yes", "do not ask", "y"), databaseFlag()},
			Action: func(c *cli.Context) error { return logsPurge(c, u) }},
	)
}

func logsStatus(c *cli.Context, u *ui) error {
	_, path, err := fragmentArgs(c, 0)
	if err != nil {
		return err
	}
	status := struct {
		On   bool   `json:"on"`
		Path string `json:"path"`
		logbook.Status
	}{On: logsOn(), Path: path}
	book, err := readBook(c.Context, path)
	if err != nil {
		return err
	}
	if book != nil {
		defer book.Close()
		if status.Status, err = book.Status(c.Context); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		return writeJSON(u.std.Out, status)
	}
	kept := "a history is kept; moed logs off ends that"
	if !status.On {
		kept = "no history is kept; moed logs on begins one"
	}
	_, err = fmt.Fprintf(u.std.Out, "%s\n%s: %d prompts in %d conversations, %s\n", kept, path, status.Responses, status.Conversations, bytesText(status.Bytes))
	return err
}

func logsPurge(c *cli.Context, u *ui) error {
	_, path, err := fragmentArgs(c, 0)
	if err != nil {
		return err
	}
	before := time.Now().AddDate(1, 0, 0) // all, whatever the clock said
	what := "all of " + path
	if older := c.String("older"); older != "" {
		age, err := parseAge(older)
		if err != nil {
			return usageError{err}
		}
		before, what = time.Now().Add(-age), "what is older than "+older+" in "+path
	}
	book, err := readBook(c.Context, path)
	if err != nil {
		return err
	}
	if book == nil {
		u.sayf("there is nothing to delete: %s is not there", path)
		return nil
	}
	defer book.Close()
	if f, is := u.std.In.(*os.File); is && isTerminal(f) && !c.Bool("yes") {
		if err := u.raw(fmt.Sprintf("moed: delete %s? [y/N] ", what)); err != nil {
			return err
		}
		if answer, err := u.lines(u.std.In).read(); err != nil || !strings.HasPrefix(strings.ToLower(answer), "y") {
			return errors.New("nothing was deleted")
		}
	}
	n, err := book.Purge(c.Context, before)
	if err == nil || n > 0 {
		u.sayf("%d prompts and their answers are deleted", n)
	}
	return err
}

// parseAge reads a whole number with h, d, w or y for hours, days, weeks or
// years.
func parseAge(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	units := map[byte]time.Duration{'h': time.Hour, 'd': day, 'w': 7 * day, 'y': 365 * day}
	if text != "" {
		n, err := strconv.Atoi(text[:len(text)-1])
		if unit := units[text[len(text)-1]]; err == nil && unit > 0 && n >= 0 && n < 100*366 {
			return time.Duration(n) * unit, nil
		}
	}
	return 0, fmt.Errorf("age %q: want a number with h, d, w or y behind it, as in 30d", text)
}

func logsListCommand(u *ui) *cli.Command {
	return &cli.Command{Name: "list", Usage: "show the last of them", ArgsUsage: "[flags]",
		Flags: append(listFlags(),
			&cli.IntFlag{Name: "count", Aliases: []string{"n"}, Value: 3, Usage: "the last `N`; 0 is all, as it is with -c and --cid"},
			&cli.StringFlag{Name: "model", Aliases: []string{"m"}, Usage: "of `MODEL`"},
			&cli.StringFlag{Name: "query", Aliases: []string{"q"}, Usage: "with `WORDS` in prompt or answer, the best last"},
			switchFlag("latest", "with -q: the latest last", "l"),
			many("fragment", "with the `FRAGMENT`, repeatable", "f"),
			&cli.StringFlag{Name: "schema", Usage: "that follow `SCHEMA`, said as moed prompt takes it"},
			&cli.StringFlag{Name: "schema-multi", Usage: "that are any number of what `SCHEMA` describes"},
			many("tool", "that called the tool `NAME`, repeatable", "T"),
			switchFlag("tools", "that called tools"),
			switchFlag("conversation-current", "of the last conversation", "c", "current"),
			&cli.StringFlag{Name: "conversation", Aliases: []string{"cid"}, Usage: "of the conversation of that `ID`"},
			&cli.StringFlag{Name: "id-gt", Usage: "later than the one of that `ID`"},
			&cli.StringFlag{Name: "id-gte", Usage: "the one of that `ID`, and later ones"},
			switchFlag("response", "only the last answer", "r"),
			switchFlag("extract", "only the first fenced block of the last answer", "x"),
			switchFlag("extract-last", "only the last fenced block of the last answer", "xl"),
			switchFlag("data", "only the JSON that answers by a schema are, one a line"),
			switchFlag("data-array", "the same as a JSON array"),
			&cli.StringFlag{Name: "data-key", Usage: "of that JSON what is in the list at `KEY`"},
			switchFlag("data-ids", "with the ids of response and conversation in that JSON"),
			switchFlag("short", "a few lines each", "s"),
			switchFlag("truncate", "the beginnings of long texts", "t"),
			switchFlag("expand", "with all of the fragments", "e"),
			switchFlag("usage", "with tokens and timings", "u"),
			databaseFlag()),
		Action: func(c *cli.Context) error { return logsList(c, u) },
	}
}

func logsList(c *cli.Context, u *ui) error {
	_, path, err := fragmentArgs(c, 0)
	if err != nil {
		return err
	}
	book, err := logbook.OpenExisting(c.Context, path)
	if errors.Is(err, fs.ErrNotExist) {
		if wantsJSON(c) {
			return writeList(u.std.Out, []logRecord{}, c.Bool("nl"))
		}
		u.sayf("nothing has been asked yet: %s is not there", path)
		return nil
	}
	if err != nil {
		return err
	}
	defer book.Close()
	q, err := logQuery(c, book, path)
	if errors.Is(err, logbook.ErrNotFound) {
		u.sayf("there is no conversation yet")
		return nil
	}
	if err != nil {
		return err
	}
	list, err := book.List(c.Context, q)
	if err != nil {
		return err
	}
	return showLogs(c, u.std.Out, list)
}

// logQuery is what c asks for.
func logQuery(c *cli.Context, book *logbook.Book, path string) (q logbook.Query, err error) {
	q = logbook.Query{Last: c.Int("count"), Search: c.String("query"), Latest: c.Bool("latest"), Conversation: c.String("conversation"),
		Calls: c.Bool("tools"), Tools: c.StringSlice("tool"), AfterID: strings.ToLower(c.String("id-gt")), FromID: strings.ToLower(c.String("id-gte"))}
	if q.Last < 0 {
		return q, usagef("the last %d, want 0 or more", q.Last)
	}
	if q.Model, err = optionsName(c.String("model")); err != nil {
		return q, err
	}
	if q.Schema, err = schemaOf(c, path); err != nil {
		return q, err
	}
	if c.Bool("conversation-current") && q.Conversation == "" {
		current, err := book.Latest(c.Context)
		if err != nil {
			return q, err
		}
		q.Conversation = current.ID
	}
	if q.Conversation != "" && !c.IsSet("count") {
		q.Last = 0
	}
	if single := c.Bool("response") || c.Bool("extract") || c.Bool("extract-last"); single && !c.IsSet("count") {
		q.Last = 1
	}
	for _, key := range c.StringSlice("fragment") {
		f, err := findFragment(c.Context, path, key)
		if err != nil {
			return q, err
		}
		q.Fragments = append(q.Fragments, f.Hash)
	}
	return q, nil
}

// truncated is how much of a text -t shows, in characters.
const truncated = 100

func showLogs(c *cli.Context, w io.Writer, list []logbook.Response) error {
	if c.Bool("truncate") && !wantsData(c) {
		for i := range list {
			list[i].Prompt, list[i].Text, list[i].System = shorten(list[i].Prompt, truncated), shorten(list[i].Text, truncated), shorten(list[i].System, truncated)
		}
	}
	switch {
	case wantsData(c):
		return showData(c, w, list)
	case wantsJSON(c):
		var records []logRecord
		for i := range list {
			r := logRecordOf(&list[i])
			if !c.Bool("expand") {
				shortenFragments(r.PromptFragments)
				shortenFragments(r.SystemFragments)
			}
			records = append(records, r)
		}
		return writeList(w, records, c.Bool("nl"))
	case c.Bool("response") || c.Bool("extract") || c.Bool("extract-last"):
		for _, r := range list {
			text := r.Text
			if !c.Bool("response") {
				text = extract(text, c.Bool("extract-last"))
			}
			if _, err := io.WriteString(w, withNewline(text)); err != nil {
				return err
			}
		}
		return nil
	case c.Bool("short"):
		return showShort(c, w, list)
	}
	for i := range list {
		if err := showResponse(c, w, &list[i], i == 0 || list[i].Conversation.ID != list[i-1].Conversation.ID); err != nil {
			return err
		}
	}
	return nil
}

func shortenFragments(fragments []fragmentRecord) {
	for i := range fragments {
		fragments[i].Content = shorten(fragments[i].Content, truncated)
	}
}
