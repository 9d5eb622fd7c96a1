package hosts

import (
	"encoding/binary"
	"fmt"
	"math"

	"moed/moe/expert"
)

// A passage through whole layers, little-endian:
//
//	"MoEt" version from to tokens KVtype       u32 each
//	session of each token                      u64
//	position of each token                     u32
//	residual stream [tokens][hidden size]      f32
//
// the keys and values of a session that it needs before:
//
//	"MoEf" version from to first KVtype        u32 each
//	session                                    u64
//	rows [positions][layers]                   as the KV cache has them
//
// and the answer to either, the second with no tokens:
//
//	"MoEu" version status tokens               u32 each
//	residual stream, and rows of the tokens
const (
	transitMagic  = 0x74456f4d
	fillMagic     = 0x66456f4d
	passedMagic   = 0x75456f4d
	transitHeader = 6 * 4
	fillHeader    = 6*4 + 8
	passedHeader  = 4 * 4
	perToken      = 8 + 4
)

// status is what became of a passage or of rows.
type status uint32

const (
	passed  status = iota
	missing        // the session's earlier rows are not there
	full           // there is no room for more
)

func appendTransit(dst []byte, t *expert.Transit) []byte {
	le := binary.LittleEndian
	for _, v := range [...]int{transitMagic, version, t.From, t.To, len(t.Keys), int(t.KVType)} {
		dst = le.AppendUint32(dst, uint32(v))
	}
	for _, k := range t.Keys {
		dst = le.AppendUint64(dst, k)
	}
	for _, p := range t.Pos {
		dst = le.AppendUint32(dst, uint32(p))
	}
	return appendFloats(dst, t.X)
}

// readTransit is what a request asks for. Its numbers are within what the message
// holds; whether they make sense for a model is for the Stage to say.
func readTransit(b []byte, hidden int) (*expert.Transit, error) {
	h, err := readHead(b, transitMagic, transitHeader)
	if err != nil {
		return nil, err
	}
	n := int64(h[4])
	if n > int64(len(b)) || int64(len(b)) != transitHeader+n*int64(perToken+4*hidden) {
		return nil, fmt.Errorf("%w: %d tokens in %d bytes", ErrMessage, n, len(b))
	}
	t := &expert.Transit{From: int(h[2]), To: int(h[3]), Keys: make([]uint64, n), Pos: make([]int, n), X: make([]float32, n*int64(hidden)), KVType: uint8(h[5])}
	b = b[transitHeader:]
	for i := range t.Keys {
		t.Keys[i] = binary.LittleEndian.Uint64(b[8*i:])
		t.Pos[i] = int(binary.LittleEndian.Uint32(b[8*n+4*int64(i):]))
	}
	readFloats(t.X, b[perToken*n:])
	return t, nil
}

// appendFill appends a fill, to which the rows are to be added.
func appendFill(dst []byte, f *expert.Fill) []byte {
	le := binary.LittleEndian
	for _, v := range [...]int{fillMagic, version, f.From, f.To, f.First, int(f.KVType)} {
		dst = le.AppendUint32(dst, uint32(v))
	}
	return le.AppendUint64(dst, f.Key)
}

// readFill is a fill, whose rows are those of the message.
func readFill(b []byte) (*expert.Fill, error) {
	h, err := readHead(b, fillMagic, fillHeader)
	if err != nil {
		return nil, err
	}
	return &expert.Fill{From: int(h[2]), To: int(h[3]), First: int(h[4]), KVType: uint8(h[5]),
		Key: binary.LittleEndian.Uint64(b[6*4:]), Rows: b[fillHeader:]}, nil
}

// readHead is the six numbers that a request begins with.
func readHead(b []byte, magic uint32, least int) (h [6]uint32, err error) {
	if len(b) < least {
		return h, fmt.Errorf("%w: a request of %d bytes", ErrMessage, len(b))
	}
	for i := range h {
		h[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	if err := checkHead(h[0], h[1], magic); err != nil {
		return h, err
	}
	if max(h[2], h[3], h[4]) > math.MaxInt32 || h[5] > math.MaxUint8 {
		return h, fmt.Errorf("%w: found %v", ErrMessage, h[2:])
	}
	return h, nil
}

func appendPassed(dst []byte, s status, t *expert.Transit) []byte {
	le := binary.LittleEndian
	for _, v := range [...]int{passedMagic, version, int(s), len(t.Keys)} {
		dst = le.AppendUint32(dst, uint32(v))
	}
	if s != passed {
		return dst
	}
	return append(appendFloats(dst, t.X), t.Rows...)
}

// readPassed fills x with what came out, and returns the rows, which must be of so
// many bytes.
func readPassed(b []byte, x []float32, tokens, rows int) (status, []byte, error) {
	if len(b) < passedHeader {
		return 0, nil, fmt.Errorf("%w: an answer of %d bytes", ErrMessage, len(b))
	}
	le := binary.LittleEndian
	if err := checkHead(le.Uint32(b), le.Uint32(b[4:]), passedMagic); err != nil {
		return 0, nil, err
	}
	s := status(le.Uint32(b[8:]))
	if s != passed {
		if s > full || len(b) != passedHeader {
			return 0, nil, fmt.Errorf("%w: an answer with status %d of %d bytes", ErrMessage, s, len(b))
		}
		return s, nil, nil
	}
	if n := le.Uint32(b[12:]); int64(n) != int64(tokens) || len(b) != passedHeader+4*len(x)+rows {
		return 0, nil, fmt.Errorf("%w: %d tokens in %d bytes, want %d in %d", ErrMessage, n, len(b), tokens, passedHeader+4*len(x)+rows)
	}
	readFloats(x, b[passedHeader:])
	return s, b[passedHeader+4*len(x):], nil
}
