// Package cli is the command line of moed.
//
// # Nouns
//
// Streams are the three standard streams; ui.go says what goes where. A
// command is one verb with its flags, one file each; commands() lists them. A
// group is a noun with commands of its own, the first of which is meant where
// none is named: moed logs is moed logs list. prompt is meant where the first
// word is no command at all.
//
// # Exit codes
//
//	0    it worked
//	1    it failed; standard error says why
//	2    the command line was wrong; nothing was done
//	3    plan: the model cannot run in that memory
//	69   the daemon that was asked for does not answer
//	75   busy or still loading: the same again later may do
//	130  interrupted (Ctrl-C or a termination signal); the text so far is out
//
// # Caveats
//
// Flags may stand anywhere, also after the prompt; what comes after -- is
// prompt. A first word that is no command is a prompt.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/urfave/cli/v2"
)

const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitDoesNotRun  = 3
	exitUnavailable = 69
	exitTryAgain    = 75
	exitInterrupted = 130
)

// usageError is a wrong command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// hintedError carries what the reader could do next.
type hintedError struct {
	error
	hint string
}

func (e hintedError) Unwrap() error { return e.error }

func withHint(err error, format string, args ...any) error {
	return hintedError{err, fmt.Sprintf(format, args...)}
}

// codedError is a failure with an exit code of its own.
type codedError struct {
	error
	code int
}

func (e codedError) Unwrap() error { return e.error }

func withCode(err error, code int) error { return codedError{err, code} }

// errInterrupted ends a command that a signal stopped; it has said so itself.
var errInterrupted = errors.New("interrupted")

// Main runs the command line args, without the program's name, and returns the
// exit code. A first interrupt ends the command in good order, a second one at
// once.
func Main(ctx context.Context, args []string, std Streams) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from here on a signal kills
	u := newUI(std)
	return u.conclude(dispatch(ctx, u, args))
}

func dispatch(ctx context.Context, u *ui, args []string) error {
	app := application(u)
	argv, err := arrange(app, args)
	if err != nil {
		return err
	}
	return app.RunContext(ctx, argv)
}

// defaultCommand is meant where the first word is no command.
const defaultCommand = "prompt"

// commands are those of moed; the first is meant where none is named. help.go has
// their order in the help.
func commands(u *ui) []*cli.Command {
	return []*cli.Command{
		promptCommand(u),
		chatCommand(u),
		modelsCommand(u),
		templatesCommand(u),
		fragmentsCommand(u),
		aliasesCommand(u),
		schemasCommand(u),
		toolsCommand(u),
		logsCommand(u),
		inspectCommand(u),
		planCommand(u),
		benchCommand(u),
		packCommand(u),
		placementCommand(u),
		traceCommand(u),
		replayCommand(u),
		trainCommand(u),
		predictCommand(u),
		pullCommand(u),
		verifyCommand(u),
		rmCommand(u),
		serveCommand(u),
		serviceCommand(u),
		tokenCommand(u),
		clusterCommand(u),
		psCommand(u),
		loadCommand(u),
		unloadCommand(u),
		topCommand(u),
		doctorCommand(u),
		completionCommand(u),
		versionCommand(u),
	}
}

func application(u *ui) *cli.App {
	all := commands(u)
	dress(all)
	return &cli.App{
		Name:                      "moed",
		Usage:                     "run Mixture-of-Experts language models",
		UsageText:                 usageText,
		Description:               description,
		Commands:                  all,
		Flags:                     chiefFlags(all[0].Flags), // for the help; arrange names a command always
		HideVersion:               true,
		HideHelpCommand:           true,
		CustomAppHelpTemplate:     appHelp(all),
		DisableSliceFlagSeparator: true,
		Writer:                    u.std.Out,
		ErrWriter:                 u.std.Err,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              onUsageError,
	}
}

// group is a noun and its commands; the first is meant where none is named.
func group(name, usage string, commands ...*cli.Command) *cli.Command {
	return &cli.Command{Name: name, Usage: usage, Subcommands: commands}
}

// dress gives moed's commands their examples, the one help and the one way with
// wrong flags.
func dress(commands []*cli.Command) {
	for _, c := range commands {
		c.UsageText = examples()[c.Name]
		dressOne(c)
	}
}

func dressOne(c *cli.Command) {
	c.OnUsageError = onUsageError
	c.HideHelpCommand = true
	switch {
	case len(c.Subcommands) > 0:
		c.CustomHelpTemplate = groupHelp
	case slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return f.Names()[0] == "chain-limit" }): // it asks a model
		c.CustomHelpTemplate = sectionedHelp(c.Flags)
	default:
		c.CustomHelpTemplate = commandHelp
	}
	for _, sub := range c.Subcommands {
		dressOne(sub)
	}
}

func onUsageError(_ *cli.Context, err error, _ bool) error { return usageError{err} }

// conclude reports err and turns it into the exit code.
func (u *ui) conclude(err error) int {
	var usage usageError
	var hinted hintedError
	var doesNotRun doesNotRunError
	var coded codedError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.Is(err, syscall.EPIPE): // the reader has left
		return exitOK
	}
	u.report(err)
	if errors.As(err, &usage) {
		if !errors.As(err, &hinted) {
			u.sayf("hint: moed -h lists the commands, moed COMMAND -h a command's flags")
		}
		return exitUsage
	}
	if errors.As(err, &coded) {
		return coded.code
	}
	if errors.As(err, &doesNotRun) {
		return exitDoesNotRun
	}
	return exitError
}

// report says what err is, and what to do about it.
func (u *ui) report(err error) {
	var hinted hintedError
	u.sayf("%v", err)
	if errors.As(err, &hinted) {
		u.sayf("hint: %s", hinted.hint)
	}
}
