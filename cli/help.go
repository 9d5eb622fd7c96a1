package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// usageText and description are the head of moed -h.
const (
	usageText = `moed [prompt] [flags] [PROMPT]
moed COMMAND [flags] [ARGUMENTS]`

	description = `moed "Once upon a time"
moed -m qwen3-30b.gguf "why is the sky blue?"
git diff | moed -s "You review code." "Find the bug" -o temperature 0.2
moed -c "and in one sentence?"
moed "three cats" --schema-multi "name, age int" -x
moed plan qwen3-30b.gguf --memory 8G
moed serve --memory 8G`
)

// section is some of a list of commands or flags, by name and in order.
type section struct {
	title string
	names string
}

// commandSections are those of moed -h.
func commandSections() []section {
	return []section{
		{"Ask", "prompt chat logs templates fragments schemas tools"},
		{"Models", "models aliases pull verify rm inspect plan"},
		{"Daemon", "serve service token cluster ps load unload top"},
		{"Speed", "doctor bench pack place trace replay train-predictor predict"},
		{"Shell", "completion version"},
	}
}

// flagSections are those of commands that ask a model.
func flagSections() []section {
	return []section{
		{"What is asked", "model query system option fragment system-fragment template param schema schema-multi continue conversation max-tokens seed raw"},
		{"What is printed", "no-stream hide-reasoning usage extract extract-last json logprobs"},
		{"What is kept", "no-log log database save"},
		{"Tools", "tool tools-approve tools-debug chain-limit"},
		{"Where the model runs", "host local memory ctx threads kv profile"},
		{"Else", "options help"},
	}
}

// chief are the flags that moed -h tells.
const chief = "model system option fragment template continue schema tool max-tokens extract usage no-log memory json"

// The templates of help: the parser's own, with the sections that moed has.
const (
	appHelpHead = `{{.Name}}: {{.Usage}}

USAGE
   {{wrap .UsageText 3}}

EXAMPLES
   {{wrap .Description 3}}

COMMANDS`

	appHelpTail = `

FLAGS OF PROMPT that are wanted most; moed prompt -h tells all{{template "visibleFlagTemplate" .}}

ENVIRONMENT
   MOED_MODEL, MOED_MEMORY, MOED_HOST   for -m, --memory and -H
   MOED_TOKEN                           to show a daemon that is asked over TCP
   MOED_MODELS, MOED_USER_PATH          the directories of models, and of settings and history

EXIT CODES
   0 it worked, 1 it failed, 2 the command line was wrong, 3 plan: the model cannot run in that memory,
   69 the daemon that was asked for does not answer, 75 busy or still loading, 130 interrupted
`

	groupHelp = `{{.HelpName}}: {{.Usage}}

USAGE
   {{.HelpName}} [COMMAND] [flags]; without COMMAND it is {{(index .Subcommands 0).Name}}{{if .Description}}

{{wrap .Description 0}}{{end}}{{if .UsageText}}

EXAMPLES
   {{wrap .UsageText 3}}{{end}}

COMMANDS{{range .VisibleCommands}}
   {{join .Names ", "}}{{"\t"}}{{.Usage}}{{end}}

FLAGS{{template "visibleFlagTemplate" (index .Subcommands 0)}}
`

	commandHelpHead = `{{.HelpName}}: {{.Usage}}

USAGE
   {{.HelpName}} {{.ArgsUsage}}{{if .Description}}

{{wrap .Description 0}}{{end}}{{if .UsageText}}

EXAMPLES
   {{wrap .UsageText 3}}{{end}}`

	commandHelp = commandHelpHead + `{{if .VisibleFlags}}

FLAGS{{template "visibleFlagTemplate" .}}{{end}}
`
)

// appHelp is the template of moed -h.
func appHelp(commands []*cli.Command) string {
	var b strings.Builder
	widest := 0
	for _, c := range commands {
		widest = max(widest, len(strings.Join(c.Names(), ", ")))
	}
	b.WriteString(appHelpHead)
	for _, s := range commandSections() {
		fmt.Fprintf(&b, "\n   %s", s.title)
		for _, name := range strings.Fields(s.names) {
			i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.Name == name })
			fmt.Fprintf(&b, "\n     %-*s  %s", widest, strings.Join(commands[i].Names(), ", "), commands[i].Usage)
		}
	}
	b.WriteString(appHelpTail)
	return b.String()
}

// sectionedHelp is the template of a command that asks a model.
func sectionedHelp(flags []cli.Flag) string {
	flags = append(slices.Clone(flags), cli.HelpFlag)
	var b strings.Builder
	b.WriteString(commandHelpHead + "\n\nFLAGS")
	for _, s := range flagSections() {
		fmt.Fprintf(&b, "\n   %s\t", s.title)
		for _, name := range strings.Fields(s.names) {
			if i := slices.IndexFunc(flags, func(f cli.Flag) bool { return f.Names()[0] == name }); i >= 0 {
				fmt.Fprintf(&b, "\n     {{index .VisibleFlags %d}}", i)
			}
		}
	}
	b.WriteString("\n")
	return b.String()
}

// chiefFlags are the flags that moed -h tells.
func chiefFlags(all []cli.Flag) (flags []cli.Flag) {
	for _, name := range strings.Fields(chief) {
		i := slices.IndexFunc(all, func(f cli.Flag) bool { return f.Names()[0] == name })
		flags = append(flags, all[i])
	}
	return flags
}
