package openai

import (
	"net/http"
	"time"

	"moed/daemon"
	"moed/daemon/web"
)

// chatVoice says a chat completion.
type chatVoice struct {
	*exchange
	top   int
	usage bool // the client wants it at the end of the stream
	begun bool
	probs []daemon.TokenLogProb // not said yet
}

type message struct {
	Role      string     `json:"role"`
	Content   *string    `json:"content"`
	Reasoning string     `json:"reasoning_content,omitempty"`
	Refusal   *string    `json:"refusal"`
	Calls     []toolCall `json:"tool_calls,omitempty"`
}

type toolCall struct {
	Index    *int   `json:"index,omitempty"` // in streams
	ID       string `json:"id,omitempty"`
	Type     string `json:"type,omitempty"`
	Function struct {
		Name      string `json:"name,omitempty"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type delta struct {
	Role      string     `json:"role,omitempty"`
	Content   *string    `json:"content,omitempty"`
	Reasoning string     `json:"reasoning_content,omitempty"`
	Calls     []toolCall `json:"tool_calls,omitempty"`
}

type choice struct {
	Index    int       `json:"index"`
	Message  *message  `json:"message,omitempty"`
	Delta    *delta    `json:"delta,omitempty"`
	LogProbs *logProbs `json:"logprobs"`
	Finish   *string   `json:"finish_reason"`
}

// completion is the answer, or a chunk of its stream.
type completion struct {
	ID          string          `json:"id"`
	Object      string          `json:"object"`
	Created     int64           `json:"created"`
	Model       string          `json:"model"`
	Fingerprint string          `json:"system_fingerprint"`
	Choices     []any           `json:"choices"`
	Usage       *usage          `json:"usage,omitempty"`
	Timings     *timings        `json:"timings,omitempty"`
	Experts     *experts        `json:"moed,omitempty"`
	Progress    *promptProgress `json:"prompt_progress,omitempty"`
}

type promptProgress struct {
	Total     int     `json:"total"`
	Cache     int     `json:"cache"`
	Processed int     `json:"processed"`
	TimeMS    float64 `json:"time_ms"`
}

func (x *exchange) completion(prefix, object string, choices ...any) *completion {
	if choices == nil {
		choices = []any{}
	}
	return &completion{ID: prefix + x.id, Object: object, Created: x.created, Model: x.loan.Info.Name, Fingerprint: "moed", Choices: choices}
}

func (v *chatVoice) chunk(d *delta, finish *string) *completion {
	if len(v.probs) > 0 && d.Role == "" {
		defer func() { v.probs = nil }()
		return v.completion("chatcmpl-", "chat.completion.chunk", choice{Delta: d, Finish: finish, LogProbs: v.chatProbs(v.probs, v.top)})
	}
	return v.completion("chatcmpl-", "chat.completion.chunk", choice{Delta: d, Finish: finish})
}

// begin says who speaks, once.
func (v *chatVoice) begin() error {
	if v.begun {
		return nil
	}
	v.begun = true
	empty := ""
	return v.say(v.chunk(&delta{Role: "assistant", Content: &empty}, nil))
}

func (v *chatVoice) progress(p daemon.PromptProgress, took time.Duration) error {
	c := v.completion("chatcmpl-", "chat.completion.chunk")
	if err := v.begin(); err != nil {
		return err
	}
	c.Progress = &promptProgress{Total: p.Total, Cache: p.Cached, Processed: p.Read, TimeMS: ms(took)}
	return v.say(c)
}

func (v *chatVoice) piece(p daemon.Piece) error {
	if err := v.begin(); err != nil {
		return err
	}
	v.probs = append(v.probs, p.LogProbs...)
	d := &delta{Reasoning: p.Reasoning}
	switch {
	case p.Call != nil:
		c := toolCall{Index: &p.Call.Index, ID: p.Call.ID}
		if c.ID != "" {
			c.Type = "function"
		}
		c.Function.Name, c.Function.Arguments = p.Call.Name, p.Call.Arguments
		d.Calls = []toolCall{c}
	case p.Text != "":
		d.Content = &p.Text
	case p.Reasoning == "":
		return nil // log probabilities wait for their text
	}
	return v.say(v.chunk(d, nil))
}

func (v *chatVoice) end(r *daemon.Result, err error) error {
	reason := finish(r)
	if v.sse == nil {
		m := &message{Role: "assistant", Reasoning: r.Reasoning}
		if r.Text != "" || len(r.Calls) == 0 {
			m.Content = &r.Text
		}
		for _, c := range r.Calls {
			t := toolCall{ID: c.ID, Type: "function"}
			t.Function.Name, t.Function.Arguments = c.Name, c.Arguments
			m.Calls = append(m.Calls, t)
		}
		c := v.completion("chatcmpl-", "chat.completion", choice{Message: m, Finish: &reason, LogProbs: v.chatProbs(r.LogProbs, v.top)})
		c.Usage, c.Timings, c.Experts = usageOf(r), timingsOf(r), expertsOf(r, v.loan.Load)
		web.Answer(v.w, http.StatusOK, c)
		return nil
	}
	if err != nil {
		v.fail(err)
		return nil
	}
	if err := v.begin(); err != nil {
		return err
	}
	last := v.chunk(&delta{}, &reason)
	last.Timings, last.Experts = timingsOf(r), expertsOf(r, v.loan.Load)
	if err := v.say(last); err != nil {
		return err
	}
	if v.usage {
		c := v.completion("chatcmpl-", "chat.completion.chunk")
		c.Usage = usageOf(r)
		if err := v.say(c); err != nil {
			return err
		}
	}
	return v.sse.Raw("[DONE]")
}
