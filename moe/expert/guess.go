package expert

// Guess says how likely the next visit of a layer wants an expert.
type Guess struct {
	Expert int32
	P      float32 // 0 to 1
}
