package expert

import "moed/moe/ggml"

// Table says where the experts of a model lie in its file. It is not changed
// after it is made.
type Table struct {
	Layers []Layer // by number; a layer without routed experts is zero
}

// Layer is where one layer's experts lie. Either each of the three stacks has
// an offset (a stock GGUF), or Bundles is set and the stacks give the shapes
// alone.
type Layer struct {
	Experts        int // how many; 0 where the layer has none
	Gate, Up, Down Stack
	Bundles        Bundles
}

// Stack is one matrix of every expert of a layer, one expert after another.
type Stack struct {
	Type       ggml.Type
	Rows, Cols int
	Offset     int64 // of expert 0 in the file, in bytes
	Size       int64 // of one expert's matrix, in bytes
}

// Bundles is where a packed layer lies; the zero value is none. Package
// flashio/bundle has the format.
type Bundles struct {
	Offset int64 // of expert 0 in the file, in bytes
	Stride int64 // from one expert to the next, in bytes
	Group  int   // neurons in a bundle
}

// Bytes is the size of one expert's matrices.
func (l *Layer) Bytes() int64 { return l.Gate.Size + l.Up.Size + l.Down.Size }

// Shard says which of a model's experts a further file has, all of them packed,
// and where. It is not changed after it is made.
type Shard struct {
	Layers []ShardLayer // by number, as many as the model's Table
}

// ShardLayer is what a Shard has of one layer; the zero value is nothing.
type ShardLayer struct {
	Bundles Bundles // Offset is that of the shard's first expert of the layer
	// Place is, for each expert of the layer, its number among those that the
	// shard has of it, and -1 for those it has not.
	Place []int32
}
