package bundle

import (
	"fmt"

	"moed/moe/ggml"
)

const (
	// Version is that of the format; it stands in every footer.
	Version = 1
	// Align is what bundles begin at a multiple of and are padded to, in bytes.
	Align = 4096

	footerSize = 32
)

// Limits that no real expert comes near; they keep products from overflowing.
const (
	maxDim   = 1 << 24
	maxBytes = 1 << 40
)

// Shape is one matrix of an expert.
type Shape struct {
	Type       ggml.Type
	Rows, Cols int
}

// bytes is the size of a row, and of the matrix.
func (s Shape) bytes() (row, all int64, err error) {
	if s.Rows < 1 || s.Rows > maxDim || s.Cols < 1 || s.Cols > maxDim {
		return 0, 0, fmt.Errorf("%d rows of %d values, want 1 to %d", s.Rows, s.Cols, maxDim)
	}
	n, err := s.Type.RowBytes(s.Cols)
	return int64(n), int64(n) * int64(s.Rows), err
}

// Geometry is how experts of one layer lie in bundles. With hidden size d and
// expert width f, gate and up are f rows of d values, down is d rows of f.
type Geometry struct {
	Group   int   // neurons in a bundle
	Bundles int   // in an expert
	Bundle  int64 // size of one with footer and padding, in bytes
	Stride  int64 // from one expert to the next: Bundles · Bundle

	GateBytes, UpBytes, DownBytes int64 // sizes of the expert's matrices

	gate, up int // bytes of the group's rows of gate and of up in a bundle
	rows     int // rows of down
	row      int // bytes of a row of down
	piece    int // bytes of that row in one bundle
}

// New lays experts of three shapes out in bundles of group neurons, or of a
// number that suits where group is 0. It fails on shapes that are no expert's, types that
// ggml does not know, and a group that does not divide the width into whole
// blocks; any numbers may be given.
func New(gate, up, down Shape, group int) (*Geometry, error) {
	g := &Geometry{Group: group, rows: down.Rows}
	var gateRow, upRow, downRow int64
	var err error
	for _, m := range []struct {
		name     string
		shape    Shape
		row, all *int64
	}{{"gate", gate, &gateRow, &g.GateBytes}, {"up", up, &upRow, &g.UpBytes}, {"down", down, &downRow, &g.DownBytes}} {
		if *m.row, *m.all, err = m.shape.bytes(); err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	width, hidden := gate.Rows, gate.Cols
	switch {
	case up.Rows != width || up.Cols != hidden:
		return nil, fmt.Errorf("up has %d rows of %d values, gate %d of %d", up.Rows, up.Cols, width, hidden)
	case down.Rows != hidden || down.Cols != width:
		return nil, fmt.Errorf("down has %d rows of %d values, want %d of %d", down.Rows, down.Cols, hidden, width)
	case g.GateBytes > maxBytes/4 || g.UpBytes > maxBytes/4 || g.DownBytes > maxBytes/4:
		return nil, fmt.Errorf("matrices of %d, %d and %d bytes, at most %d are allowed", g.GateBytes, g.UpBytes, g.DownBytes, int64(maxBytes/4))
	}
	if g.Group == 0 {
		g.Group = groupOf(down.Type, width, func(group int) int64 {
			return (gateRow+upRow)*int64(group) + g.DownBytes/int64(width/group)
		})
	}
	if g.Group < 1 || width%g.Group != 0 || g.Group%down.Type.BlockElems() != 0 {
		return nil, fmt.Errorf("groups of %d neurons, want a divisor of %d in whole blocks of %d", g.Group, width, down.Type.BlockElems())
	}
	g.Bundles = width / g.Group
	g.gate, g.up = int(gateRow)*g.Group, int(upRow)*g.Group
	g.row, g.piece = int(downRow), int(downRow)/g.Bundles
	g.Bundle = padded(int64(g.payload()))
	g.Stride = g.Bundle * int64(g.Bundles)
	return g, nil
}

// payload is what a bundle holds before its footer, in bytes.
func (g *Geometry) payload() int { return g.gate + g.up + g.rows*g.piece }

func padded(payload int64) int64 {
	return (payload + footerSize + Align - 1) &^ (Align - 1)
}

// groupOf is the number of neurons that share a bundle where down has that type
// and an expert that width; payload is the bytes of so many neurons in the three
// matrices. It is the smallest number of whole blocks for which footer and
// padding take at most two percent, or where there is none the one that wastes
// least. Types without blocks are cut as if they had blocks of 32.
func groupOf(down ggml.Type, width int, payload func(group int) int64) int {
	unit := down.BlockElems()
	if unit == 1 {
		unit = 32
		for width%unit != 0 {
			unit /= 2
		}
	}
	best, least := width, padded(payload(width))
	for group := unit; group < width; group += unit {
		if width%group != 0 {
			continue
		}
		wanted := payload(group)
		bundle := padded(wanted)
		if (bundle-wanted)*50 <= wanted {
			return group
		}
		if all := bundle * int64(width/group); all < least {
			best, least = group, all
		}
	}
	return best
}
