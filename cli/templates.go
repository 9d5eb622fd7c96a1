package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"

	"moed/cli/template"
	"moed/cli/userdir"
)

// plainName is what templates and tools may be called: nothing that leads out of
// their directory.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

// templatePath is the file of the template of that name.
func templatePath(name string) (string, error) {
	if !plainName.MatchString(name) {
		return "", usagef("template %q: want a name of letters, digits, dots, dashes and underscores", name)
	}
	return settingPath(filepath.Join(templatesDir, name+".yaml"))
}

// readTemplate reads the template of that name, or the file of that path.
func readTemplate(name string) (*template.Template, error) {
	path := name
	if !strings.ContainsAny(name, `/\`) && filepath.Ext(name) != ".yaml" {
		var err error
		if path, err = templatePath(name); err != nil {
			return nil, err
		}
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, withHint(fmt.Errorf("template %s: %s is not there", name, path), "moed templates lists what there is; moed templates edit %s makes one", name)
	}
	if err != nil {
		return nil, err
	}
	t, err := template.Parse(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// save keeps flags and prompt as a template.
func (a *ask) save(c *cli.Context) error {
	for _, flag := range []string{"template", "continue", "conversation"} {
		if c.IsSet(flag) {
			return usagef("--save keeps flags of one prompt: it goes without --%s", flag)
		}
	}
	path, err := templatePath(c.String("save"))
	if err != nil {
		return err
	}
	t := &template.Template{System: a.system, Prompt: strings.Join(c.Args().Slice(), " "), Tools: c.StringSlice("tool"),
		Fragments: c.StringSlice("fragment"), SystemFragments: c.StringSlice("system-fragment"), Extract: a.show.extract, ExtractLast: a.show.extractLast}
	if c.IsSet("model") || c.IsSet("query") {
		if t.Model, err = lasting(a.model); err != nil {
			return err
		}
	}
	if options := a.optionsJSON(); options != nil {
		if err := json.Unmarshal(options, &t.Options); err != nil {
			return err
		}
	}
	if a.schema != nil {
		if err := json.Unmarshal(a.schema, &t.SchemaObject); err != nil {
			return err
		}
	}
	content, err := t.YAML()
	if err != nil {
		return err
	}
	return userdir.Write(path, content)
}

func templatesCommand(u *ui) *cli.Command {
	return group("templates", "kept flags and prompts, for -t",
		&cli.Command{Name: "list", Usage: "list them", ArgsUsage: "[flags]", Flags: listFlags(),
			Action: func(c *cli.Context) error { return listTemplates(c, u) }},
		&cli.Command{Name: "show", Usage: "print one", ArgsUsage: "NAME",
			Action: func(c *cli.Context) error {
				words, err := wantArgs(c, 1)
				if err != nil {
					return err
				}
				t, err := readTemplate(words[0])
				if err != nil {
					return err
				}
				content, err := t.YAML()
				if err != nil {
					return err
				}
				_, err = u.std.Out.Write(content)
				return err
			}},
		&cli.Command{Name: "edit", Usage: "change one, or make it, with $VISUAL or $EDITOR", ArgsUsage: "NAME",
			Action: func(c *cli.Context) error { return editTemplate(c, u) }},
		&cli.Command{Name: "remove", Usage: "delete one", ArgsUsage: "NAME",
			Action: func(c *cli.Context) error {
				words, err := wantArgs(c, 1)
				if err != nil {
					return err
				}
				path, err := templatePath(words[0])
				if err != nil {
					return err
				}
				return os.Remove(path)
			}},
		pathCommand(u, "the directory of templates", func() (string, error) { return settingPath(templatesDir) }),
	)
}

// newTemplate is what a template is edited from.
const newTemplate = "# Variables: $input is what the user says, $name is set with -p name VALUE.\nsystem: \nprompt: \"$input\"\n"

func editTemplate(c *cli.Context, u *ui) error {
	words, err := wantArgs(c, 1)
	if err != nil {
		return err
	}
	path, err := templatePath(words[0])
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := userdir.Write(path, []byte(newTemplate)); err != nil {
			return err
		}
	}
	if err := edit(c, u, path); err != nil {
		return err
	}
	_, err = readTemplate(words[0])
	return err
}

// edit opens the file in the user's editor and waits for its end.
func edit(c *cli.Context, u *ui, path string) error {
	words := strings.Fields(cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR"), "vi"))
	if len(words) == 0 {
		return fmt.Errorf("$EDITOR is blank")
	}
	editor := exec.CommandContext(c.Context, words[0], append(words[1:], path)...)
	editor.Stdin, editor.Stdout, editor.Stderr = u.std.In, u.std.Err, u.std.Err
	if err := editor.Run(); err != nil {
		return withHint(fmt.Errorf("editor %s: %w", words[0], err), "$EDITOR names another one")
	}
	return nil
}

type listedTemplate struct {
	Name   string `json:"name"`
	Path   string `json:"path"`
	Model  string `json:"model,omitempty"`
	System string `json:"system,omitempty"`
	Prompt string `json:"prompt,omitempty"`
	Error  string `json:"error,omitempty"`
}

func listTemplates(c *cli.Context, u *ui) error {
	if _, err := wantArgs(c, 0); err != nil {
		return err
	}
	dir, err := settingPath(templatesDir)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*.yaml"))
	if err != nil {
		return err
	}
	var list []listedTemplate
	for _, file := range files {
		l := listedTemplate{Name: strings.TrimSuffix(filepath.Base(file), ".yaml"), Path: file}
		if t, err := readTemplate(file); err != nil {
			l.Error = err.Error()
		} else {
			l.Model, l.System, l.Prompt = t.Model, t.System, t.Prompt
		}
		list = append(list, l)
	}
	if wantsJSON(c) {
		return writeList(u.std.Out, list, c.Bool("nl"))
	}
	return writeTable(u.std.Out, []string{"NAME", "MODEL", "TEXT"}, len(list), func(i int) []string {
		l := list[i]
		text := strings.TrimSpace("system: " + l.System + " prompt: " + l.Prompt)
		switch {
		case l.Error != "":
			text = l.Error
		case l.System == "":
			text = l.Prompt
		case l.Prompt == "":
			text = "system: " + l.System
		}
		return []string{l.Name, l.Model, shorten(text, 70)}
	})
}

// escapeGlob has path stand for itself in a pattern.
func escapeGlob(path string) string {
	if filepath.Separator == '\\' { // where a pattern has no way to escape
		return path
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
