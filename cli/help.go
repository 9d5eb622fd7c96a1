package cli

// usageText and description are the head of moed -h.
const (
	usageText = `moed [prompt] [flags] [PROMPT]
moed COMMAND [flags] [ARGUMENTS]`

	description = `moed "Once upon a time"
moed -m qwen3-30b.gguf "why is the sky blue?"
git diff | moed -s "You review code." "Find the bug" -o temperature 0.2
moed -c "and in one sentence?"
moed chat -m qwen3-30b
moed "three cats" --schema-multi "name, age int" -x
moed logs -q sky
moed models
moed bench qwen3-30b.gguf --tokens 64`
)

// The templates of help: the parser's own, with the sections that moed has.
const (
	appHelp = `{{.Name}}: {{.Usage}}

USAGE
   {{wrap .UsageText 3}}

EXAMPLES
   {{wrap .Description 3}}

COMMANDS{{template "visibleCommandCategoryTemplate" .}}

FLAGS OF PROMPT{{template "visibleFlagTemplate" .}}

EXIT CODES
   0 it worked, 1 it failed, 2 the command line was wrong, 3 plan: the model cannot run in that memory,
   69 the daemon that was asked for does not answer, 75 busy or still loading, 130 interrupted
`

	groupHelp = `{{.HelpName}}: {{.Usage}}

USAGE
   {{.HelpName}} [COMMAND] [flags]; without COMMAND it is {{(index .Subcommands 0).Name}}{{if .Description}}

{{wrap .Description 0}}{{end}}

COMMANDS{{range .VisibleCommands}}
   {{join .Names ", "}}{{"\t"}}{{.Usage}}{{end}}

FLAGS{{template "visibleFlagTemplate" (index .Subcommands 0)}}
`

	commandHelp = `{{.HelpName}}: {{.Usage}}

USAGE
   {{.HelpName}} {{.ArgsUsage}}{{if .Description}}

{{wrap .Description 0}}{{end}}{{if .VisibleFlags}}

FLAGS{{template "visibleFlagTemplate" .}}{{end}}
`
)
