package hosts

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"moed/moe/expert"
	"moed/moe/ggml"
	"moed/moe/kernels"
)

// A request, little-endian:
//
//	"MoEq" version layer rows experts pairs    u32 each
//	answer in f16: 1, or in f32: 0             u32
//	id and count of each expert                u32 each
//	row of each pair                           u32
//	hidden states [rows][hidden size]          f32
//
// and its answer:
//
//	"MoEa" version pairs                       u32 each
//	outputs [pairs][hidden size]               f32, or f16 where that was asked for
const (
	requestMagic  = 0x71456f4d
	answerMagic   = 0x61456f4d
	version       = 2
	requestHeader = 7 * 4
	answerHeader  = 3 * 4
	perExpert     = 2 * 4
)

// ErrMessage is wrapped where a message is not what it should be.
var ErrMessage = errors.New("malformed message")

// requestSize is the length of a request.
func requestSize(rows, experts, pairs, hidden int) int {
	return requestHeader + perExpert*experts + 4*pairs + 4*rows*hidden
}

// appendRequest appends the request for a job, whose Out is ignored.
func appendRequest(dst []byte, j *expert.Job, hidden int) []byte {
	le := binary.LittleEndian
	for _, v := range [...]int{requestMagic, version, j.Layer, len(j.Hidden) / hidden, len(j.Experts), len(j.Rows)} {
		dst = le.AppendUint32(dst, uint32(v))
	}
	half := uint32(0)
	if j.Half {
		half = 1
	}
	dst = le.AppendUint32(dst, half)
	for k, e := range j.Experts {
		dst = le.AppendUint32(dst, uint32(e))
		dst = le.AppendUint32(dst, uint32(j.Counts[k]))
	}
	for _, r := range j.Rows {
		dst = le.AppendUint32(dst, uint32(r))
	}
	return appendFloats(dst, j.Hidden)
}

// readRequest is the job of a request. Its numbers are within what the message
// holds; whether they make sense for a model is for the Computer to say.
func readRequest(b []byte, hidden int) (*expert.Job, error) {
	if len(b) < requestHeader {
		return nil, fmt.Errorf("%w: a request of %d bytes", ErrMessage, len(b))
	}
	le := binary.LittleEndian
	var h [7]uint32
	for i := range h {
		h[i] = le.Uint32(b[4*i:])
	}
	if err := checkHead(h[0], h[1], requestMagic); err != nil {
		return nil, err
	}
	rows, experts, pairs := int64(h[3]), int64(h[4]), int64(h[5])
	if want := requestHeader + perExpert*experts + 4*pairs + 4*rows*int64(hidden); max(rows, experts, pairs) > int64(len(b)) || want != int64(len(b)) {
		return nil, fmt.Errorf("%w: %d rows, %d experts and %d pairs in %d bytes", ErrMessage, rows, experts, pairs, len(b))
	}
	if h[2] > math.MaxInt32 || h[6] > 1 {
		return nil, fmt.Errorf("%w: layer %d, answer %d", ErrMessage, h[2], h[6])
	}
	j := &expert.Job{Layer: int(h[2]), Half: h[6] == 1, Experts: make([]int32, experts), Counts: make([]int32, experts), Rows: make([]int32, pairs)}
	b = b[requestHeader:]
	for k := range j.Experts {
		j.Experts[k], j.Counts[k] = int32(le.Uint32(b)), int32(le.Uint32(b[4:]))
		b = b[perExpert:]
	}
	for k := range j.Rows {
		j.Rows[k] = int32(le.Uint32(b[4*k:]))
	}
	j.Hidden = make([]float32, rows*int64(hidden))
	readFloats(j.Hidden, b[4*pairs:])
	return j, nil
}

// appendAnswer appends the answer with the outputs of a job.
func appendAnswer(dst []byte, pairs int, half bool, out []float32) []byte {
	le := binary.LittleEndian
	for _, v := range [...]uint32{answerMagic, version, uint32(pairs)} {
		dst = le.AppendUint32(dst, v)
	}
	if half {
		n := len(dst)
		dst = append(dst, make([]byte, 2*len(out))...)
		kernels.StoreF16(dst[n:], out)
		return dst
	}
	return appendFloats(dst, out)
}

// readAnswer fills out with the outputs of so many pairs.
func readAnswer(b []byte, pairs int, half bool, out []float32) error {
	each := 4
	if half {
		each = 2
	}
	if len(b) < answerHeader {
		return fmt.Errorf("%w: an answer of %d bytes", ErrMessage, len(b))
	}
	le := binary.LittleEndian
	if err := checkHead(le.Uint32(b), le.Uint32(b[4:]), answerMagic); err != nil {
		return err
	}
	if n := le.Uint32(b[8:]); int64(n) != int64(pairs) || len(b) != answerHeader+each*len(out) {
		return fmt.Errorf("%w: %d pairs in %d bytes, want %d in %d", ErrMessage, n, len(b), pairs, answerHeader+each*len(out))
	}
	if half {
		kernels.Dequantize(out, ggml.F16, b[answerHeader:])
		return nil
	}
	readFloats(out, b[answerHeader:])
	return nil
}

func checkHead(magic, found uint32, want uint32) error {
	if magic != want {
		return fmt.Errorf("%w: begins with %#x", ErrMessage, magic)
	}
	if found != version {
		return fmt.Errorf("%w: version %d, this moed speaks %d", ErrMessage, found, version)
	}
	return nil
}

func appendFloats(dst []byte, x []float32) []byte {
	n := len(dst)
	dst = append(dst, make([]byte, 4*len(x))...)
	b := dst[n:]
	for i, v := range x {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
	}
	return dst
}

func readFloats(x []float32, b []byte) {
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
}
