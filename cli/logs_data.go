package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"moed/cli/logbook"
)

// schemaOf is the id of the schema that c asks for, "" where it asks for none.
func schemaOf(c *cli.Context, database string) (string, error) {
	text, many := c.String("schema"), false
	if c.IsSet("schema-multi") {
		text, many = c.String("schema-multi"), true
	}
	if text == "" {
		return "", nil
	}
	found, err := findSchema(c.Context, database, text, many)
	return logbook.SchemaID(found), err
}

func wantsData(c *cli.Context) bool {
	return c.Bool("data") || c.Bool("data-array") || c.IsSet("data-key") || c.Bool("data-ids")
}

// showData writes what answers by a schema are, and leaves out those that were
// cut off.
func showData(c *cli.Context, w io.Writer, list []logbook.Response) error {
	items := []json.RawMessage{}
	for i := range list {
		r := &list[i]
		if len(r.Schema) == 0 || !json.Valid([]byte(r.Text)) {
			continue
		}
		for _, item := range itemsOf([]byte(r.Text), c.String("data-key")) {
			if c.Bool("data-ids") {
				item = withIDs(item, r)
			}
			items = append(items, item)
		}
	}
	if c.Bool("data-array") {
		return writeJSON(w, items)
	}
	for _, item := range items {
		var line bytes.Buffer
		if err := json.Compact(&line, item); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s\n", &line); err != nil {
			return err
		}
	}
	return nil
}

// itemsOf are those of the list that the object answer has under key, or the
// answer itself where it has none.
func itemsOf(answer []byte, key string) (items []json.RawMessage) {
	var object map[string]json.RawMessage
	if key != "" && json.Unmarshal(answer, &object) == nil && json.Unmarshal(object[key], &items) == nil {
		return items
	}
	return []json.RawMessage{answer}
}

// withIDs adds where it comes from to an object. Names that it has get a _.
func withIDs(item json.RawMessage, r *logbook.Response) json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(item, &object) != nil || object == nil {
		return item
	}
	text := strings.TrimSuffix(strings.TrimSpace(string(item)), "}")
	for _, id := range []struct{ name, value string }{{"response_id", r.ID}, {"conversation_id", r.Conversation.ID}} {
		for object[id.name] != nil {
			id.name += "_"
		}
		object[id.name] = json.RawMessage("null")
		if len(object) > 1 {
			text += ", "
		}
		text += fmt.Sprintf("%q: %q", id.name, id.value)
	}
	return json.RawMessage(text + "}")
}
