package path

import "slices"

// sample is one token to learn from.
type sample struct {
	span *span
	at   int
}

// rows are those of the token and of the ones before it, as far as they count.
func (s sample) rows(dst []int32) []int32 {
	for at := s.at; at >= 0 && at >= s.at-lags; at-- {
		dst = append(dst, s.span.rows[at])
	}
	return dst
}

// chosen is what the token chose in a layer back tokens before.
func (s sample) chosen(layer, k, back int) []int32 {
	at := s.at - back
	if at < 0 {
		return nil
	}
	return s.span.text.Chosen[layer][at*k:][:k]
}

// before is what the token before it chose in a layer, empty where that is
// unknown.
func (s sample) before(layer, k int) []int32 {
	chosen := s.chosen(layer, k, 1)
	if chosen != nil && slices.Min(chosen) < 0 {
		return nil
	}
	return chosen
}
