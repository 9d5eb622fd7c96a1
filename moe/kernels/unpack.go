package kernels

import (
	"encoding/binary"
	"unsafe"
)

// put stores the eight bytes of v, lowest first, at q[i:].
func put(q *[256]int8, i int, v uint64) {
	binary.LittleEndian.PutUint64((*[256]byte)(unsafe.Pointer(q))[i:i+8], v)
}

// eight reads eight bytes as one number, lowest first, to be worked on at once.
func eight(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// each is a byte repeated eight times.
const each = 0x0101010101010101

// lower subtracts k from each of the bytes of v, which are below 128; k too.
func lower(v uint64, k uint8) uint64 {
	return (v | 0x80*each - uint64(k)*each) ^ 0x80*each
}

// spread makes byte i of the result 1 where bit i of b is set, else 0.
func spread(b uint8) uint64 {
	v := uint64(b) * each & 0x8040201008040201
	return (v + 0x7f*each) >> 7 & each
}

// nibbles unpacks 16 bytes into q[i:i+32]: low halves first, then high ones.
func nibbles(q *[256]int8, i int, b *[16]byte) {
	lo, hi := eight(b[:8]), eight(b[8:])
	put(q, i, lo&(0x0f*each))
	put(q, i+8, hi&(0x0f*each))
	put(q, i+16, lo>>4&(0x0f*each))
	put(q, i+24, hi>>4&(0x0f*each))
}

// lookup unpacks 16 bytes into q[i:i+32] as nibbles does, through a table.
func lookup(q *[256]int8, i int, b *[16]byte, table *[16]int8) {
	part := (*[32]int8)(q[i:])
	for j, v := range b {
		part[j] = table[v&15]
		part[j+16] = table[v>>4]
	}
}
