package cli

import (
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"moed/cli/fetch"
	"moed/daemon/api"
)

func loadCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "load",
		Usage:     "have the daemon load a model, so that its first answer comes at once",
		ArgsUsage: "[MODEL] [--keep-alive 10m] [--wait]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "keep-alive", Usage: "keep it for `TIME` after its last use: 10m, 1h30m, seconds, or forever", DefaultText: "the daemon's own, mostly 5m"},
			switchFlag("wait", "where the daemon is busy or not up yet, wait until it is"),
			hostFlag(),
			switchFlag("json", "print JSON"),
		},
		Action: func(c *cli.Context) error { return load(c, u) },
	}
}

func unloadCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "unload",
		Aliases:   []string{"stop"},
		Usage:     "have the daemon give a model's memory back, once nobody uses it",
		ArgsUsage: "MODEL...",
		Flags:     []cli.Flag{hostFlag(), switchFlag("json", "print JSON")},
		Action:    func(c *cli.Context) error { return unload(c, u) },
	}
}

const loadPause = 2 * time.Second // between attempts of load --wait

func load(c *cli.Context, u *ui) error {
	if c.NArg() > 1 {
		return usagef("load wants one model, found %d", c.NArg())
	}
	keep, err := keepAlive(c.String("keep-alive"))
	if err != nil {
		return err
	}
	name, err := unalias(c.Args().First())
	if err != nil {
		return err
	}
	var meter byteMeter
	var waiting atomic.Pointer[string]
	say := func(text string) { waiting.Store(&text) }
	say("asking the daemon")
	done := u.whileWaiting(func() string {
		if text := *waiting.Load(); text != "" {
			return text
		}
		return meter.bar()
	})
	defer done()
	client := &api.Client{Address: c.String("host")}
	began := time.Now()
	for {
		m, err := client.Load(c.Context, name, keep, func(p api.LoadProgress) {
			say(clean(p.Waiting))
			meter.update(fetch.Progress{Verb: "loading", Done: p.Done, Total: p.Total})
		})
		if err == nil {
			done()
			return loaded(c, u, m, time.Since(began))
		}
		coded := ofDaemon(err)
		if !c.Bool("wait") || !passing(coded) {
			return coded
		}
		say(clean(err.Error()))
		pause := loadPause
		var refused *api.Error
		if errors.As(err, &refused) && refused.RetryAfter > 0 {
			pause = refused.RetryAfter
		}
		if err := sleep(c.Context, pause); err != nil {
			return err
		}
	}
}

// passing reports whether what failed may do later.
func passing(err error) bool {
	var coded codedError
	return errors.As(err, &coded) && (coded.code == exitTryAgain || coded.code == exitUnavailable)
}

func loaded(c *cli.Context, u *ui, m *api.Model, took time.Duration) error {
	if c.Bool("json") {
		return writeJSON(u.std.Out, m)
	}
	_, err := fmt.Fprintf(u.std.Out, "%s is loaded, in %.1f s; it takes %s of memory\n", clean(m.Name), took.Seconds(), bytesText(m.Resident))
	return err
}

func unload(c *cli.Context, u *ui) error {
	if c.NArg() == 0 {
		return usagef("unload wants a model; moed ps lists those that are loaded")
	}
	client := &api.Client{Address: c.String("host")}
	for _, word := range c.Args().Slice() {
		name, err := unalias(word)
		if err != nil {
			return err
		}
		if err := client.Unload(c.Context, name); err != nil {
			return ofDaemon(err)
		}
		if !c.Bool("json") {
			if _, err := fmt.Fprintf(u.std.Out, "%s is unloaded as soon as nobody uses it\n", clean(name)); err != nil {
				return err
			}
		}
	}
	if c.Bool("json") {
		return writeJSON(u.std.Out, map[string][]string{"unloaded": c.Args().Slice()})
	}
	return nil
}

const maxKeepAlive = 1e9 // seconds

// keepAlive reads 10m, 90 (seconds), or forever; nil is the daemon's own.
func keepAlive(text string) (*time.Duration, error) {
	if text == "" {
		return nil, nil
	}
	d, err := time.ParseDuration(text)
	if seconds, numErr := strconv.ParseFloat(text, 64); numErr == nil && seconds < maxKeepAlive && seconds > -maxKeepAlive {
		d, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if text == "forever" {
		d, err = -1, nil
	}
	if err != nil {
		return nil, usagef("--keep-alive: found %q, want a time like 10m, a number of seconds, or forever", text)
	}
	return &d, nil
}
