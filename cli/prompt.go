package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"moed/daemon"
)

func promptCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "prompt",
		Aliases:   []string{"run"},
		Usage:     "answer a prompt, or continue a text (the default command)",
		ArgsUsage: "[flags] [PROMPT]",
		Description: "The prompt is standard input, if that is a file or a pipe, followed by the arguments.\n" +
			"MODEL is the path of a GGUF file, an alias, or a name that moed models lists. Where a daemon runs it answers,\n" +
			"unless a flag says how to open the model; else the model is run in this process.\n" +
			"What was asked and answered is kept in the file that moed logs path names, unless moed logs off is said.",
		Flags: append(askFlags(),
			switchFlag("raw", "give the prompt to the model as it is, without its chat template"),
			&cli.StringFlag{Name: "schema", Usage: "answer in JSON that follows `SCHEMA`: JSON, a file, an id that moed schemas lists, or names as in \"name, age int\""},
			&cli.StringFlag{Name: "schema-multi", Usage: "answer with any number of what `SCHEMA` describes"},
			switchFlag("extract", "print only the first fenced block of the answer", "x"),
			switchFlag("extract-last", "print only the last fenced block of the answer", "xl"),
			&cli.StringFlag{Name: "save", Usage: "keep these flags and the prompt as the template `NAME`, and ask nothing"},
			switchFlag("options", "list the options that -o sets, and ask nothing"),
			switchFlag("log", "keep this in the history, even where moed logs off was said"),
			switchFlag("json", "print one JSON object at the end instead of the text"),
			&cli.IntFlag{Name: "logprobs", Usage: "log probabilities of each token and of the `K` likeliest, in JSON", DefaultText: "none"},
		),
		Action: func(c *cli.Context) error { return prompt(c, u) },
	}
}

// askFlags are those of commands that ask a model.
func askFlags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "model", Aliases: []string{"m"}, EnvVars: []string{"MOED_MODEL"}, Usage: "ask `MODEL`: a GGUF file, an alias or a name", DefaultText: "what moed models default says, else the built-in story model"},
		many("query", "ask the model with the shortest name that has `TERM` in it, repeatable", "q"),
		&cli.StringFlag{Name: "system", Aliases: []string{"s"}, Usage: "system `TEXT`"},
		pair("option", "set `KEY VALUE`, such as temperature 0.5, repeatable; --options lists the keys", "o"),
		many("fragment", "put `TEXT` before the prompt: a file, an alias or hash that moed fragments lists, or - for standard input; repeatable", "f"),
		many("system-fragment", "put `TEXT` before the system text, repeatable", "sf"),
		&cli.StringFlag{Name: "template", Aliases: []string{"t"}, Usage: "use the template `NAME` or the file of that path"},
		pair("param", "set a variable of the template, `KEY VALUE`, repeatable", "p"),
		switchFlag("continue", "go on with the last conversation", "c"),
		&cli.StringFlag{Name: "conversation", Aliases: []string{"cid"}, Usage: "go on with the conversation of that `ID`"},
		many("tool", "let the model call the tool `NAME`, repeatable; moed tools lists them", "T"),
		&cli.BoolFlag{Name: "tools-approve", Aliases: []string{"ta"}, Value: true, Usage: "ask before each call of a tool; --ta=false does not"},
		switchFlag("tools-debug", "show calls of tools and what they gave back", "td"),
		&cli.IntFlag{Name: "chain-limit", Aliases: []string{"cl"}, Value: 5, Usage: "let the model answer with calls `N` times in a row; 0 is without limit"},
		&cli.IntFlag{Name: "max-tokens", Usage: "at most `N` tokens", DefaultText: "until the model ends or the context is full"},
		&cli.StringFlag{Name: "seed", Usage: "random `SEED`; the same seed gives the same text", DefaultText: "a new one each time"},
		switchFlag("no-stream", "print the answer when it is whole"),
		switchFlag("no-log", "keep nothing of this in the history", "n"),
		switchFlag("hide-reasoning", "do not show what the model thinks before its answer", "R"),
		switchFlag("usage", "tokens and timings to standard error", "u"),
		&cli.StringFlag{Name: "database", Aliases: []string{"d"}, Usage: "keep the history in `FILE`"},
	}
	return append(append(flags, placeFlags()...), engineFlags()...)
}

// engineFlags say how a model is opened in this process.
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

func prompt(c *cli.Context, u *ui) error {
	if c.Bool("options") {
		return writeOptions(u.std.Out)
	}
	a, err := newAsk(c, u)
	if err != nil {
		return err
	}
	if c.IsSet("save") {
		return a.save(c)
	}
	text, err := a.input(c.Context, u, c.Args().Slice())
	if err != nil {
		return err
	}
	t, err := a.begin(c.Context, u)
	if err != nil {
		return err
	}
	err = t.say(c.Context, text)
	if closed := t.close(); err == nil {
		err = closed
	}
	return err
}

// maxStdin is the longest prompt that standard input may hold, in bytes.
const maxStdin = 32 << 20

// input puts what standard input holds before the arguments. It may be empty
// where a template or a fragment has something to say.
func (a *ask) input(ctx context.Context, u *ui, args []string) (string, error) {
	prompt := strings.Join(args, " ")
	wanted := len(a.fragments) == 0 && (a.template == nil || a.template.Prompt == "" || a.template.UsesInput())
	if isDevice(u.std.In) || u.std.In == nil || a.stdinRead {
		if prompt == "" && wanted {
			return "", withHint(usagef("no prompt"), `say something, as in: moed "Once upon a time"; moed -h tells the rest`)
		}
		return prompt, nil
	}
	piped, err := readStdin(ctx, u)
	if err != nil {
		return "", err
	}
	before := strings.TrimRight(piped, "\r\n")
	switch {
	case before == "" && prompt == "" && wanted:
		return "", withHint(usagef("no prompt: no arguments, and nothing on standard input"), "moed -h tells how to give one")
	case before == "":
		return prompt, nil
	case prompt == "":
		return before, nil
	}
	return before + "\n" + prompt, nil
}

// readStdin is all that standard input holds, or errInterrupted where ctx ends
// first: whoever writes there may take for ever.
func readStdin(ctx context.Context, u *ui) (string, error) {
	if u.std.In == nil {
		return "", nil
	}
	defer u.whileWaiting(func() string { return "waiting for standard input to end" })()
	var piped []byte
	var err error
	all := make(chan struct{})
	go func() { // ends with standard input, or with the process
		defer close(all)
		piped, err = io.ReadAll(io.LimitReader(u.std.In, maxStdin+1))
	}()
	select {
	case <-ctx.Done():
		return "", errInterrupted
	case <-all:
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("read standard input: %w", err)
	case len(piped) > maxStdin:
		return "", fmt.Errorf("standard input is longer than the %s that a prompt may have", bytesText(maxStdin))
	}
	return string(piped), nil
}
