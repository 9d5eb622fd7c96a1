package cli

import (
	"fmt"
	"maps"
	"slices"

	"github.com/urfave/cli/v2"
)

func aliasesCommand(u *ui) *cli.Command {
	return group("aliases", "short names of models",
		&cli.Command{Name: "list", Usage: "list them", ArgsUsage: "[flags]", Flags: listFlags(),
			Action: func(c *cli.Context) error { return listAliases(c, u) }},
		&cli.Command{Name: "set", Usage: "name a model", ArgsUsage: "ALIAS MODEL",
			Flags:  append(placeFlags(), many("query", "the model with the shortest name that has `TERM` in it, repeatable, in place of MODEL", "q")),
			Action: func(c *cli.Context) error { return setAlias(c, u) }},
		&cli.Command{Name: "remove", Usage: "forget an alias", ArgsUsage: "ALIAS",
			Action: func(c *cli.Context) error {
				words, err := wantArgs(c, 1)
				if err != nil {
					return err
				}
				aliases, err := settingList[string](aliasesFile)
				if err != nil {
					return err
				}
				if _, is := aliases[words[0]]; !is {
					return fmt.Errorf("no model has the alias %s", words[0])
				}
				delete(aliases, words[0])
				return writeSettingList(aliasesFile, aliases)
			}},
		pathCommand(u, "the file of aliases", func() (string, error) { return settingPath(aliasesFile) }),
	)
}

// pathCommand prints where something is.
func pathCommand(u *ui, what string, path func() (string, error)) *cli.Command {
	return &cli.Command{Name: "path", Usage: "print the path of " + what,
		Action: func(c *cli.Context) error {
			if _, err := wantArgs(c, 0); err != nil {
				return err
			}
			text, err := path()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(u.std.Out, text)
			return err
		}}
}

func listAliases(c *cli.Context, u *ui) error {
	if _, err := wantArgs(c, 0); err != nil {
		return err
	}
	aliases, err := settingList[string](aliasesFile)
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(aliases))
	switch {
	case c.Bool("nl"):
		type alias struct {
			Alias string `json:"alias"`
			Model string `json:"model"`
		}
		var list []alias
		for _, name := range names {
			list = append(list, alias{name, aliases[name]})
		}
		return writeList(u.std.Out, list, true)
	case c.Bool("json"): // an object, as llm's
		return writeJSON(u.std.Out, aliases)
	}
	return writeTable(u.std.Out, []string{"ALIAS", "MODEL"}, len(names), func(i int) []string { return []string{names[i], aliases[names[i]]} })
}

func setAlias(c *cli.Context, u *ui) error {
	terms, n := c.StringSlice("query"), 2
	if len(terms) > 0 {
		n = 1
	}
	words, err := wantArgs(c, n)
	if err != nil {
		return err
	}
	if isPath(words[0]) || words[0] == "" {
		return usagef("%q cannot be an alias: it would be taken for a file", words[0])
	}
	model := ""
	if n == 2 {
		if model, err = lasting(words[1]); err != nil {
			return err
		}
	} else {
		where, err := placeOf(c)
		if err != nil {
			return err
		}
		if model, err = where.find(c.Context, terms); err != nil {
			return err
		}
		u.sayf("%s is %s now", words[0], clean(model))
	}
	aliases, err := settingList[string](aliasesFile)
	if err != nil {
		return err
	}
	aliases[words[0]] = model
	return writeSettingList(aliasesFile, aliases)
}
