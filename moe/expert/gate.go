package expert

import "moed/moe/kernels"

// Gate is one layer's router, as somebody who predicts its choice needs it. Its
// memory belongs to the model and is only read.
type Gate struct {
	Router kernels.Matrix // [experts][hidden]; no rows where the layer has no experts
	Norm   []float32      // [hidden], weight of the RMS norm before the router
	Bias   []float32      // [experts] on the logits, nil for none
	// SelectBias, where it is not nil, is added for the choice alone, after
	// Sigmoid has been applied if that is set.
	SelectBias []float32 // [experts]
	Sigmoid    bool
	TopK       int
}
