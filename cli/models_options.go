package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"moed/cli/userdir"
	"moed/daemon"
)

// option is what -o sets.
type option struct {
	Key  string `json:"key"`
	What string `json:"what"`
}

// options are those of all models, in the engine's order.
func options() (all []option) {
	what := map[string]string{
		"temperature":       "0 takes the likeliest token, more is more varied; 0.8 where nothing is said",
		"top_k":             "choose among the K likeliest tokens; 0 is all; 40 where nothing is said",
		"top_p":             "choose among the likeliest tokens that together have this probability; 0.95 where nothing is said",
		"min_p":             "leave out tokens less probable than this part of the likeliest; 0.05 where nothing is said",
		"repeat_penalty":    "above 1 makes recent tokens less likely",
		"repeat_last_n":     "how many tokens are recent; -1 is all",
		"frequency_penalty": "taken from a recent token's logit once for each use",
		"presence_penalty":  "taken from a recent token's logit once",
		"logit_bias":        `added to logits: JSON from token ids to numbers, such as {"15": -100}`,
		"seed":              "of the random choices; the same seed gives the same text",
		"stop":              "a text that ends the answer, which does not include it; may be repeated",
		"max_tokens":        "the longest answer; 0 lets the model end it",
		"num_predict":       "the same under Ollama's name",
	}
	for _, key := range daemon.OptionKeys() {
		all = append(all, option{key, what[key]})
	}
	return all
}

func writeOptions(w io.Writer) error {
	all := options()
	return writeTable(w, []string{"KEY", "VALUE"}, len(all), func(i int) []string { return []string{all[i].Key, all[i].What} })
}

func modelsPath() (string, error) { return userdir.Models() }

// has is nil where there is such a model.
func (p place) has(ctx context.Context, model string) error {
	model, err := unalias(model)
	if err != nil {
		return err
	}
	if isPath(model) {
		_, err := os.Stat(model)
		return err
	}
	rows, err := p.models(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, r := range rows {
		if r.Name == model {
			return nil
		}
		names = append(names, r.Name)
	}
	return withHint(&daemon.NoModelError{Name: model, Near: names}, "moed models lists what there is; the path of a GGUF file does too")
}

// optionsName is what the options of a model are kept under: its name.
func optionsName(model string) (string, error) {
	model, err := unalias(model)
	if err != nil || !isPath(model) {
		return model, err
	}
	return strings.TrimSuffix(filepath.Base(model), ".gguf"), nil
}

func modelsOptionsCommand(u *ui) *cli.Command {
	return group("options", "options that prompts to a model get where they do not say otherwise",
		&cli.Command{Name: "list", Usage: "list what is set", ArgsUsage: "[flags]", Flags: listFlags(),
			Action: func(c *cli.Context) error { return listModelOptions(c, u, "") }},
		&cli.Command{Name: "show", Usage: "list what is set for a model", ArgsUsage: "MODEL", Flags: listFlags(),
			Action: func(c *cli.Context) error {
				words, err := wantArgs(c, 1)
				if err != nil {
					return err
				}
				name, err := optionsName(words[0])
				if err != nil {
					return err
				}
				return listModelOptions(c, u, name)
			}},
		&cli.Command{Name: "set", Usage: "set one", ArgsUsage: "MODEL KEY VALUE",
			Action: func(c *cli.Context) error {
				words, err := wantArgs(c, 3)
				if err != nil {
					return err
				}
				r := &daemon.Request{}
				if err := r.Set(words[1], words[2]); err != nil {
					return usageError{err}
				}
				if err := r.Check(); err != nil {
					return usageError{err}
				}
				return changeModelOptions(words[0], func(o modelOptions) error { o[words[1]] = words[2]; return nil })
			}},
		&cli.Command{Name: "clear", Usage: "forget one, or all of a model", ArgsUsage: "MODEL [KEY]",
			Action: func(c *cli.Context) error {
				if c.NArg() < 1 || c.NArg() > 2 {
					return usagef("models options clear wants MODEL [KEY], found %d words", c.NArg())
				}
				key := c.Args().Get(1)
				return changeModelOptions(c.Args().First(), func(o modelOptions) error {
					if _, is := o[key]; !is && key != "" || len(o) == 0 {
						return fmt.Errorf("nothing of that is set")
					}
					if key == "" {
						clear(o)
					}
					delete(o, key)
					return nil
				})
			}},
	)
}

// changeModelOptions changes what is set for a model.
func changeModelOptions(model string, change func(modelOptions) error) error {
	name, err := optionsName(model)
	if err != nil {
		return err
	}
	all, err := settingList[modelOptions](modelOptionsFile)
	if err != nil {
		return err
	}
	if all[name] == nil {
		all[name] = modelOptions{}
	}
	if err := change(all[name]); err != nil {
		return err
	}
	if len(all[name]) == 0 {
		delete(all, name)
	}
	return writeSettingList(modelOptionsFile, all)
}

type listedOption struct {
	Model string `json:"model"`
	Key   string `json:"key"`
	Value string `json:"value"`
}

// listModelOptions lists what is set for a model, or for all where it is "".
func listModelOptions(c *cli.Context, u *ui, model string) error {
	if model == "" {
		if _, err := wantArgs(c, 0); err != nil {
			return err
		}
	}
	all, err := settingList[modelOptions](modelOptionsFile)
	if err != nil {
		return err
	}
	var list []listedOption
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, key := range slices.Sorted(maps.Keys(all[name])) {
			if model == "" || model == name {
				list = append(list, listedOption{name, key, all[name][key]})
			}
		}
	}
	if wantsJSON(c) {
		return writeList(u.std.Out, list, c.Bool("nl"))
	}
	return writeTable(u.std.Out, []string{"MODEL", "KEY", "VALUE"}, len(list), func(i int) []string {
		return []string{list[i].Model, list[i].Key, list[i].Value}
	})
}
