package daemon

import (
	"strings"

	"moed/moe/tokenizer"
)

// part is what a token of a chat answer belongs to.
type part uint8

const (
	partAnswer    part = iota
	partReasoning      // thinking before the answer
	partMarkup         // markers and names between the two
)

// parts tells a model's thinking from its answer by the tokens around them:
// <think> and </think> (Qwen3, GLM, DeepSeek), or the channels of gpt-oss's
// harmony format, where all but the channel "final" is thinking. A vocabulary
// that has no such tokens makes everything answer.
type parts struct {
	tok  *tokenizer.Tokenizer
	now  part
	name strings.Builder // of the harmony channel, within markup

	think, thinkEnd         int32 // -1 where the vocabulary lacks them
	start, channel, message int32
}

// newParts begins behind a prompt, which may have opened the thinking or, in
// harmony, a message.
func newParts(tok *tokenizer.Tokenizer, prompt []int32) *parts {
	id := func(text string) int32 {
		if id, ok := tok.ID(text); ok {
			return id
		}
		return -1
	}
	p := &parts{tok: tok,
		think: id("<think>"), thinkEnd: id("</think>"),
		start: id("<|start|>"), channel: id("<|channel|>"), message: id("<|message|>")}
	for _, t := range prompt {
		p.next(t)
	}
	if p.harmony() && p.now == partReasoning {
		p.now = partAnswer // of an earlier message
	}
	return p
}

func (p *parts) harmony() bool { return p.start >= 0 && p.channel >= 0 && p.message >= 0 }

// next is the part that token id belongs to.
func (p *parts) next(id int32) part {
	switch {
	case id == p.think && id >= 0:
		p.now = partReasoning
		return partMarkup
	case id == p.thinkEnd && id >= 0:
		p.now = partAnswer
		return partMarkup
	case !p.harmony():
		return p.now
	case id == p.start, id == p.channel:
		p.now = partMarkup
		p.name.Reset()
		return partMarkup
	case id == p.message:
		p.now = partAnswer
		if name := strings.TrimSpace(p.name.String()); name != "" && !strings.HasPrefix(name, "final") && !isRole(name) {
			p.now = partReasoning
		}
		return partMarkup
	case p.now == partMarkup:
		p.name.Write(p.tok.Bytes(nil, id))
	}
	return p.now
}

// isRole reports whether a harmony header is a role alone, without a channel.
func isRole(name string) bool {
	switch name {
	case "assistant", "user", "system", "developer":
		return true
	}
	return false
}
