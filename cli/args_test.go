package cli

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestArrange(t *testing.T) {
	tests := map[string]struct{ args, want string }{
		"nothing":                      {"", "prompt --"},
		"a prompt":                     {"hello", "prompt -- hello"},
		"words":                        {"hello there", "prompt -- hello there"},
		"named":                        {"prompt hello", "prompt -- hello"},
		"under its other name":         {"run hello", "prompt -- hello"},
		"flags first":                  {"--max-tokens 5 hello", "prompt --max-tokens 5 -- hello"},
		"flags after the prompt":       {"hello -m x --json", "prompt --model x --json -- hello"},
		"flags between":                {"one -u two --raw three", "prompt --usage --raw -- one two three"},
		"a bool takes no word":         {"-n hello", "prompt --no-log -- hello"},
		"a bool with a value":          {"--ta=false hello", "prompt --tools-approve=false -- hello"},
		"two letters":                  {"-xl hello --cid 5 -td", "prompt --extract-last --conversation 5 --tools-debug -- hello"},
		"letters together":             {"-xR hello", "prompt --extract --hide-reasoning -- hello"},
		"the last with a value":        {"-ns system hello", "prompt --no-log --system system -- hello"},
		"value behind =":               {"hello --seed=1", "prompt --seed 1 -- hello"},
		"one flag in two spellings":    {"-f a --fragment b x", "prompt --fragment a --fragment b -- x"},
		"option of two words":          {"hello -o temperature 0.5", "prompt --option temperature=0.5 -- hello"},
		"option of one word":           {"hello -o temperature=0.5", "prompt --option temperature=0.5 -- hello"},
		"option behind =":              {"-o=temperature=0.5 x", "prompt --option temperature=0.5 -- x"},
		"option, = only begins":        {"-o=temperature 0.5 x", "prompt --option temperature=0.5 -- x"},
		"options":                      {"-o top_k 1 a -o stop X", "prompt --option top_k=1 --option stop=X -- a"},
		"a value with =":               {"-p who a=b x", "prompt --param who=a=b -- x"},
		"another command's -o":         {"trace record -o t.trace", "trace --out t.trace -- record"},
		"a value that is a dash":       {"-s -x hello", "prompt --system -x -- hello"},
		"a negative value":             {"--seed -1 hello", "prompt --seed -1 -- hello"},
		"after the dashes":             {"-u -- -n 5 --", "prompt --usage -- -n 5 --"},
		"a single dash":                {"-", "prompt -- -"},
		"a command's flags":            {"inspect a.gguf --json", "inspect --json -- a.gguf"},
		"a command later is no one":    {"please inspect", "prompt -- please inspect"},
		"a command behind the dashes":  {"-- inspect", "prompt -- inspect"},
		"a prompt that begins like it": {"inspector gadget", "prompt -- inspector gadget"},
		"a group":                      {"logs", "logs list --"},
		"a group's default":            {"logs -n 5 --json", "logs list --count 5 --json --"},
		"a command of a group":         {"logs path", "logs path --"},
		"with words":                   {"models default big --local", "models default --local -- big"},
		"groups in groups":             {"models options set m top_k 1", "models options set -- m top_k 1"},
		"their default":                {"models options --json", "models options list --json --"},
		"no command of the group":      {"logs paths", "logs list -- paths"},
		"help":                         {"-h", "--help"},
		"help, spelled out":            {"--help me", "--help"},
		"help as a word":               {"help", "--help"},
		"help on a command":            {"help bench", "bench --help"},
		"help on a group":              {"help logs", "logs --help"},
		"help in a group":              {"help models options set", "models options set --help"},
		"a command's own":              {"bench -h", "bench --help"},
		"a group's own":                {"logs -h", "logs --help"},
		"a group's command's":          {"logs list -n 5 -h", "logs list --help"},
		"of what is not named":         {"hello -h", "prompt --help"},
		"behind other words":           {"trace record --help", "trace --help"},
		"as a value":                   {"-s -h hello", "prompt --system -h -- hello"},
		"a prompt that begins so":      {"help me write", "prompt -- help me write"},
		"version":                      {"--version", "version --"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			app := application(newUI(Streams{}))
			got, err := arrange(app, strings.Fields(test.args))
			if err != nil {
				t.Fatal(err)
			}
			if want := append([]string{"moed"}, strings.Fields(test.want)...); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestArrangeErrors(t *testing.T) {
	tests := map[string]struct{ args, want string }{
		"unknown":              {"hello --frobnicate", "unknown flag --frobnicate"},
		"unknown, short":       {"hello -5", "unknown flag -5"},
		"of another command":   {"inspect --tokens 4 x", "unknown flag --tokens"},
		"no value":             {"hello -m", "flag -m wants a value"},
		"no value, option":     {"hello -o", "flag -o wants a value"},
		"half an option":       {"hello -o top_k", "flag -o top_k wants a value"},
		"half, after the =":    {"hello -o=top_k", "flag -o top_k wants a value"},
		"letters, one unknown": {"-n5 5", "unknown flag -n5"},
		"a value in the midst": {"-sn 5", "unknown flag -sn"},
		"llm's, not moed's":    {"hello --key x", "there is no flag --key: models run on this machine"},
		"pictures":             {"hello -a x.png", "there is no flag -a: moed's models read text alone"},
	}
	for name, test := range tests {
		_, err := arrange(application(newUI(Streams{})), strings.Fields(test.args))
		var usage usageError
		if err == nil || !strings.Contains(err.Error(), test.want) || !errors.As(err, &usage) {
			t.Errorf("%s: got %v, want a usage error with %q", name, err, test.want)
		}
	}
}

// FuzzArrange: whatever the words are, the command line that comes out names a
// command, and none of what was a prompt is lost or added to.
func FuzzArrange(f *testing.F) {
	for _, seed := range []string{"hello -m x", "-o a b", "logs -n 3", "-- -x", "--=", "-", "-o", "help", "models options set a b=c", "-xR --ta=false"} {
		f.Add(seed)
	}
	app := application(newUI(Streams{}))
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.Split(line, " ")
		argv, err := arrange(app, words)
		if err != nil || argv[len(argv)-1] == "--help" && !slices.Contains(argv, "--") {
			return
		}
		path, rest := named(app.Commands, argv[1:])
		if path == nil || len(path[len(path)-1].Subcommands) > 0 {
			t.Fatalf("%q becomes %q, which names no command", words, argv)
		}
		prompt := rest[slices.Index(rest, "--")+1:]
		for _, word := range prompt {
			if !slices.Contains(words, word) {
				t.Errorf("%q becomes %q", words, argv)
			}
		}
		if i := slices.Index(words, "--"); i >= 0 && slices.Index(rest, "--") >= 0 && len(prompt) < len(words)-i-1 {
			t.Errorf("%q becomes %q, which has lost words", words, argv)
		}
	})
}
