package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// pairFlag takes two words, a key and a value, or one with = between them. It
// may be repeated; its values come as KEY=VALUE.
type pairFlag struct{ *cli.StringSliceFlag }

// String is the flag in a help, once: the parser's own would show it twice, to
// say that it may be repeated.
func (f *pairFlag) String() string { return once(f.StringSliceFlag) }

// manyFlag takes one word and may be repeated.
type manyFlag struct{ *cli.StringSliceFlag }

func (f *manyFlag) String() string { return once(f.StringSliceFlag) }

func once(f *cli.StringSliceFlag) string {
	return cli.FlagStringer(&cli.StringFlag{Name: f.Name, Aliases: f.Aliases, Usage: f.Usage})
}

func many(name, usage string, aliases ...string) cli.Flag {
	return &manyFlag{&cli.StringSliceFlag{Name: name, Aliases: aliases, Usage: usage}}
}

func pair(name, usage string, aliases ...string) cli.Flag {
	return &pairFlag{&cli.StringSliceFlag{Name: name, Aliases: aliases, Usage: usage}}
}

// arrange puts args into the one order that the flag parser below takes: the
// command, which is prompt where none is named, then the flags, then -- and the
// rest. It is needed since the parser stops at the first word that is no flag,
// and people write moed "a prompt" -m FILE.
func arrange(app *cli.App, args []string) ([]string, error) {
	if help := helpWanted(app, args); help != nil {
		return help, nil
	}
	if len(args) == 1 && (args[0] == "--version" || args[0] == "-v") {
		args = []string{"version"}
	}
	path, args := named(app.Commands, args)
	argv := []string{app.Name}
	for _, c := range path {
		argv = append(argv, c.Name)
	}
	asked := argv // what help is about: not what stands in for a name left out
	if path == nil {
		path = []*cli.Command{app.Command(defaultCommand)}
		argv = append(argv, defaultCommand)
		asked = argv
	}
	command := path[len(path)-1]
	if len(command.Subcommands) > 0 {
		command = command.Subcommands[0]
		argv = append(slices.Clone(argv), command.Name)
	}
	flags, rest, err := separate(spellings(command.Flags), args)
	if errors.Is(err, errHelp) {
		return append(asked, "--help"), nil
	}
	var hinted hintedError
	if errors.As(err, &hinted) && command.Name != defaultCommand { // no prompt is in question
		err = withHint(hinted.error, "%s -h lists the flags", strings.Join(asked, " "))
	}
	if err != nil {
		return nil, err
	}
	argv = append(argv, flags...)
	return append(append(argv, "--"), rest...), nil
}

// named is the command that args begin with, and the groups that it is in, and
// what follows its name; no command where the first word is none.
func named(commands []*cli.Command, args []string) (path []*cli.Command, rest []string) {
	for len(args) > 0 {
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(args[0]) })
		if i < 0 {
			break
		}
		path, args, commands = append(path, commands[i]), args[1:], commands[i].Subcommands
	}
	return path, args
}

// helpWanted is the parser's command line for moed -h, moed help and moed help
// COMMAND; nil where args ask for something else. A prompt may begin with help.
func helpWanted(app *cli.App, args []string) []string {
	if len(args) == 0 || !slices.Contains([]string{"-h", "--help", "help"}, args[0]) {
		return nil
	}
	if len(args) == 1 {
		return []string{app.Name, "--help"}
	}
	if path, rest := named(app.Commands, args[1:]); path != nil && len(rest) == 0 {
		argv := []string{app.Name}
		for _, c := range path {
			argv = append(argv, c.Name)
		}
		return append(argv, "--help")
	}
	if args[0] == "help" {
		return nil
	}
	return []string{app.Name, "--help"}
}

// spelling is one way to write a flag.
type spelling struct {
	name  string // the flag's first, which stands for all of them
	words int    // that follow it
}

func spellings(flags []cli.Flag) map[string]spelling {
	all := map[string]spelling{"h": {"help", 0}, "help": {"help", 0}}
	for _, f := range flags {
		s := spelling{f.Names()[0], 1}
		switch f.(type) {
		case *cli.BoolFlag:
			s.words = 0
		case *pairFlag:
			s.words = 2
		}
		for _, name := range f.Names() {
			all[name] = s
		}
	}
	return all
}

// errHelp says that a flag among the arguments asks for help.
var errHelp = errors.New("help is wanted")

// separate splits args into flags with their values and all other words. A
// flag comes under its first name, a pair as one word with = in it.
func separate(known map[string]spelling, args []string) (flags, rest []string, err error) {
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		if word == "--" {
			return flags, append(rest, args...), nil
		}
		if len(word) < 2 || word[0] != '-' {
			rest = append(rest, word)
			continue
		}
		name, value, inline := strings.Cut(strings.TrimPrefix(word[1:], "-"), "=")
		s, ok := known[name]
		switch {
		case !ok && together(known, word):
			args = append(apart(word), args...)
			continue
		case !ok:
			return nil, nil, unknownFlag(word, name)
		case s.name == "help":
			return nil, nil, errHelp
		case s.words == 0 && inline:
			flags = append(flags, "--"+s.name+"="+value)
			continue
		case s.words == 0:
			flags = append(flags, "--"+s.name)
			continue
		}
		if !inline {
			if len(args) == 0 {
				return nil, nil, usagef("flag %s wants a value", word)
			}
			value, args = args[0], args[1:]
		}
		if s.words == 2 && !strings.Contains(value, "=") {
			if len(args) == 0 {
				return nil, nil, usagef("flag %s %s wants a value", strings.TrimSuffix(word, "="+value), value)
			}
			value += "=" + args[0]
			args = args[1:]
		}
		flags = append(flags, "--"+s.name, value)
	}
	return flags, rest, nil
}

// together reports whether word is several flags of one letter behind one dash,
// such as -xR. None but the last may want a value.
func together(known map[string]spelling, word string) bool {
	letters := []rune(word[1:])
	for i, letter := range letters {
		s, ok := known[string(letter)]
		if !ok || s.words > 0 && i < len(letters)-1 {
			return false
		}
	}
	return len(letters) > 1
}

// apart writes such flags one by one.
func apart(word string) []string {
	var flags []string
	for _, letter := range word[1:] {
		flags = append(flags, "-"+string(letter))
	}
	return flags
}

// unknownFlag says what to do about a flag that there is none of.
func unknownFlag(word, name string) error {
	if why := refused()[name]; why != "" {
		return withHint(usagef("there is no flag %s: %s", word, why), "moed -h lists the flags")
	}
	return withHint(usagef("unknown flag %s", word),
		"moed -h lists the flags; a prompt that begins with a dash goes after --")
}

// refused are flags that users of llm know and moed has none of, with the reason.
func refused() map[string]string {
	const text, keys = "moed's models read text alone", "models run on this machine, and none wants a key"
	return map[string]string{
		"a": text, "attachment": text, "at": text, "attachment-type": text,
		"key": keys, "async": "there is one way to run a model",
		"functions": "tools are executables in the directory that moed tools path names",
	}
}
