// Package cli is the command line of moed.
//
// # Nouns
//
// Streams are the three standard streams; ui.go says what goes where. A
// command is one verb with its flags, one file each: run (also the default),
// inspect, plan, bench, pack, trace, replay, train-predictor, predict, doctor, version.
//
// # Exit codes
//
//	0    it worked
//	1    it failed; standard error says why
//	2    the command line was wrong; nothing was done
//	3    plan: the model cannot run in that memory
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
	"syscall"

	"github.com/urfave/cli/v2"
)

const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitDoesNotRun  = 3
	exitInterrupted = 130
)

// usageError is a wrong command line.
type usageError struct{ error }

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

func application(u *ui) *cli.App {
	run := runCommand(u)
	app := &cli.App{
		Name:                      "moed",
		Usage:                     "run Mixture-of-Experts language models",
		UsageText:                 usageText,
		Description:               description,
		Commands:                  []*cli.Command{run, inspectCommand(u), planCommand(u), benchCommand(u), packCommand(u), traceCommand(u), replayCommand(u), trainCommand(u), predictCommand(u), doctorCommand(u), versionCommand(u)},
		Flags:                     run.Flags, // for the help; arrange names a command always
		HideVersion:               true,
		HideHelpCommand:           true,
		CustomAppHelpTemplate:     appHelp,
		DisableSliceFlagSeparator: true,
		Writer:                    u.std.Out,
		ErrWriter:                 u.std.Err,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              onUsageError,
	}
	for _, c := range app.Commands {
		c.OnUsageError = onUsageError
		c.HideHelpCommand = true
		c.CustomHelpTemplate = commandHelp
	}
	return app
}

func onUsageError(_ *cli.Context, err error, _ bool) error { return usageError{err} }

// conclude reports err and turns it into the exit code.
func (u *ui) conclude(err error) int {
	var usage usageError
	var hinted hintedError
	var doesNotRun doesNotRunError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.Is(err, syscall.EPIPE): // the reader has left
		return exitOK
	}
	u.sayf("%v", err)
	if errors.As(err, &hinted) {
		u.sayf("hint: %s", hinted.hint)
	}
	if errors.As(err, &usage) {
		if hinted.hint == "" {
			u.sayf("hint: moed -h lists the commands, moed COMMAND -h a command's flags")
		}
		return exitUsage
	}
	if errors.As(err, &doesNotRun) {
		return exitDoesNotRun
	}
	return exitError
}
