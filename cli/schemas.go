package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"moed/cli/logbook"
	"moed/cli/schema"
)

// findSchema is the JSON schema that text says or names: JSON, a file, t: and a
// template, an id in the history, or the short form. many asks for any number
// of what it describes.
func findSchema(ctx context.Context, database, text string, many bool) (json.RawMessage, error) {
	found, err := oneSchema(ctx, database, strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	if many {
		found = schema.Many(found)
	}
	return found, nil
}

func oneSchema(ctx context.Context, database, text string) (json.RawMessage, error) {
	if strings.HasPrefix(text, "{") {
		return parseSchema("--schema", []byte(text))
	}
	if name, is := strings.CutPrefix(text, "t:"); is {
		t, err := readTemplate(name)
		if err != nil {
			return nil, err
		}
		inner, err := t.SchemaText()
		if err == nil && inner == "" {
			err = fmt.Errorf("template %s has no schema", name)
		}
		if err != nil {
			return nil, err
		}
		return oneSchema(ctx, database, inner)
	}
	if info, err := os.Stat(text); err == nil && info.Mode().IsRegular() {
		content, err := readText(text)
		if err != nil {
			return nil, err
		}
		return parseSchema(text, []byte(content))
	}
	if !strings.ContainsAny(text, " ,\n:") {
		if kept, err := keptSchema(ctx, database, text); kept != nil || err != nil {
			return kept, err
		}
	}
	found, err := schema.Parse(text)
	if err != nil {
		return nil, withHint(usageError{fmt.Errorf("schema: %w", err)}, "moed schemas dsl \"name, age int\" shows what becomes of it")
	}
	return found, nil
}

func parseSchema(from string, content []byte) (json.RawMessage, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(content, &object); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", from, err)
	}
	return content, nil
}

// keptSchema is the schema of that id in the history, or nil.
func keptSchema(ctx context.Context, database, id string) (json.RawMessage, error) {
	book, err := readBook(ctx, database)
	if book == nil || err != nil {
		return nil, err
	}
	defer book.Close()
	found, err := book.Schema(ctx, id)
	if errors.Is(err, logbook.ErrNotFound) {
		return nil, nil
	}
	return found, err
}

func schemasCommand(u *ui) *cli.Command {
	return group("schemas", "JSON schemas that answers have followed",
		&cli.Command{Name: "list", Usage: "list them", ArgsUsage: "[flags]", Flags: append(listFlags(), databaseFlag()),
			Action: func(c *cli.Context) error { return listSchemas(c, u) }},
		&cli.Command{Name: "show", Usage: "print one", ArgsUsage: "ID", Flags: []cli.Flag{databaseFlag()},
			Action: func(c *cli.Context) error {
				words, path, err := fragmentArgs(c, 1)
				if err != nil {
					return err
				}
				found, err := keptSchema(c.Context, path, words[0])
				if err == nil && found == nil {
					err = withHint(fmt.Errorf("no schema %s in the history", words[0]), "moed schemas lists them")
				}
				if err != nil {
					return err
				}
				return writeJSON(u.std.Out, found)
			}},
		&cli.Command{Name: "dsl", Usage: "print the JSON schema of the short form, such as \"name, age int, bio: a short text\"", ArgsUsage: "FIELDS",
			Flags: []cli.Flag{switchFlag("multi", "of any number of them")},
			Action: func(c *cli.Context) error {
				words, err := wantArgs(c, 1)
				if err != nil {
					return err
				}
				found, err := schema.Parse(words[0])
				if err != nil {
					return usageError{err}
				}
				if c.Bool("multi") {
					found = schema.Many(found)
				}
				return writeJSON(u.std.Out, found)
			}},
	)
}

func databaseFlag() cli.Flag {
	return &cli.StringFlag{Name: "database", Aliases: []string{"d"}, Usage: "in the history in `FILE`"}
}

func listSchemas(c *cli.Context, u *ui) error {
	_, path, err := fragmentArgs(c, 0)
	if err != nil {
		return err
	}
	book, err := readBook(c.Context, path)
	if err != nil {
		return err
	}
	var all []logbook.Schema
	if book != nil {
		defer book.Close()
		if all, err = book.Schemas(c.Context); err != nil {
			return err
		}
	}
	if wantsJSON(c) {
		return writeList(u.std.Out, all, c.Bool("nl"))
	}
	return writeTable(u.std.Out, []string{"ID", "USED", "LAST", "SCHEMA"}, len(all), func(i int) []string {
		s := all[i]
		return []string{s.ID, fmt.Sprint(s.Uses), dateText(s.Latest), shorten(string(s.Content), 60)}
	})
}

// dateText is a time of the database to the minute.
func dateText(at string) string {
	return strings.Replace(at[:min(len(at), len("2006-01-02T15:04"))], "T", " ", 1)
}
