package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"moed/daemon"
)

func runCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "run",
		Usage:       "answer a prompt, or continue a text (the default command)",
		ArgsUsage:   "[flags] [PROMPT]",
		Description: "The prompt is standard input, if that is a file or a pipe, followed by the arguments.",
		Flags: append(modelFlags(),
			&cli.StringFlag{Name: "system", Aliases: []string{"s"}, Usage: "system `TEXT`"},
			&cli.StringSliceFlag{Name: optionFlag, Usage: "set `KEY VALUE`, repeatable; the keys are " + strings.Join(daemon.OptionKeys(), ", ")},
			&cli.IntFlag{Name: "n", Usage: "at most `N` tokens", DefaultText: "until the model ends or the context is full"},
			&cli.StringFlag{Name: "seed", Usage: "random `SEED`; the same seed gives the same text", DefaultText: "a new one each time"},
			switchFlag("raw", "give the prompt to the model as it is, without its chat template"),
			switchFlag("hide-reasoning", "do not show what the model thinks before its answer", "R"),
			switchFlag("json", "print one JSON object at the end instead of the text"),
			&cli.IntFlag{Name: "logprobs", Usage: "log probabilities of each token and of the `K` likeliest, in JSON", DefaultText: "none"},
			switchFlag("usage", "tokens and timings to standard error", "u"),
		),
		Action: func(c *cli.Context) error { return run(c, u) },
	}
}

// modelFlags are those of commands that open a model.
func modelFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "model", Aliases: []string{"m"}, EnvVars: []string{"MOED_MODEL"}, Usage: "GGUF `FILE`", DefaultText: "the built-in story model"},
	}, engineFlags()...)
}

// engineFlags say how a model is opened.
func engineFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "ctx", Usage: "room for `N` tokens of prompt and answer", DefaultText: "the model's, at most 4096"},
		&cli.IntFlag{Name: "threads", Usage: "compute with `N` threads", DefaultText: "all processors"},
		&cli.StringFlag{Name: "memory", EnvVars: []string{"MOED_MEMORY"}, Usage: "use at most `SIZE` in all: 8G, 7.5GiB, or 60% of what is free", DefaultText: "what the machine leaves, less a reserve"},
		&cli.StringFlag{Name: "kv", Value: "f16", Usage: "`TYPE` of the key-value cache: f16, f32 or q8_0", DefaultText: "f16"},
		&cli.StringFlag{Name: "profile", Usage: "keep which experts are used under `NAME`, and begin with those of its last runs; off is neither", DefaultText: "one for all; off in bench and trace"},
	}
}

// switchFlag is a flag without a value.
func switchFlag(name, usage string, aliases ...string) cli.Flag {
	return &cli.BoolFlag{Name: name, Aliases: aliases, Usage: usage, DisableDefaultText: true}
}

func configOf(c *cli.Context) daemon.Config {
	return daemon.Config{Model: c.String("model"), Context: c.Int("ctx"), Threads: c.Int("threads"), KV: c.String("kv"), Memory: c.String("memory"),
		Flash: daemon.FlashConfig{Profile: c.String("profile")}}
}

func run(c *cli.Context, u *ui) error {
	config := configOf(c)
	if err := config.Check(); err != nil {
		return usageError{err}
	}
	r, err := requestOf(c)
	if err != nil {
		return err
	}
	if r.Prompt, err = promptOf(u, c.Args().Slice()); err != nil {
		return err
	}
	e, err := open(c.Context, u, config)
	if err != nil {
		return err
	}
	defer leave(u, e, e.ProfileNote())
	for _, note := range e.Notes() {
		u.sayf("%s", clean(note))
	}
	if r.System != "" && !r.Raw && !e.HasTemplate() {
		u.sayf("%s has no chat template; the system text is put before the prompt", e.Name())
	}
	return answer(c, u, e, r)
}

// leave closes the model and says what is wrong with its profile, unless that is
// what was said before.
func leave(u *ui, e *daemon.Engine, said string) {
	e.Close()
	if note := e.ProfileNote(); note != said {
		u.sayf("%s", clean(note))
	}
}

// requestOf takes everything but the prompt from the flags.
func requestOf(c *cli.Context) (*daemon.Request, error) {
	r := &daemon.Request{System: c.String("system"), Raw: c.Bool("raw"), Sampling: daemon.DefaultSampling()}
	r.Sampling.Seed = uint64(rand.Uint32())
	for _, pair := range c.StringSlice(optionFlag) {
		key, value, _ := strings.Cut(pair, "=")
		if err := r.Set(key, value); err != nil {
			return nil, usageError{err}
		}
	}
	r.LogProbs = c.Int("logprobs")
	if c.IsSet("n") {
		r.MaxTokens = max(0, c.Int("n"))
	}
	if c.IsSet("seed") {
		if err := r.Set("seed", c.String("seed")); err != nil {
			return nil, usageError{err}
		}
	}
	if r.LogProbs != 0 && !c.Bool("json") {
		return nil, usagef("log probabilities are for JSON: --logprobs goes with --json")
	}
	if err := r.Check(); err != nil {
		return nil, usageError{err}
	}
	return r, nil
}

// maxStdin is the longest prompt that standard input may hold, in bytes.
const maxStdin = 32 << 20

// promptOf puts what standard input holds before the arguments.
func promptOf(u *ui, args []string) (string, error) {
	prompt := strings.Join(args, " ")
	if isDevice(u.std.In) || u.std.In == nil {
		if prompt == "" {
			return "", withHint(usagef("no prompt"), `say something, as in: moed "Once upon a time"; moed -h tells the rest`)
		}
		return prompt, nil
	}
	done := u.whileWaiting(func() string { return "waiting for standard input to end" })
	piped, err := io.ReadAll(io.LimitReader(u.std.In, maxStdin+1))
	done()
	switch {
	case err != nil:
		return "", fmt.Errorf("read standard input: %w", err)
	case len(piped) > maxStdin:
		return "", fmt.Errorf("standard input is longer than the %s that a prompt may have", bytesText(maxStdin))
	}
	before := strings.TrimRight(string(piped), "\r\n")
	switch {
	case before == "" && prompt == "":
		return "", withHint(usagef("no prompt: no arguments, and nothing on standard input"), "moed -h tells how to give one")
	case before == "":
		return prompt, nil
	case prompt == "":
		return before, nil
	}
	return before + "\n" + prompt, nil
}

// open opens the model, and says how far it is where that takes long.
func open(ctx context.Context, u *ui, config daemon.Config) (*daemon.Engine, error) {
	var read, total atomic.Int64
	config.Progress = func(done, all int64) { read.Store(done); total.Store(all) }
	done := u.whileWaiting(func() string {
		text := "loading " + modelText(config.Model)
		if all := total.Load(); all > 0 {
			text += fmt.Sprintf(", %d %% of its dense weights", 100*read.Load()/all)
		}
		return text
	})
	e, err := daemon.Open(ctx, config)
	done()
	switch {
	case errors.Is(err, context.Canceled):
		return nil, errInterrupted
	case err != nil:
		return nil, explain(err, config.Model)
	}
	return e, nil
}

func modelText(path string) string {
	if path == "" {
		return "the built-in story model"
	}
	text := filepath.Base(path)
	if info, err := os.Stat(path); err == nil {
		text += ", " + bytesText(info.Size())
	}
	return text
}

// explain adds what to do about a model that does not open.
func explain(err error, path string) error {
	if errors.Is(err, os.ErrNotExist) {
		return withHint(err, "-m wants a GGUF file; without it the built-in story model runs")
	}
	if path == "" {
		return err
	}
	return withHint(err, "moed inspect %s tells what is in the file", path)
}

// answer generates the text and prints it as it is made, or as JSON at the end.
func answer(c *cli.Context, u *ui, e *daemon.Engine, r *daemon.Request) error {
	var read, total atomic.Int64
	r.Progress = func(p daemon.PromptProgress) { read.Store(int64(p.Read)); total.Store(int64(p.Total)) }
	began := time.Now()
	done := u.whileWaiting(func() string {
		if read.Load() == total.Load() && total.Load() > 0 {
			return "thinking"
		}
		return fmt.Sprintf("reading the prompt, %d of %d tokens", read.Load(), total.Load())
	})
	defer done()
	thought := false // a line of thinking on standard error that has not ended
	shown := !c.Bool("json") && !c.Bool("hide-reasoning")
	endThought := func() error {
		if !thought {
			return nil
		}
		thought = false
		return u.raw("\n")
	}
	emit := func(p daemon.Piece) error {
		done()
		if p.Reasoning != "" && shown {
			thought = !strings.HasSuffix(p.Reasoning, "\n")
			return u.raw(p.Reasoning)
		}
		if c.Bool("json") || p.Text == "" {
			return nil
		}
		if err := endThought(); err != nil {
			return err
		}
		_, err := io.WriteString(u.std.Out, p.Text)
		return err
	}
	result, err := e.Generate(c.Context, r, emit)
	done()
	err = errors.Join(err, endThought())
	interrupted := errors.Is(err, context.Canceled)
	if err != nil && !interrupted {
		if !c.Bool("json") && result.Text != "" {
			fmt.Fprintln(u.std.Out)
		}
		return err
	}
	if err := finish(c, u, e, r, result, began); err != nil {
		return err
	}
	if interrupted {
		return errInterrupted
	}
	return nil
}

// finish ends the output.
func finish(c *cli.Context, u *ui, e *daemon.Engine, r *daemon.Request, result daemon.Result, began time.Time) error {
	var err error
	if c.Bool("json") {
		err = writeJSON(u.std.Out, record(e, r, result, began))
	} else if !strings.HasSuffix(result.Text, "\n") {
		_, err = fmt.Fprintln(u.std.Out)
	}
	if c.Bool("usage") {
		sayUsage(u, e, r, result)
	}
	return err
}
