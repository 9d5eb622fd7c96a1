package openai

import (
	"encoding/json"
	"net/http"
	"time"

	"moed/daemon"
	"moed/daemon/web"
)

// completionRequest is the body of a completion.
type completionRequest struct {
	params
	Prompt   json.RawMessage `json:"prompt"`
	Suffix   *string         `json:"suffix"`
	Echo     bool            `json:"echo"`
	LogProbs *float64        `json:"logprobs"`
	Format   *format         `json:"response_format"`
}

const maxTokenID = 1 << 24

func (c *completionRequest) request() (r *daemon.Request, top int, err error) {
	r = &daemon.Request{Raw: true}
	if err := c.fill(r); err != nil {
		return nil, 0, err
	}
	if err := prompt(c.Prompt, r); err != nil {
		return nil, 0, err
	}
	if c.Suffix != nil {
		r.Suffix = *c.Suffix
	}
	if r.Suffix != "" && (r.IDs != nil || c.Echo) {
		return nil, 0, wrong("suffix", "goes with a prompt of text, and without echo")
	}
	if r.Format, err = c.Format.of("response_format"); err != nil {
		return nil, 0, err
	}
	if err := whole("logprobs", c.LogProbs, &top, 0, maxTop); err != nil {
		return nil, 0, err
	}
	if c.LogProbs != nil {
		r.LogProbs = max(top, 1)
	}
	if r.LogProbs > 0 && c.Echo {
		return nil, 0, wrong("echo", "log probabilities of the prompt are not supported")
	}
	return r, top, nil
}

// prompt is a text or tokens, alone or as the one element of an array.
func prompt(raw json.RawMessage, r *daemon.Request) error {
	if absent(raw) {
		return wrong("prompt", "there is none")
	}
	if json.Unmarshal(raw, &r.Prompt) == nil {
		return nil
	}
	var all []json.RawMessage
	if json.Unmarshal(raw, &all) != nil || len(all) == 0 {
		return wrong("prompt", "want a text, or an array of one text or of tokens")
	}
	var number float64
	if json.Unmarshal(all[0], &number) != nil || absent(all[0]) {
		if len(all) > 1 {
			return wrong("prompt", "found %d prompts; only one at a time is supported", len(all))
		}
		if all[0] = trim(all[0]); len(all[0]) > 0 && all[0][0] == '[' {
			return tokens(all[0], r)
		}
		if absent(all[0]) || json.Unmarshal(all[0], &r.Prompt) != nil {
			return wrong("prompt", "want a text, or an array of one text or of tokens")
		}
		return nil
	}
	return tokens(raw, r)
}

func trim(raw json.RawMessage) json.RawMessage {
	for len(raw) > 0 && (raw[0] == ' ' || raw[0] == '\n' || raw[0] == '\t' || raw[0] == '\r') {
		raw = raw[1:]
	}
	return raw
}

func tokens(raw json.RawMessage, r *daemon.Request) error {
	var ids []*int32
	if json.Unmarshal(raw, &ids) != nil || len(ids) == 0 {
		return wrong("prompt", "want a text, or an array of one text or of tokens")
	}
	for _, id := range ids {
		if id == nil || *id < 0 || *id > maxTokenID {
			return wrong("prompt", "a token is not one of the vocabulary")
		}
		r.IDs = append(r.IDs, *id)
	}
	return nil
}

func (h *handler) complete(w http.ResponseWriter, r *http.Request) {
	var c completionRequest
	err := web.Decode(r, &c)
	var req *daemon.Request
	top := 0
	if err == nil {
		req, top, err = c.request()
	}
	if err != nil {
		fail(w, err, "prompt")
		return
	}
	x := newExchange(w, r, c.Stream, "prompt")
	x.run(r.Context(), h.models, c.Model, req, func() voice {
		v := &textVoice{exchange: x, top: top, usage: c.StreamOptions != nil && c.StreamOptions.IncludeUsage}
		if c.Echo {
			v.echo = req.Prompt
			if req.IDs != nil {
				v.echo = x.loan.Engine.Detokenize(req.IDs)
			}
		}
		if c.ReturnProgress {
			began := time.Now()
			x.progress = func(p daemon.PromptProgress) error {
				out := v.chunk("", nil)
				out.Choices = []any{}
				out.Progress = &promptProgress{Total: p.Total, Cache: p.Cached, Processed: p.Read, TimeMS: ms(time.Since(began))}
				return x.say(out)
			}
		}
		return v
	})
}

// textVoice says a completion.
type textVoice struct {
	*exchange
	top    int
	usage  bool
	echo   string // to be said first
	offset int    // bytes said
	probs  []daemon.TokenLogProb
}

type textChoice struct {
	Text     string     `json:"text"`
	Index    int        `json:"index"`
	LogProbs *textProbs `json:"logprobs"`
	Finish   *string    `json:"finish_reason"`
}

func (v *textVoice) chunk(text string, finish *string) *completion {
	c := textChoice{Text: text, Finish: finish, LogProbs: completionProbs(v.probs, v.top, v.offset)}
	v.offset += len(text)
	v.probs = nil
	return v.completion("cmpl-", "text_completion", c)
}

func (v *textVoice) piece(p daemon.Piece) error {
	v.probs = append(v.probs, p.LogProbs...)
	text := v.echo + p.Text
	if text == "" {
		return nil // log probabilities wait for their text
	}
	v.echo = ""
	return v.say(v.chunk(text, nil))
}

func (v *textVoice) end(r *daemon.Result, err error) error {
	reason := finish(r)
	if v.sse == nil {
		v.probs = r.LogProbs
		c := v.chunk(v.echo+r.Text, &reason)
		c.Usage, c.Timings, c.Experts = usageOf(r), timingsOf(r), expertsOf(r, v.loan.Load)
		web.Answer(v.w, http.StatusOK, c)
		return nil
	}
	if err != nil {
		v.fail(err)
		return nil
	}
	last := v.chunk(v.echo, &reason)
	last.Timings, last.Experts = timingsOf(r), expertsOf(r, v.loan.Load)
	if err := v.say(last); err != nil {
		return err
	}
	if v.usage {
		c := v.completion("cmpl-", "text_completion")
		c.Usage = usageOf(r)
		if err := v.say(c); err != nil {
			return err
		}
	}
	return v.sse.Raw("[DONE]")
}
