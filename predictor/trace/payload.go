package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// payload is what a record has, read from the front. The first error stays.
type payload struct {
	kind byte
	b    []byte
	err  error
}

var errShort = errors.New("the record is too short for what it says")

func (p *payload) fail(err error) {
	if p.err == nil {
		p.err = err
	}
	p.b = nil
}

func (p *payload) bytes(n int) []byte {
	if n > len(p.b) {
		p.fail(errShort)
		return nil
	}
	b := p.b[:n]
	p.b = p.b[n:]
	return b
}

func (p *payload) byte() byte {
	if b := p.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (p *payload) number(most int) int {
	x, n := binary.Uvarint(p.b)
	switch {
	case n <= 0:
		p.fail(errShort)
		return 0
	case x > uint64(most):
		p.fail(fmt.Errorf("found the number %d, want at most %d", x, most))
		return 0
	}
	p.b = p.b[n:]
	return int(x)
}

func (p *payload) signed() int64 {
	x, n := binary.Varint(p.b)
	switch {
	case n <= 0:
		p.fail(errShort)
		return 0
	case x < -maxNumber || x > maxNumber:
		p.fail(fmt.Errorf("found the distance %d, want at most %d", x, maxNumber))
		return 0
	}
	p.b = p.b[n:]
	return x
}

func (p *payload) text() string { return string(p.bytes(p.number(maxRecord))) }

func (p *payload) choices(n int, wide bool) []int32 {
	width := 1
	if wide {
		width = 2
	}
	b := p.bytes(n * width)
	if b == nil {
		return nil
	}
	c := make([]int32, n)
	for i := range c {
		if wide {
			c[i] = int32(binary.LittleEndian.Uint16(b[2*i:]))
		} else {
			c[i] = int32(b[i])
		}
	}
	return c
}

func (p *payload) floats(n int, plain bool) []float32 {
	width := 1
	if plain {
		width = 4
	}
	b := p.bytes(n * width)
	if b == nil {
		return nil
	}
	x := make([]float32, n)
	for i := range x {
		if plain {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		} else {
			x[i] = value(b[i])
		}
	}
	return x
}

// done reports the first error, or bytes that are left.
func (p *payload) done() error {
	if p.err == nil && len(p.b) > 0 {
		return fmt.Errorf("found %d bytes more than the record says", len(p.b))
	}
	return p.err
}
