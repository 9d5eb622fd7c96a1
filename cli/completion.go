package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

func completionCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a script that completes moed's commands and flags in a shell",
		ArgsUsage: "bash|zsh|fish",
		Description: "bash: moed completion bash > ~/.local/share/bash-completion/completions/moed\n" +
			"zsh:  moed completion zsh > ~/.zfunc/_moed, where fpath has ~/.zfunc before compinit\n" +
			"fish: moed completion fish > ~/.config/fish/completions/moed.fish",
		Action: func(c *cli.Context) error {
			write := map[string]func([]verb) string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Args().First()]
			if write == nil || c.NArg() != 1 {
				return usagef("completion wants one shell: bash, zsh or fish")
			}
			_, err := io.WriteString(u.std.Out, write(verbs(commands(u))))
			return err
		},
	}
}

// verb is a command as completion sees it, or moed itself.
type verb struct {
	path  string // of names from moed on, as in /trace/record; "" is moed
	usage string
	names []string // its own: name and aliases
	flags []flagWord
	next  []string // commands in it
	// models is whether its arguments are models.
	models bool
}

// flagWord is a flag as completion sees it.
type flagWord struct {
	names []string // without dashes
	usage string
	value bool // a word follows
}

// verbs are moed itself, with the flags of what is meant where no command is
// named, and all commands with theirs.
func verbs(list []*cli.Command) []verb {
	all := []verb{{}}
	for _, c := range list {
		all[0].next = append(all[0].next, c.Name)
		if c.Name == defaultCommand {
			all[0].flags = flagWords(c)
		}
		all = append(all, verbsOf("", c)...)
	}
	return all
}

func verbsOf(above string, c *cli.Command) []verb {
	v := verb{path: above + "/" + c.Name, usage: firstSentence(c.Usage), names: c.Names(), flags: flagWords(c), models: strings.Contains(c.ArgsUsage, "MODEL")}
	if len(c.Subcommands) > 0 {
		v.flags = flagWords(c.Subcommands[0])
	}
	// Small letters are words to be written as they are, one of which comes first.
	if first, _, _ := strings.Cut(c.ArgsUsage, " "); strings.Trim(first, "abcdefghijklmnopqrstuvwxyz|") == "" {
		v.next = strings.FieldsFunc(first, func(r rune) bool { return r == '|' })
	}
	all := []verb{v}
	for _, sub := range c.Subcommands {
		all[0].next = append(all[0].next, sub.Name)
		all = append(all, verbsOf(v.path, sub)...)
	}
	return all
}

// firstSentence is usage in one short line of plain characters.
func firstSentence(usage string) string {
	usage, _, _ = strings.Cut(usage, "\n")
	usage, _, _ = strings.Cut(usage, ";")
	return strings.ReplaceAll(usage, "`", "")
}

func flagWords(c *cli.Command) []flagWord {
	words := []flagWord{{names: []string{"help", "h"}, usage: "show help"}}
	for _, f := range c.Flags {
		if visible, is := f.(cli.VisibleFlag); is && !visible.IsVisible() {
			continue
		}
		word := flagWord{names: f.Names()}
		if documented, is := f.(cli.DocGenerationFlag); is {
			word.usage, word.value = firstSentence(documented.GetUsage()), documented.TakesValue()
		}
		words = append(words, word)
	}
	return words
}

// dashed are all spellings of the flags for which want holds.
func dashed(flags []flagWord, want func(flagWord) bool) []string {
	var words []string
	for _, f := range flags {
		if !want(f) {
			continue
		}
		for _, name := range f.names {
			words = append(words, dash(name))
		}
	}
	return words
}

func dash(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

func anyFlag(flagWord) bool      { return true }
func wantsValue(f flagWord) bool { return f.value && !wantsModel(f) }
func wantsModel(f flagWord) bool { return f.value && slices.Contains(f.names, "model") }
func quoted(text string) string  { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
func unslashed(path string) string {
	return strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", " ")
}

// shellModels is a function of the shell that lists the models directory, which
// is faster than to ask moed.
const shellModels = `_moed_models() {
    local dir=${MOED_MODELS:-${MOED_USER_PATH:-${XDG_DATA_HOME:-$HOME/.local/share}/moed}/models} file
    for file in "$dir"/*.gguf; do
        [ -e "$file" ] || continue
        file=${file##*/}
        printf '%s\n' "${file%.gguf}"
    done
}
`

// bashCompletion finds the command among the words before the one to be
// completed, and then offers its commands, flags or models; where it offers
// nothing, bash completes file names.
func bashCompletion(verbs []verb) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# bash completion for moed\n\n%s\n", shellModels)
	b.WriteString("_moed() {\n    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at='' i next='' flags='' values='' models=''\n")
	b.WriteString("    for ((i = 1; i < COMP_CWORD; i++)); do\n        case \"$at/${COMP_WORDS[i]}\" in\n")
	for _, v := range verbs[1:] {
		above := v.path[:strings.LastIndexByte(v.path, '/')+1]
		fmt.Fprintf(&b, "            %s%s) at=%s ;;\n", above, strings.Join(v.names, "|"+above), v.path)
	}
	b.WriteString("        esac\n    done\n    case \"$at\" in\n")
	for _, v := range verbs {
		words := strings.Join(dashed(v.flags, wantsModel), "|")
		fmt.Fprintf(&b, "        %s)\n            next=%s\n            flags=%s\n            values=%s\n", quoted(v.path),
			quoted(strings.Join(v.next, " ")), quoted(strings.Join(dashed(v.flags, anyFlag), " ")), quoted(" "+strings.Join(dashed(v.flags, wantsValue), " ")+" "))
		if v.models {
			b.WriteString("            models=yes\n")
		}
		if words != "" {
			fmt.Fprintf(&b, "            case \"$prev\" in %s) next='' flags='' models=yes ;; esac\n", words)
		}
		b.WriteString("            ;;\n")
	}
	b.WriteString(`    esac
    COMPREPLY=()
    case "$values" in *" $prev "*) return ;; esac
    case "$cur" in -*) next=$flags models='' ;; esac
    if [ -n "$models" ]; then
        next="$next $(_moed_models)"
    fi
    COMPREPLY=($(compgen -W "$next" -- "$cur"))
}

complete -o bashdefault -o default -F _moed moed
`)
	return b.String()
}
