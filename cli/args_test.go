package cli

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestArrange(t *testing.T) {
	tests := map[string]struct{ args, want string }{
		"nothing":                      {"", "run --"},
		"a prompt":                     {"hello", "run -- hello"},
		"words":                        {"hello there", "run -- hello there"},
		"named":                        {"run hello", "run -- hello"},
		"flags first":                  {"-n 5 hello", "run -n 5 -- hello"},
		"flags after the prompt":       {"hello -n 5 --json", "run -n 5 --json -- hello"},
		"flags between":                {"one -u two --raw three", "run -u --raw -- one two three"},
		"a bool takes no word":         {"-u hello", "run -u -- hello"},
		"value behind =":               {"hello --seed=1", "run --seed=1 -- hello"},
		"option of two words":          {"hello -o temperature 0.5", "run -o temperature=0.5 -- hello"},
		"option of one word":           {"hello -o temperature=0.5", "run -o temperature=0.5 -- hello"},
		"option behind =":              {"-o=temperature=0.5 x", "run -o=temperature=0.5 -- x"},
		"option, = only begins":        {"-o=temperature 0.5 x", "run -o=temperature=0.5 -- x"},
		"options":                      {"-o top_k 1 a -o stop X", "run -o top_k=1 -o stop=X -- a"},
		"a value that is a dash":       {"-s -x hello", "run -s -x -- hello"},
		"a negative value":             {"--seed -1 hello", "run --seed -1 -- hello"},
		"after the dashes":             {"-u -- -n 5 --", "run -u -- -n 5 --"},
		"a single dash":                {"-", "run -- -"},
		"a command's flags":            {"inspect a.gguf --json", "inspect --json -- a.gguf"},
		"a command later is no one":    {"please inspect", "run -- please inspect"},
		"a command behind the dashes":  {"-- inspect", "run -- inspect"},
		"a prompt that begins like it": {"inspector gadget", "run -- inspector gadget"},
		"help":                         {"-h", "--help"},
		"help, spelled out":            {"--help me", "--help"},
		"help as a word":               {"help", "--help"},
		"help on a command":            {"help bench", "bench --help"},
		"a command's own":              {"bench -h", "bench --help"},
		"behind other words":           {"trace record --help", "trace --help"},
		"as a value":                   {"-s -h hello", "run -s -h -- hello"},
		"a prompt that begins so":      {"help me write", "run -- help me write"},
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
		"unknown":             {"hello --frobnicate", "unknown flag --frobnicate"},
		"unknown, short":      {"hello -5", "unknown flag -5"},
		"of another command":  {"inspect --tokens 4 x", "unknown flag --tokens"},
		"no value":            {"hello -m", "flag -m wants a value"},
		"no value, option":    {"hello -o", "flag -o wants a value"},
		"half an option":      {"hello -o top_k", "flag -o top_k wants a value"},
		"half, after the =":   {"hello -o=top_k", "flag -o=top_k top_k wants a value"},
		"a dash and a letter": {"-nn 5", "unknown flag -nn"},
	}
	for name, test := range tests {
		_, err := arrange(application(newUI(Streams{})), strings.Fields(test.args))
		var usage usageError
		if err == nil || !strings.Contains(err.Error(), test.want) || !errors.As(err, &usage) {
			t.Errorf("%s: got %v, want a usage error with %q", name, err, test.want)
		}
	}
}
