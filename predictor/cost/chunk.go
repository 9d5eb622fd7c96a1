package cost

// Typical is what a recorded run of Qwen3-30B-A3B shows (testdata/traces), for
// where no trace of the model is at hand: the hit ratio of the recommended
// policy, and how many experts a batch wants.
func Typical() (Curve, Cover) {
	return Curve{{1. / 64, 0.20}, {1. / 32, 0.32}, {1. / 16, 0.48}, {1. / 8, 0.66}, {1. / 4, 0.85}, {1. / 2, 0.966}, {1, 0.971}},
		Cover{{0.047, 0.047}, {0.375, 0.19}, {1.5, 0.363}, {6, 0.586}}
}

// Experts is what there is of routed experts.
type Experts struct {
	Bytes  float64 // of all
	Cycle  float64 // bytes that one token wants in all layers
	PerTok float64 // choices per expert of a token: top-k over a layer's experts
}

// The text for which a chunk's length is chosen: a page that is asked about.
const (
	typicalPrompt = 512
	typicalAnswer = 256
)

// Reads is how many bytes a typical prompt and its answer read where the prompt
// goes in chunks of so many tokens and that many bytes are left for experts.
// Longer chunks read experts less often, but their activations take memory, and
// then the answer reads more. It needs no measurement: the length that reads
// least is the quickest on any disk that is worth waiting for.
func (e Experts) Reads(chunk int, room float64) float64 {
	if e.Bytes <= 0 || e.Cycle <= 0 {
		return 0
	}
	curve, cover := Typical()
	p := Prompt{Tokens: typicalPrompt, Chunk: chunk, Experts: e.Bytes, Held: room, Cover: cover, PerTok: e.PerTok}
	return p.Bytes() + typicalAnswer*e.Cycle*(1-curve.At(room/e.Bytes, room/e.Cycle))
}
