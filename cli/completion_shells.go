package cli

import (
	"fmt"
	"strings"
)

// zshCompletion does what bashCompletion does, with what each word is for.
func zshCompletion(verbs []verb) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef moed\n\n%s\n", shellModels)
	b.WriteString("_moed() {\n    local at='' i models='' values='' prev=${words[CURRENT-1]}\n    local -a next flags\n")
	b.WriteString("    for ((i = 2; i < CURRENT; i++)); do\n        case \"$at/${words[i]}\" in\n")
	for _, v := range verbs[1:] {
		above := v.path[:strings.LastIndexByte(v.path, '/')+1]
		fmt.Fprintf(&b, "            (%s%s) at=%s ;;\n", above, strings.Join(v.names, "|"+above), v.path)
	}
	b.WriteString("        esac\n    done\n    case \"$at\" in\n")
	usage := map[string]string{}
	for _, v := range verbs {
		usage[v.path] = v.usage
	}
	for _, v := range verbs {
		fmt.Fprintf(&b, "        (%s)\n            next=(", quoted(v.path))
		for _, name := range v.next {
			fmt.Fprintf(&b, " %s", quoted(described(name, usage[v.path+"/"+name])))
		}
		b.WriteString(")\n            flags=(")
		for _, f := range v.flags {
			for _, name := range f.names {
				fmt.Fprintf(&b, " %s", quoted(described(dash(name), f.usage)))
			}
		}
		fmt.Fprintf(&b, ")\n            values=%s\n", quoted(" "+strings.Join(dashed(v.flags, wantsValue), " ")+" "))
		if v.models {
			b.WriteString("            models=yes\n")
		}
		if words := strings.Join(dashed(v.flags, wantsModel), "|"); words != "" {
			fmt.Fprintf(&b, "            case \"$prev\" in (%s) next=() models=only ;; esac\n", words)
		}
		b.WriteString("            ;;\n")
	}
	b.WriteString(`    esac
    case "$values" in (*" $prev "*) _files; return ;; esac
    if [[ "$models" != only && "${words[CURRENT]}" == -* ]]; then
        _describe -o flag flags
        return
    fi
    (( ${#next} )) && _describe command next
    [[ -n "$models" ]] && compadd -- ${(f)"$(_moed_models)"}
    (( ${#next} )) || _files
}

if [ "$funcstack[1]" = _moed ]; then
    _moed "$@"
else
    compdef _moed moed
fi
`)
	return b.String()
}

// described is a word of _describe with what it is for.
func described(word, usage string) string {
	if usage == "" {
		return word
	}
	return word + ":" + usage
}

// fishCompletion names for every command the words after which it counts.
func fishCompletion(verbs []verb) string {
	var b strings.Builder
	b.WriteString(`# fish completion for moed

function __moed_models
    set -l dir $MOED_MODELS
    if test -z "$dir"
        set dir $MOED_USER_PATH
        if test -z "$dir"
            set dir $XDG_DATA_HOME
            test -z "$dir"; and set dir ~/.local/share
            set dir $dir/moed
        end
        set dir $dir/models
    end
    for file in $dir/*.gguf
        string replace -r '\.gguf$' '' (string split -r -m1 / $file)[-1]
    end
end

# __moed_at is true where the words so far are those of this command.
function __moed_at
    set -l at
    for word in (commandline -opc)[2..-1]
        switch (string join / '' $at $word)
`)
	for _, v := range verbs[1:] {
		above := v.path[:strings.LastIndexByte(v.path, '/')+1]
		fmt.Fprintf(&b, "            case %s%s\n                set at %s\n", above, strings.Join(v.names, " "+above), unslashed(v.path))
	}
	b.WriteString("        end\n    end\n    test \"$at\" = \"$argv\"\nend\n\n")
	usage := map[string]string{}
	for _, v := range verbs {
		usage[v.path] = v.usage
	}
	for _, v := range verbs {
		at := quoted("__moed_at " + unslashed(v.path))
		for _, name := range v.next {
			fmt.Fprintf(&b, "complete -c moed -n %s -f -a %s -d %s\n", at, name, quoted(usage[v.path+"/"+name]))
		}
		if v.models {
			fmt.Fprintf(&b, "complete -c moed -n %s -a '(__moed_models)'\n", at)
		}
		for _, f := range v.flags {
			fmt.Fprintf(&b, "complete -c moed -n %s%s -d %s\n", at, fishFlag(f), quoted(f.usage))
		}
	}
	return b.String()
}

func fishFlag(f flagWord) string {
	text := ""
	for _, name := range f.names {
		if len(name) == 1 {
			text += " -s " + name
		} else {
			text += " -l " + name
		}
	}
	switch {
	case wantsModel(f):
		text += " -r -a '(__moed_models)'"
	case f.value:
		text += " -r"
	}
	return text
}
