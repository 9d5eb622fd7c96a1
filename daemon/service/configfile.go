package service

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// List is a list of strings, or one that is written without brackets.
type List []string

// UnmarshalTOML reads it.
func (l *List) UnmarshalTOML(value any) error {
	switch v := value.(type) {
	case string:
		*l = List{v}
	case []any:
		for _, one := range v {
			text, ok := one.(string)
			if !ok {
				return errors.New("want strings")
			}
			*l = append(*l, text)
		}
	default:
		return errors.New("want a string, or a list of them")
	}
	return nil
}

// largest is the most bytes of a configuration.
const largest = 1 << 20

// ReadConfig reads the file at path. A key that it does not know is an error.
func ReadConfig(path string) (Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, largest+1))
	if err != nil {
		return Config{}, err
	}
	c, err := parseConfig(content)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// parseConfig reads a configuration; errors begin with the line.
func parseConfig(content []byte) (Config, error) {
	if len(content) > largest {
		return Config{}, fmt.Errorf("it has more than %d bytes", largest)
	}
	var c Config
	meta, err := toml.NewDecoder(bytes.NewReader(content)).Decode(&c)
	if err != nil {
		return Config{}, plain(err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return Config{}, fmt.Errorf("line %d: unknown key %s; there are %s", lineOf(content, unknown[0]), unknown[0], strings.Join(keys(), ", "))
	}
	return c, nil
}

// plain begins an error with the line and the key, as the others do.
func plain(err error) error {
	text := strings.TrimPrefix(err.Error(), "toml: ")
	return errors.New(lastKey.ReplaceAllString(text, "line $1: $2: "))
}

var lastKey = regexp.MustCompile(`^line (\d+) \(last key "([^"]*)"\): `)

// lineOf is where a key of the top or of a table stands.
func lineOf(content []byte, key toml.Key) int {
	n := 0
	for line := range bytes.Lines(content) {
		n++
		text := strings.TrimSpace(string(line))
		name, _, assigned := strings.Cut(text, "=")
		if assigned && strings.Trim(strings.TrimSpace(name), `"'`) == key[len(key)-1] ||
			strings.HasPrefix(text, "[") && strings.Trim(text, "[]") == key.String() {
			return n
		}
	}
	return 1
}

// keys are those that a configuration may have.
func keys() (all []string) {
	c := reflect.TypeFor[Config]()
	for i := range c.NumField() {
		all = append(all, c.Field(i).Tag.Get("toml"))
	}
	slices.Sort(all)
	return all
}
