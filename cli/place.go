package cli

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"moed/daemon"
	"moed/daemon/api"
)

// place is where models run: in this process, or in a daemon. A command does
// not say which it was.
type place struct {
	client *api.Client // nil is this process
	asked  bool        // for the daemon, by flag or environment
}

// answerer is an open model, wherever it is.
type answerer interface {
	Name() string
	// HasTemplate is as daemon.Engine's, and so are the others.
	HasTemplate() bool
	Notes() []string
	LoadTime() time.Duration
	Generate(context.Context, *daemon.Request, func(daemon.Piece) error) (daemon.Result, error)
	Close() error
}

// placeFlags say where models run.
func placeFlags() []cli.Flag {
	return []cli.Flag{
		hostFlag(),
		switchFlag("local", "run the model in this process, whether or not a daemon runs"),
	}
}

func hostFlag() cli.Flag {
	return &cli.StringFlag{Name: "host", Aliases: []string{"H"}, EnvVars: []string{"MOED_HOST"},
		Usage: "ask the daemon at `ADDRESS`: unix:///path or tcp://host:port", DefaultText: "one that runs here, if any"}
}

// placeOf is where c's model runs: what its flags ask for, else the daemon that
// runs. Flags that say how to open a model mean this process.
func placeOf(c *cli.Context) (place, error) {
	host, local := c.String("host"), c.Bool("local")
	byFlag := host != "" && host != os.Getenv("MOED_HOST")
	if byFlag && local {
		return place{}, usagef("--host asks for a daemon and --local for none")
	}
	if flag := engineFlagOf(c); flag != "" {
		if byFlag {
			return place{}, usagef("--%s is for a model in this process, and the daemon at %s has its own", flag, host)
		}
		local = true
	}
	if local {
		return place{}, nil
	}
	client := &api.Client{Address: host}
	if host != "" {
		return place{client: client, asked: true}, nil
	}
	if client.Running(c.Context) {
		return place{client: client}, nil
	}
	return place{}, nil
}

// engineFlagOf is the first flag of c, not from the environment, that only means
// something for a model in this process.
func engineFlagOf(c *cli.Context) string {
	for _, name := range []string{"ctx", "threads", "memory", "kv", "profile", "logprobs"} {
		if c.IsSet(name) && !(name == "memory" && c.String(name) == os.Getenv("MOED_MEMORY")) {
			return name
		}
	}
	return ""
}

// open opens the model that named has told. It says how far it is where that
// takes long.
func (p place) open(ctx context.Context, u *ui, config daemon.Config, model string) (answerer, error) {
	if p.client != nil {
		r, err := p.remote(ctx, model)
		if r != nil || err != nil {
			return r, err
		}
	}
	config.Model = model
	if !isPath(model) {
		var err error
		if config.Model, err = localModel(model); err != nil {
			return nil, err
		}
	}
	return openLocal(ctx, u, config)
}

// named is the name or path of the model that an alias or "" stands for; ""
// where it has to be seen what there is.
func (p place) named(model string) (string, error) {
	if model == "" && !p.asked { // a daemon that was asked for has a default
		return defaultModel()
	}
	return unalias(model)
}

// remote is the model in the daemon, or nil where it is not one of the daemon's
// and may be run here.
func (p place) remote(ctx context.Context, model string) (answerer, error) {
	models, err := p.client.Models(ctx)
	if err != nil {
		if !p.asked && ctx.Err() == nil { // it has gone meanwhile, or does not let this user in
			return nil, nil
		}
		return nil, ofDaemon(err)
	}
	path := ""
	if isPath(model) {
		if path, err = filepath.Abs(model); err != nil {
			return nil, err
		}
	}
	var names []string
	for _, m := range models {
		names = append(names, m.Name)
		switch {
		case model == "" && m.Default,
			path != "" && m.Path == path,
			path == "" && strings.EqualFold(m.Name, strings.TrimSuffix(model, ":latest")):
			return &remote{client: p.client, model: m}, nil
		}
	}
	if model == "" {
		return &remote{client: p.client}, nil
	}
	if !p.asked {
		return nil, nil
	}
	return nil, withHint(&daemon.NoModelError{Name: model, Near: names}, "moed models lists what the daemon has; --local runs a file in this process")
}

// ofDaemon gives what a daemon says, or that there is none, its exit code.
func ofDaemon(err error) error {
	var refused *api.Error
	var gone *api.UnreachableError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return errInterrupted
	case errors.As(err, &gone):
		return withCode(err, exitUnavailable)
	case errors.As(err, &refused) && refused.Status == http.StatusUnauthorized:
		return withHint(errors.New("the daemon wants a token"), "moed token create NAME, by the daemon's user, makes one; give it as MOED_TOKEN")
	case errors.As(err, &refused) && (refused.Status == http.StatusTooManyRequests || refused.Status == http.StatusServiceUnavailable):
		return withCode(err, exitTryAgain)
	}
	return err
}
