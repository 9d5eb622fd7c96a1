package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
)

func chatCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "chat",
		Usage:     "hold a conversation, line by line",
		ArgsUsage: "[flags]",
		Description: "Each line of standard input is answered, with all that was said before. exit or quit ends the chat, and so does\n" +
			"the end of input. Ctrl-C ends an answer; at the prompt, the chat.\n" + chatHelp,
		Flags:  askFlags(),
		Action: func(c *cli.Context) error { return chat(c, u) },
	}
}

// chatHelp is what a line may be other than a text.
const chatHelp = `!multi            say the lines that follow, up to !end, together; !multi X ends at !end X
!edit             write what to say in $VISUAL or $EDITOR
!fragment NAME... put a file, alias or hash before what is said next
!template NAME    have what is said from here on go through a template
exit, quit        end the chat`

// conversationLine is one thing that happens to a chat.
type chatLine struct {
	text string
	err  error
}

// dialogue is a chat under way.
type dialogue struct {
	*talk
	c       *cli.Context
	signals chan os.Signal
	want    chan struct{} // asks for a line
	lines   chan chatLine
}

func chat(c *cli.Context, u *ui) error {
	if _, err := wantArgs(c, 0); err != nil {
		return err
	}
	if u.std.In == nil {
		return usagef("there is no standard input to read from")
	}
	a, err := newAsk(c, u)
	if err != nil {
		return err
	}
	if a.stdinRead {
		return usagef("standard input is what chat reads: it can be no fragment")
	}
	t, err := a.begin(c.Context, u)
	if err != nil {
		return err
	}
	d := &dialogue{talk: t, c: c, signals: make(chan os.Signal, 1), want: make(chan struct{}), lines: make(chan chatLine)}
	signal.Notify(d.signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(d.signals)
	go d.read() // ends when want is closed, or at the end of input
	defer close(d.want)
	if d.asks() {
		u.raw(fmt.Sprintf("Chatting with %s. Type exit or quit to end, !help for more.\n", clean(t.e.Name())))
	}
	err = d.loop()
	return errors.Join(err, t.close())
}

// read reads lines as they are wanted, so that others may read standard input
// meanwhile.
func (d *dialogue) read() {
	in := d.u.lines(d.u.std.In)
	for range d.want {
		text, err := in.read()
		d.lines <- chatLine{text, err}
	}
}

// asks reports whether somebody types at a terminal.
func (d *dialogue) asks() bool {
	f, is := d.u.std.In.(*os.File)
	return is && isTerminal(f)
}

// line is the next line of input. The error is io.EOF at the end, errInterrupted
// where a signal came first.
func (d *dialogue) line(ask string) (string, error) {
	if d.asks() {
		d.u.raw(ask)
	}
	d.want <- struct{}{}
	select {
	case l := <-d.lines:
		if errors.Is(l.err, io.EOF) && d.asks() {
			d.u.raw("\n")
		}
		return l.text, l.err
	case <-d.signals:
		go func() { <-d.lines }() // ends with the line that is being read, or the process
		if d.asks() {
			d.u.raw("\n")
		}
		return "", errInterrupted
	}
}

func (d *dialogue) loop() error {
	for {
		line, err := d.line("> ")
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		said := strings.TrimSpace(line)
		if said == "exit" || said == "quit" {
			return nil
		}
		text, err := d.command(said, line)
		switch {
		case errors.Is(err, errInterrupted), errors.Is(err, io.EOF):
			return nil
		case err != nil:
			d.u.report(err)
			continue
		case strings.TrimSpace(text) == "" && len(d.fragments) == 0 || text == "":
			continue
		}
		if err := d.turn(text); err != nil {
			return err
		}
	}
}

// command is what a line says: itself, or what a line that begins with ! has it
// say; "" is nothing.
func (d *dialogue) command(said, line string) (string, error) {
	word, rest, _ := strings.Cut(said, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "!multi":
		return d.multi(rest)
	case "!edit":
		return d.edit()
	case "!fragment":
		if rest == "" {
			return "", errors.New("!fragment wants a file, an alias or a hash")
		}
		found, err := d.resolve(d.c.Context, d.u, strings.Fields(rest))
		d.fragments = append(d.fragments, found...)
		return "", err
	case "!template":
		t, err := readTemplate(rest)
		if err == nil {
			d.template = t
		}
		return "", err
	case "!help":
		return "", d.u.raw(chatHelp + "\n")
	}
	return line, nil
}

// multi reads lines up to !end, or with a word to !end and that word.
func (d *dialogue) multi(word string) (string, error) {
	end := strings.TrimSpace("!end " + word)
	var all []string
	for {
		line, err := d.line(". ")
		if errors.Is(err, io.EOF) && all != nil {
			break
		}
		if err != nil {
			return "", err
		}
		if strings.TrimSpace(line) == end {
			break
		}
		all = append(all, line)
	}
	return strings.Join(all, "\n"), nil
}

// edit has the user write a text in an editor. The file is in a directory that
// only the user can read, and is deleted.
func (d *dialogue) edit() (string, error) {
	dir, err := os.MkdirTemp("", "moed-*") // 0700
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "prompt.md")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return "", err
	}
	if err := edit(d.c, d.u, path); err != nil {
		return "", err
	}
	text, err := readText(path)
	return strings.TrimRight(text, "\n"), err
}

// turn says text and shows the answer. An interrupt ends the answer alone; so
// does what goes wrong with it, which is said. The error ends the chat.
func (d *dialogue) turn(text string) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(d.c.Context)) // which ends with the first interrupt
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- d.say(ctx, text) }() // ends below
	var stop error
	for {
		select {
		case s := <-d.signals:
			if s != os.Interrupt {
				stop = errInterrupted
			}
			cancel()
			continue
		case err := <-ended:
			d.fragments = nil
			switch {
			case stop != nil:
				return stop
			case err == nil, errors.Is(err, errInterrupted):
				return nil
			case errors.Is(err, syscall.EPIPE):
				return err
			}
			d.u.report(err)
			return nil
		}
	}
}
