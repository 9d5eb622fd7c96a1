package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"moed/cli/logbook"
	"moed/cli/userdir"
)

// logs is where what is asked and answered is kept, and whether it is.
type logs struct {
	path string
	on   bool
}

// logsOf is what c says, and where it says nothing, the settings.
func logsOf(c *cli.Context) (l logs, err error) {
	if c.Bool("no-log") && c.Bool("log") {
		return l, usagef("--log keeps this in the history and --no-log does not")
	}
	l.path, err = logPath(c.String("database"))
	if err != nil {
		return logs{}, nil // without a home there is no history
	}
	l.on = c.Bool("log") || logsOn() && !c.Bool("no-log")
	return l, nil
}

// logPath is where the history is, unless path says.
func logPath(path string) (string, error) {
	if path != "" {
		return filepath.Abs(path)
	}
	dir, err := userdir.Data()
	return filepath.Join(dir, "logs.db"), err
}

// logsOn reports whether moed logs off was not said.
func logsOn() bool {
	path, err := settingPath(logsOffFile)
	if err != nil {
		return false
	}
	_, err = os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// keepFor is the longest that the history may hold a command up, once the
// answer is out.
const keepFor = 10 * time.Second

// keep puts responses into the history. Where that fails it is said, and no
// more: the answer is what was wanted.
func (t *talk) keep(responses []logbook.Response) {
	if !t.logs.on || len(responses) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), keepFor)
	defer cancel()
	book, err := logbook.Open(ctx, t.logs.path)
	if err == nil {
		err = errors.Join(book.Add(ctx, responses...), book.Close())
	}
	if err != nil {
		t.u.sayf("this answer is not in the history: %s", clean(err.Error()))
	}
}

// readBook opens the history at path to read it; nil where there is none yet.
func readBook(ctx context.Context, path string) (*logbook.Book, error) {
	book, err := logbook.OpenExisting(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return book, err
}
