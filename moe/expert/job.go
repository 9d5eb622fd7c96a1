package expert

// Job is some experts of one layer and the inputs that they are wanted for, as
// one host asks another. A pair is one input that one expert is applied to;
// pairs are numbered expert by expert.
type Job struct {
	Layer   int
	Experts []int32   // ascending
	Counts  []int32   // pairs of each of Experts, at least 1
	Rows    []int32   // [pairs] row of Hidden
	Hidden  []float32 // [rows][hidden size] normalised hidden states
	Half    bool      // Out is wanted rounded to what an f16 can hold
	Out     []float32 // [pairs][hidden size] what the experts give, before any bias on it
}
