package cost

// Rate is what a processor gets done with weights of one type, all threads
// together.
type Rate struct {
	Bytes float64 // of weights per second from memory, for one vector
	Adds  float64 // multiply-adds per second where there are many vectors
}

// Product is weights times the vectors of a batch.
type Product struct {
	Rate  Rate
	Bytes float64 // of weights, each read from memory once per batch
	Adds  float64 // multiply-adds of the whole batch
}

// Seconds is the larger of the time that memory and that arithmetic takes: the
// roofline per operation as in LLM-Viewer (Yuan et al. 2024, arXiv 2402.16363,
// §2.2), with both roofs measured.
func (p Product) Seconds() float64 {
	return max(over(p.Bytes, p.Rate.Bytes), over(p.Adds, p.Rate.Adds))
}

// Arithmetic is the time of products one after the other.
func Arithmetic(products []Product) float64 {
	sum := 0.0
	for _, p := range products {
		sum += p.Seconds()
	}
	return sum
}
