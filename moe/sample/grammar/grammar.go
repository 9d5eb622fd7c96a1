package grammar

import (
	"encoding/json"
	"fmt"
)

// Grammar is a set of JSON texts. It does not change.
type Grammar struct {
	root *node
}

// JSON is the grammar of any JSON object.
func JSON() *Grammar {
	c := compiler{}
	c.anything()
	return &Grammar{c.finish(c.object)}
}

// Schema is the grammar of a JSON schema. The error names the place in it that is
// not understood, as a JSON pointer.
func Schema(schema []byte) (*Grammar, error) {
	if len(schema) > maxSchema {
		return nil, fmt.Errorf("the schema has %d bytes, at most %d are supported", len(schema), maxSchema)
	}
	if err := nesting(schema); err != nil {
		return nil, err
	}
	var root any
	if err := decode(schema, &root); err != nil {
		return nil, fmt.Errorf("the schema is not JSON: %w", err)
	}
	c := compiler{root: root, refs: map[string]*node{}}
	n, err := c.schema(root, "#")
	if err != nil {
		return nil, err
	}
	if c.finish(n) == nil {
		return nil, fmt.Errorf("no value satisfies the schema")
	}
	return &Grammar{n}, nil
}

const (
	maxSchema  = 256 << 10
	maxNesting = 64
	maxNodes   = 20_000

	maxReferences = 1000
)

// nesting refuses what nests too deep, before it is decoded.
func nesting(b []byte) error {
	deep, text := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{', c == '[':
			if deep++; deep > maxNesting {
				return fmt.Errorf("the schema nests deeper than %d", maxNesting)
			}
		case c == '}', c == ']':
			deep--
		}
	}
	return nil
}

// compiler makes nodes.
type compiler struct {
	root   any
	refs   map[string]*node // by JSON pointer
	nodes  []*node
	any    *node // any value, once it was needed
	object *node // any object
	array  *node
	work   int // schemas compiled, those of references and merges included
}

func (c *compiler) node(n node) *node {
	p := &n
	c.nodes = append(c.nodes, p)
	return p
}

// anything makes the nodes of what may be any value.
func (c *compiler) anything() *node {
	if c.any != nil {
		return c.any
	}
	c.any = c.node(node{kind: kindUnion})
	c.object = c.node(node{kind: kindObject, extra: c.any, nest: true})
	c.array = c.node(node{kind: kindArray, items: c.any, most: -1, nest: true})
	c.any.alternatives = []*node{c.text(), c.node(node{kind: kindNumber}), c.object, c.array,
		c.literal("false", "null", "true")}
	return c.any
}

func (c *compiler) text() *node { return c.node(node{kind: kindString, longest: -1}) }

func (c *compiler) literal(s ...string) *node { return c.node(node{kind: kindLiteral, literals: s}) }

// finish drops what no value satisfies; it returns nil if that is all.
func (c *compiler) finish(root *node) *node {
	if !prune(c.nodes, root) {
		return nil
	}
	return root
}

// spell is v as a grammar writes it: compact, without escapes that need not be.
func spell(v any) string {
	b, err := encode(v)
	if err != nil {
		panic("grammar: what was decoded cannot be encoded: " + err.Error())
	}
	return b
}

// word is the string of a value, "" if it is none.
func word(v any) string {
	s, _ := v.(string)
	return s
}

// numberOf is the text of a number.
func numberOf(v any) (string, bool) {
	n, ok := v.(json.Number)
	return string(n), ok
}
