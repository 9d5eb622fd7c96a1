package predictor

import "moed/moe/expert"

// Bytes is about how much memory a Predictor takes for a model with those
// routers, of which only the shapes are looked at, without that of a Path.
func Bytes(gates []expert.Gate, o Options) int64 {
	p := Predictor{ahead: o.distances(), left: maxPairs}
	p.divide(gates)
	bytes, pairs, before := int64(0), 0, 0
	for i := range gates {
		rows, cols := gates[i].Router.Rows, gates[i].Router.Cols
		if rows == 0 {
			continue
		}
		pairs += pairBytes(p.buckets, rows) + p.ahead*pairBytes(before, rows)
		guess := kept*(cols+(count+1)*rows) + 2*rows // a pending one
		bytes += int64(rows*cols) + 4*int64((p.ahead+1)*cols+p.ahead*guess+4*rows)
		before = rows
	}
	return bytes + int64(min(pairs, maxPairs))
}
