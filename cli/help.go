package cli

// usageText and description are the head of moed -h.
const (
	usageText = `moed [run] [flags] [PROMPT]
moed COMMAND [flags] [ARGUMENTS]`

	description = `moed "Once upon a time"
moed -m qwen3-30b.gguf "why is the sky blue?"
git diff | moed -m qwen3-30b.gguf "explain" -s "be brief" -o temperature 0.2
moed -m qwen3-30b.gguf --memory 8G "why is the sky blue?"
moed inspect qwen3-30b.gguf
moed bench qwen3-30b.gguf --tokens 64
moed trace record qwen3-30b.gguf --prompts texts.txt -o t.trace
moed replay t.trace --budget 2G,4G,8G`
)

// The templates of help: the parser's own, with the sections that moed has.
const (
	appHelp = `{{.Name}}: {{.Usage}}

USAGE
   {{wrap .UsageText 3}}

EXAMPLES
   {{wrap .Description 3}}

COMMANDS{{template "visibleCommandCategoryTemplate" .}}

FLAGS OF RUN{{template "visibleFlagTemplate" .}}

EXIT CODES
   0 it worked, 1 it failed, 2 the command line was wrong, 3 plan: the model cannot run in that memory, 130 interrupted
`

	commandHelp = `{{.HelpName}}: {{.Usage}}

USAGE
   {{.HelpName}} {{.ArgsUsage}}{{if .Description}}

{{wrap .Description 0}}{{end}}{{if .VisibleFlags}}

FLAGS{{template "visibleFlagTemplate" .}}{{end}}
`
)
