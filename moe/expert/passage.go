package expert

import "errors"

// Errors of who runs layers for another host, which it can do something about.
var (
	ErrMissing = errors.New("the keys and values before it are not here")
	ErrFull    = errors.New("no room for more keys and values")
)

// Passage is a batch of tokens on its way through consecutive layers, as a forward
// pass gives them to another host to run. Token i is at position Pos[i] of the
// session Lanes[i]; tokens of one session are in order.
type Passage struct {
	From, To int       // layers From … To-1
	Lanes    []*Lane   // [tokens]
	Pos      []int     // [tokens]
	X        []float32 // [tokens][hidden size] residual stream, before From and at last before To
	KV       KV
}

// Lane is a session as other hosts know it. The forward pass takes back from Held
// what a rewind or a failed pass has made untrue.
type Lane struct {
	Key  uint64 // which session of this process, never used again
	Held []Held // [layer]
}

// Held says that keys and values of a layer's first Positions are with a host, and
// with which start of it; By is 0 for none.
type Held struct {
	By        uint64
	Positions int
}

// KV reads and writes the keys and values of a passage's sessions, as rows in the
// cache's own layout.
type KV interface {
	// Type tells layouts apart, and RowBytes is how long one position of a layer
	// is in it.
	Type() uint8
	RowBytes() int
	// Row is where position pos of token i's session lies in a layer: parts to be
	// read or written one after the other, valid until the pass ends. The slice
	// is the caller's dst, appended to.
	Row(dst [][]byte, i, layer, pos int) [][]byte
}

// Transit is what the host that runs the layers is asked for: as a Passage, with
// Rows for the keys and values of the tokens, which the asker wants back.
type Transit struct {
	From, To int
	Keys     []uint64  // [tokens] session of each
	Pos      []int     // [tokens]
	X        []float32 // [tokens][hidden size], in and out
	KVType   uint8
	Rows     []byte // [tokens][layers][row bytes], out
}

// Fill brings keys and values of a session, of layers From … To-1 and positions
// First, First+1 …, to the host that will run the layers for what comes after.
type Fill struct {
	Key      uint64
	From, To int
	First    int
	KVType   uint8
	Rows     []byte // [positions][layers][row bytes]
}
