package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync/atomic"

	"moed/cli/logbook"
	"moed/daemon"
)

// generate has the model answer r and shows the answer as it is made. Where it
// fails in the midst of that, what is out ends with a newline.
func (t *talk) generate(ctx context.Context, r *daemon.Request) (daemon.Result, error) {
	done := t.whileAnswering(r)
	defer done()
	thought := false // a line of thinking on standard error that has not ended
	endThought := func() error {
		if !thought {
			return nil
		}
		thought = false
		return t.u.raw("\n")
	}
	shown := false
	result, err := t.e.Generate(ctx, r, func(p daemon.Piece) error {
		done()
		if p.Reasoning != "" && t.show.reasoning {
			thought = !strings.HasSuffix(p.Reasoning, "\n")
			return t.u.raw(p.Reasoning)
		}
		if p.Text == "" || !t.streams() {
			return nil
		}
		if err := endThought(); err != nil {
			return err
		}
		shown = true
		_, err := io.WriteString(t.u.std.Out, p.Text)
		return err
	})
	done()
	err = errors.Join(err, endThought())
	if err != nil && !errors.Is(err, context.Canceled) && shown {
		fmt.Fprintln(t.u.std.Out)
	}
	return result, err
}

// streams reports whether the answer is shown as it is made.
func (t *talk) streams() bool {
	return !t.show.json && !t.show.whole && !t.show.extract && !t.show.extractLast
}

// whileAnswering says what goes on before the answer begins, until done.
func (t *talk) whileAnswering(r *daemon.Request) (done func()) {
	var read, total atomic.Int64
	var far atomic.Pointer[string] // what a daemon says
	r.Progress = func(p daemon.PromptProgress) { read.Store(int64(p.Read)); total.Store(int64(p.Total)) }
	if d, is := t.e.(*remote); is {
		d.status = func(line string) { far.Store(&line) }
	}
	return t.u.whileWaiting(func() string {
		line := far.Load()
		switch {
		case read.Load() == total.Load() && total.Load() > 0:
			return "thinking"
		case total.Load() == 0 && line != nil:
			return clean(*line)
		}
		return fmt.Sprintf("reading the prompt, %d of %d tokens", read.Load(), total.Load())
	})
}

// finish ends the output of an answer.
func (t *talk) finish(response *logbook.Response, r *daemon.Request, result daemon.Result) error {
	var err error
	switch {
	case t.show.json:
		err = writeJSON(t.u.std.Out, recordOf(t.e, response, r, result))
	case !t.streams():
		text := result.Text
		if t.show.extract || t.show.extractLast {
			text = extract(text, t.show.extractLast)
		}
		_, err = io.WriteString(t.u.std.Out, withNewline(text))
	case !strings.HasSuffix(result.Text, "\n"):
		_, err = fmt.Fprintln(t.u.std.Out)
	}
	if t.show.usage {
		sayUsage(t.u, t.e, r, result)
	}
	return err
}

func withNewline(text string) string {
	if strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}

// fence opens or closes a block of Markdown.
var fence = regexp.MustCompile("^ {0,3}(`{3,}|~{3,})([^`]*)$")

// extract is what is in the first or the last fenced block of text, or text
// where there is none. A block that does not end reaches to the end.
func extract(text string, last bool) string {
	var blocks []string
	var block []string
	open := ""
	for _, line := range strings.Split(text, "\n") {
		m := fence.FindStringSubmatch(strings.TrimRight(line, "\r"))
		switch {
		case open == "" && m != nil:
			open, block = m[1], nil
		case open != "" && m != nil && strings.HasPrefix(m[1], open) && strings.TrimSpace(m[2]) == "":
			blocks, open = append(blocks, strings.Join(block, "\n")), ""
		case open != "":
			block = append(block, line)
		}
	}
	if open != "" {
		blocks = append(blocks, strings.Join(block, "\n"))
	}
	switch {
	case blocks == nil:
		return text
	case last:
		return blocks[len(blocks)-1]
	}
	return blocks[0]
}
