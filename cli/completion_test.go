package cli_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"moed/cli"
)

// script is what moed completion prints for shell, in a file.
func script(t *testing.T, shell string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := cli.Main(context.Background(), []string{"completion", shell}, cli.Streams{Out: &out, Err: &errs}); code != 0 || errs.Len() > 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	path := filepath.Join(t.TempDir(), "moed."+shell)
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Every shell that is here takes its script, and completes with it.
func TestCompletion(t *testing.T) {
	models := t.TempDir()
	for _, name := range []string{"tiny.gguf", "tall.gguf", "tiny.gguf.moed"} {
		if err := os.WriteFile(filepath.Join(models, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ line, want string }{
		{"lo", "load logs"},
		{"trace r", "record"},
		{"completion ", "bash fish zsh"},
		{"verify --re", "--repair"},
		{"unload t", "tall tiny"},
		{"stop ti", "tiny"},
		{"-m ta", "tall"},
		{"prompt --model ti", "tiny"},
	}
	ask := map[string]func(path, line string) *exec.Cmd{
		"bash": func(path, line string) *exec.Cmd {
			return exec.Command("bash", "--norc", "-c", `source "$0"; COMP_WORDS=(moed $1); [[ $1 == *" " ]] && COMP_WORDS+=(''); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _moed; printf '%s\n' "${COMPREPLY[@]}"`, path, line)
		},
		"fish": func(path, line string) *exec.Cmd {
			return exec.Command("fish", "--no-config", "-c", `source $argv[1]; complete -C "moed $argv[2]" | string replace -r '\t.*' ''; true`, path, line)
		},
		"zsh": func(path, line string) *exec.Cmd { // without a terminal zsh completes nothing: what would be offered is printed
			return exec.Command("zsh", "-f", "-c", `_describe() { print -l -- ${${(P)${@[-1]}}%%:*} }; compadd() { shift; print -l -- $@ }; _files() {}; compdef() {}; source $0; words=(moed ${=1}); [[ $1 == *" " ]] && words+=(''); CURRENT=${#words}; _moed`, path, line)
		},
	}
	for shell, command := range ask {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Skip(err)
			}
			path := script(t, shell)
			if out, err := exec.Command(shell, "-n", path).CombinedOutput(); err != nil || len(out) > 0 {
				t.Fatalf("%v: %s", err, out)
			}
			for _, test := range tests {
				c := command(path, test.line)
				c.Env = append(os.Environ(), "MOED_MODELS="+models)
				out, err := c.CombinedOutput()
				if err != nil {
					t.Fatalf("%q: %v: %s", test.line, err, out)
				}
				words := strings.Fields(string(out))
				last := test.line[strings.LastIndexByte(test.line, ' ')+1:]
				found := map[string]bool{}
				for _, word := range words {
					if strings.HasPrefix(word, last) {
						found[word] = true
					}
				}
				for _, want := range strings.Fields(test.want) {
					if !found[want] {
						t.Errorf("%q: %q is not offered: %q", test.line, want, words)
					}
				}
				if shell == "bash" && len(found) != len(strings.Fields(test.want)) {
					t.Errorf("%q: got %q, want %s", test.line, words, test.want)
				}
			}
		})
	}
}
