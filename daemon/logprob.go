package daemon

import (
	"moed/moe/sample"
	"moed/moe/tokenizer"
)

// LogProb is how likely the model held a token to be: the natural logarithm of
// its probability at temperature 1, before bias and penalties.
type LogProb struct {
	ID   int32   `json:"id"`
	Text string  `json:"text"` // U+FFFD in place of bytes that are no UTF-8
	Log  float64 `json:"logprob"`
}

// TokenLogProb is that of a chosen token, with the likeliest in its place.
type TokenLogProb struct {
	LogProb
	Top []LogProb `json:"top"`
}

func logProbs(tok *tokenizer.Tokenizer, logits []float32, id int32, top int) TokenLogProb {
	sum := sample.LogSum(logits)
	one := func(id int32) LogProb {
		s := tok.Stream(tokenizer.StreamOptions{Special: true, Continue: true})
		text := s.Next(id) + s.Flush()
		return LogProb{ID: id, Text: text, Log: float64(logits[id]) - sum}
	}
	t := TokenLogProb{LogProb: one(id), Top: []LogProb{}}
	for _, c := range sample.Top(logits, top) {
		t.Top = append(t.Top, one(c.ID))
	}
	return t
}
