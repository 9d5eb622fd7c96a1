// Package moetest makes models for tests and benchmarks, and says what they must
// compute.
//
// A Spec describes a tiny Mixture-of-Experts model of random weights, of any
// architecture that moed runs. A Routed describes a model of real size whose
// routing replays a recorded Trace. Both end in a GGUF file that depends on
// nothing but the description. A Reference reads a file and computes logits and
// expert choices in float64, written from the models' definitions and sharing no
// code with the engine.
//
// # Caveats
//
// A routed model is honest about bytes, arithmetic and which experts are wanted,
// but too kind to look-ahead: its hidden state hardly changes from layer to
// layer, so a guess of the next router's choice is nearly always right. The
// reference recomputes everything for every call and is meant for tens of
// tokens; it reads F32, F16 and Q8_0 only.
package moetest
