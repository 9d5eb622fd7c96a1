package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// optionFlag takes two words, a key and a value, or one with = between them.
const optionFlag = "o"

// arrange puts args into the one order that the flag parser below takes: the
// command, which is run where none is named, then the flags, then -- and the
// rest. It is needed since the parser stops at the first word that is no flag,
// and people write moed "a prompt" -m FILE.
func arrange(app *cli.App, args []string) ([]string, error) {
	if help := helpWanted(app, args); help != nil {
		return help, nil
	}
	if len(args) == 1 && (args[0] == "--version" || args[0] == "-v") {
		args = []string{"version"}
	}
	command := app.Command("run")
	if len(args) > 0 {
		if named := app.Command(args[0]); named != nil {
			command, args = named, args[1:]
		}
	}
	flags, rest, err := separate(arities(command.Flags), args)
	if errors.Is(err, errHelp) {
		return []string{app.Name, command.Name, "--help"}, nil
	}
	if err != nil {
		return nil, err
	}
	argv := append([]string{app.Name, command.Name}, flags...)
	return append(append(argv, "--"), rest...), nil
}

// helpWanted is the parser's command line for moed -h, moed help and moed help
// COMMAND; nil where args ask for something else. A prompt may begin with help.
func helpWanted(app *cli.App, args []string) []string {
	if len(args) == 0 || !slices.Contains([]string{"-h", "--help", "help"}, args[0]) {
		return nil
	}
	switch {
	case len(args) == 1:
		return []string{app.Name, "--help"}
	case len(args) == 2 && app.Command(args[1]) != nil:
		return []string{app.Name, args[1], "--help"}
	case args[0] == "help":
		return nil
	}
	return []string{app.Name, "--help"}
}

// arities says for each spelling of a flag how many words follow it.
func arities(flags []cli.Flag) map[string]int {
	words := map[string]int{"h": 0, "help": 0}
	for _, f := range flags {
		n := 1
		if _, isBool := f.(*cli.BoolFlag); isBool {
			n = 0
		}
		if f.Names()[0] == optionFlag {
			n = 2
		}
		for _, name := range f.Names() {
			words[name] = n
		}
	}
	return words
}

// errHelp says that a flag among the arguments asks for help.
var errHelp = errors.New("help is wanted")

// separate splits args into flags with their values and all other words. A
// two-word option becomes one word with = in it.
func separate(words map[string]int, args []string) (flags, rest []string, err error) {
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
		n, known := words[name]
		if !known {
			return nil, nil, withHint(usagef("unknown flag %s", word),
				"moed -h lists the flags; a prompt that begins with a dash goes after --")
		}
		if name == "h" || name == "help" {
			return nil, nil, errHelp
		}
		flags = append(flags, word)
		if n == 0 {
			continue
		}
		if !inline {
			if len(args) == 0 {
				return nil, nil, usagef("flag %s wants a value", word)
			}
			value, args = args[0], args[1:]
			flags = append(flags, value)
		}
		if n == 2 && !strings.Contains(value, "=") {
			if len(args) == 0 {
				return nil, nil, usagef("flag %s %s wants a value", word, value)
			}
			flags[len(flags)-1] += "=" + args[0]
			args = args[1:]
		}
	}
	return flags, rest, nil
}
