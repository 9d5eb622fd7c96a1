package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/urfave/cli/v2"

	"moed/cli/screen"
	"moed/daemon"
	"moed/daemon/api"
)

func topCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "top",
		Usage:     "watch the daemon: its rate, memory, experts and requests",
		ArgsUsage: "[MODEL] [--once] [--json]",
		Description: "On a terminal a picture; ? in it tells the keys. Elsewhere, and where NO_COLOR is set or TERM is\n" +
			"dumb, a line each second.",
		Flags: []cli.Flag{
			switchFlag("once", "print one picture and end"),
			switchFlag("json", "print JSON: with --once one object, else one a line"),
			hostFlag(),
		},
		Action: func(c *cli.Context) error { return top(c, u) },
	}
}

func top(c *cli.Context, u *ui) error {
	if c.NArg() > 1 {
		return usagef("top wants one model or none, found %d", c.NArg())
	}
	client := &api.Client{Address: c.String("host")}
	s := &screen.State{Model: c.Args().First(), Maps: map[string]*api.Experts{}}
	if c.Bool("once") {
		if err := look(c.Context, client, s); err != nil {
			return ofDaemon(err)
		}
		return writeOnce(c, u, s)
	}
	if c.Bool("json") || !drawable(u) {
		return topLines(c, u, client)
	}
	if _, err := client.Status(c.Context); err != nil { // before the terminal is taken
		return ofDaemon(err)
	}
	return topScreen(c.Context, u, client, s)
}

// drawable reports whether pictures may be drawn in place: there is a terminal,
// not a dumb one, and nobody asked for plain text.
func drawable(u *ui) bool {
	in, readable := u.std.In.(*os.File)
	out, writable := u.std.Out.(*os.File)
	return readable && writable && isTerminal(in) && isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// look takes all that a picture shows, once.
func look(ctx context.Context, client *api.Client, s *screen.State) error {
	status, err := client.Status(ctx)
	if err != nil {
		return err
	}
	s.Status, s.Now, s.Rates = status, time.Now(), []float64{status.Totals.Rate}
	for _, m := range status.Models {
		if m.State != daemon.StateReady || m.Experts == 0 {
			continue
		}
		var refused *api.Error
		e, err := client.Experts(ctx, m.Name)
		if errors.As(err, &refused) { // it has been unloaded meanwhile
			continue
		}
		if err != nil {
			return err
		}
		s.Maps[m.Name] = e
	}
	return nil
}

// snapshot is what moed top --json prints.
type snapshot struct {
	Status  *api.Status    `json:"status"`
	Experts []*api.Experts `json:"experts"`
}

func snapshotOf(s *screen.State) snapshot {
	shot := snapshot{Status: s.Status, Experts: []*api.Experts{}}
	for _, m := range s.Status.Models {
		if e := s.Maps[m.Name]; e != nil {
			shot.Experts = append(shot.Experts, e)
		}
	}
	return shot
}

func writeOnce(c *cli.Context, u *ui, s *screen.State) error {
	if c.Bool("json") {
		return writeJSON(u.std.Out, snapshotOf(s))
	}
	width := 100
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		width = min(n, 1000)
	}
	lines := screen.Draw(s, screen.Look{Width: width, Height: 40})
	for len(lines) > 1 && lines[len(lines)-2] == "" { // the keys are of no use here
		lines = lines[:len(lines)-1]
	}
	for _, text := range lines[:len(lines)-1] {
		if _, err := fmt.Fprintln(u.std.Out, strings.TrimRight(text, " ")); err != nil {
			return err
		}
	}
	return nil
}

// topLines prints a line each second, of text or of JSON, until interrupted or
// the reader has left.
func topLines(c *cli.Context, u *ui, client *api.Client) error {
	s := &screen.State{Maps: map[string]*api.Experts{}}
	written := time.Time{}
	for {
		err := client.Events(c.Context, func(e api.Event) error {
			s.Take(e, time.Now())
			if e.Status == nil || time.Since(written) < watchPace-50*time.Millisecond { // they come twice a second
				return nil
			}
			written = time.Now()
			return writeTopLine(c, u.std.Out, s)
		})
		if c.Context.Err() != nil {
			return errInterrupted
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return ofDaemon(err)
		}
		u.sayf("the daemon has ended; waiting for the next one")
		for !client.Running(c.Context) {
			if err := sleep(c.Context, watchPace); err != nil {
				return err
			}
		}
	}
}

func writeTopLine(c *cli.Context, out io.Writer, s *screen.State) error {
	if c.Bool("json") {
		return json.NewEncoder(out).Encode(snapshotOf(s))
	}
	_, err := fmt.Fprintln(out, screen.Line(s))
	return err
}

// topScreen draws until the user leaves.
func topScreen(ctx context.Context, u *ui, client *api.Client, s *screen.State) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p := tea.NewProgram(&topModel{ctx: ctx, client: client, state: s},
		tea.WithContext(ctx), tea.WithInput(u.std.In), tea.WithOutput(u.std.Out), tea.WithoutSignalHandler())
	go follow(ctx, client, p.Send) // ends with ctx
	_, err := p.Run()
	if errors.Is(err, tea.ErrProgramKilled) || errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	return err
}

// follow sends the daemon's events on, and goes on where it comes back.
func follow(ctx context.Context, client *api.Client, send func(tea.Msg)) {
	for ctx.Err() == nil {
		err := client.Events(ctx, func(e api.Event) error {
			send(e)
			return nil
		})
		if ctx.Err() == nil {
			send(lostMsg{err})
			sleep(ctx, 2*watchPace)
		}
	}
}
