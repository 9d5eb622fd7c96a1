package grammar

// kind is what values a node stands for.
type kind uint8

const (
	kindUnion kind = iota // any of its alternatives, none if there are none
	kindLiteral
	kindString
	kindNumber
	kindObject
	kindArray
)

// node is a part of a compiled schema. Nodes refer to each other, in circles too.
type node struct {
	kind kind
	live bool // some value is one of it; set once all are compiled

	alternatives []*node  // of a union
	literals     []string // sorted JSON, each once

	shortest, longest int32    // of a string, in code points; longest -1 for any
	pattern           *pattern // or nil

	integer bool
	bounds  *bounds // of a number, or nil

	properties []property // sorted by key
	extra      *node      // what other properties are, or nil where there are none
	fixed      []*node    // first items of an array
	items      *node      // the others; nil where there are none
	least      int32      // items; most is -1 for any number
	most       int32

	nest bool // is any object or array, and bounded in depth
}

type property struct {
	key      string // as it stands within quotes
	value    *node
	required bool
}

// bounds limit a number, in units of 10^-places.
type bounds struct {
	low, high int64
	places    int32
}

// prune drops what no value can satisfy and reports whether root is left.
func prune(nodes []*node, root *node) bool {
	for changed := true; changed; {
		changed = false
		for _, n := range nodes {
			if !n.live && n.possible() {
				n.live, changed = true, true
			}
		}
	}
	for _, n := range nodes {
		n.drop()
	}
	return root.live
}

// possible reports whether n has a value made of nodes that are known to have.
func (n *node) possible() bool {
	switch n.kind {
	case kindUnion:
		for _, a := range n.alternatives {
			if a.live {
				return true
			}
		}
		return false
	case kindLiteral:
		return len(n.literals) > 0
	case kindString:
		return (n.longest < 0 || n.shortest <= n.longest) && (n.pattern == nil || n.pattern.first != seen{})
	case kindNumber:
		return n.bounds == nil || n.bounds.low <= n.bounds.high
	case kindObject:
		for _, p := range n.properties {
			if p.required && !p.value.live {
				return false
			}
		}
	case kindArray:
		if n.most >= 0 && n.least > n.most {
			return false
		}
		for i := range n.least {
			if item := n.item(i); item == nil || !item.live {
				return false
			}
			if int(i) > len(n.fixed) {
				break
			}
		}
	}
	return true
}

func (n *node) drop() {
	var alternatives []*node
	for _, a := range n.alternatives {
		if a.live {
			alternatives = append(alternatives, a)
		}
	}
	n.alternatives = alternatives
	var properties []property
	for _, p := range n.properties {
		if p.value.live {
			properties = append(properties, p)
		}
	}
	n.properties = properties
	if n.extra != nil && !n.extra.live {
		n.extra = nil
	}
	if n.items != nil && !n.items.live {
		n.items = nil
	}
	for i, f := range n.fixed {
		if !f.live {
			n.fixed, n.items = n.fixed[:i], nil
			break
		}
	}
}

// item is what the item at i is, nil where there can be none.
func (n *node) item(i int32) *node {
	switch {
	case n.most >= 0 && i >= n.most:
		return nil
	case int(i) < len(n.fixed):
		return n.fixed[i]
	}
	return n.items
}
