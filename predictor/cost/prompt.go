package cost

// Prompt is a prompt that is read in chunks, each of which wants most experts of
// every layer.
type Prompt struct {
	Tokens  int
	Chunk   int     // tokens of a chunk, but for the last
	Experts float64 // bytes of all routed experts
	Held    float64 // bytes of them that stay from one chunk to the next
	Cover   Cover
	PerTok  float64 // choices per expert of a token: top-k over a layer's experts

	Rate   float64                                 // bytes per second of the device
	Burden float64                                 // as Step's
	Work   func(tokens int, share float64) float64 // seconds of arithmetic of a chunk that wants that share of the experts
}

// Bytes is what the prompt reads, into a cache that is empty at first.
func (p Prompt) Bytes() float64 {
	sum := 0.0
	p.each(func(s Step) { sum += s.Bytes })
	return sum
}

// Seconds is how long the prompt takes: of each chunk, reading under arithmetic.
func (p Prompt) Seconds() float64 {
	sum := 0.0
	p.each(func(s Step) { sum += s.Seconds() })
	return sum
}

// each visits the chunks as steps. Of what a chunk wants, experts that no chunk
// before it wanted have to be read; of the others those that did not stay.
func (p Prompt) each(visit func(Step)) {
	seen := 0.0 // share of the experts that the tokens so far wanted
	for from := 0; from < p.Tokens; {
		n := min(max(p.Chunk, 1), p.Tokens-from)
		share := p.Cover.At(float64(n) * p.PerTok)
		until := max(p.Cover.At(float64(from+n)*p.PerTok), seen, share)
		fresh := min(until-seen, share)
		s := Step{Bytes: fresh * p.Experts, Rate: p.Rate, Burden: p.Burden, Ahead: true}
		if again := share - fresh; again > 0 && seen > 0 {
			s.Bytes += again * p.Experts * (1 - unit(over(p.Held, seen*p.Experts)))
		}
		if p.Work != nil {
			s.Arithmetic = p.Work(n, share)
		}
		visit(s)
		seen, from = until, from+n
	}
}
