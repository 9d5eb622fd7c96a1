package bundle

// tile is how many bytes of down are worked on at a time: so few that its rows
// stay in the nearest cache while one bundle after another goes through them.
// Bundles begin at multiples of a page, so that reading the same row of all of
// them in turn would put them all in the same few lines of the cache.
const tile = 16 << 10

// packDown cuts the rows of down into the columns of the bundles in dst.
func (g *Geometry) packDown(dst, down []byte) {
	g.tiles(func(n, r, count int) {
		strided(g.columns(dst, n)[r*g.piece:], g.piece, down[r*g.row+n*g.piece:], g.row, g.piece, count)
	})
}

// unpackDown puts the columns of the bundles in src together to rows of down.
func (g *Geometry) unpackDown(down, src []byte) {
	g.tiles(func(n, r, count int) {
		strided(down[r*g.row+n*g.piece:], g.row, g.columns(src, n)[r*g.piece:], g.piece, g.piece, count)
	})
}

// columns is the part of bundle n that holds columns of down.
func (g *Geometry) columns(bundles []byte, n int) []byte {
	return bundles[int64(n)*g.Bundle:][g.gate+g.up:][:g.rows*g.piece]
}

// tiles calls f for count rows of down from row r on, as they are in bundle n.
func (g *Geometry) tiles(f func(n, r, count int)) {
	step := max(1, tile/g.row)
	for r := 0; r < g.rows; r += step {
		for n := range g.Bundles {
			f(n, r, min(step, g.rows-r))
		}
	}
}

// strided copies count pieces of some bytes that lie dstStep apart in dst and
// srcStep apart in src. Short ones are copied as arrays: a call of copy would
// cost more than its bytes.
func strided(dst []byte, dstStep int, src []byte, srcStep, piece, count int) {
	switch piece {
	case 17: // MXFP4
		for i := range count {
			*(*[17]byte)(dst[i*dstStep:]) = *(*[17]byte)(src[i*srcStep:])
		}
	case 18: // Q4_0, IQ4_NL
		for i := range count {
			*(*[18]byte)(dst[i*dstStep:]) = *(*[18]byte)(src[i*srcStep:])
		}
	case 34: // Q8_0
		for i := range count {
			*(*[34]byte)(dst[i*dstStep:]) = *(*[34]byte)(src[i*srcStep:])
		}
	default:
		for i := range count {
			copy(dst[i*dstStep:][:piece], src[i*srcStep:][:piece])
		}
	}
}
