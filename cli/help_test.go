package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// TestHelpIsComplete: no command and no flag is missing from the sections of the
// help, and none in them, or with examples, is gone.
func TestHelpIsComplete(t *testing.T) {
	all := commands(newUI(Streams{}))
	var names []string
	for _, c := range all {
		names = append(names, c.Name)
	}
	same(t, "moed -h", commandSections(), names)
	for path := range examples() {
		if !slices.Contains(names, path) {
			t.Errorf("there are examples of %s, which is no command", path)
		}
	}
	i := slices.Index(names, defaultCommand)
	same(t, "moed prompt -h", flagSections(), flagNames(append(all[i].Flags, cli.HelpFlag)))
	if i != 0 {
		t.Errorf("%s is command %d, want the first", defaultCommand, i)
	}
}

func flagNames(flags []cli.Flag) (names []string) {
	for _, f := range flags {
		names = append(names, f.Names()[0])
	}
	return names
}

func same(t *testing.T, where string, sections []section, names []string) {
	t.Helper()
	var listed []string
	for _, s := range sections {
		listed = append(listed, strings.Fields(s.names)...)
	}
	slices.Sort(listed)
	if want := slices.Sorted(slices.Values(names)); !slices.Equal(listed, want) {
		t.Errorf("%s has %q, want %q", where, listed, want)
	}
}

// TestExamplesParse: what the help shows is a command line.
func TestExamplesParse(t *testing.T) {
	shown := []string{description}
	for _, text := range examples() {
		shown = append(shown, text)
	}
	for _, line := range strings.Split(strings.Join(shown, "\n"), "\n") {
		_, args, ok := strings.Cut(line, "moed ")
		if !ok {
			t.Errorf("%s: not of moed", line)
			continue
		}
		args, _, _ = strings.Cut(args, " < ")
		if _, err := arrange(application(newUI(Streams{})), words(args)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// words splits as a shell does where only double quotes are used.
func words(line string) (all []string) {
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			all = append(all, part)
			continue
		}
		all = append(all, strings.Fields(part)...)
	}
	return all
}
