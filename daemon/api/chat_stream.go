package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Chat asks for a text and calls f with its pieces as they come; f may be nil.
// It returns the result beside an error where a part of the answer had come,
// and an error of f as it is; then the daemon stops its work. What the daemon
// refuses with is an *Error.
func (c *Client) Chat(ctx context.Context, q *ChatRequest, f func(ChatPiece) error) (*ChatResult, error) {
	path, body, err := q.body()
	if err != nil {
		return nil, err
	}
	r, err := c.send(ctx, "POST", path, body, "text/event-stream")
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	a := &answer{f: f}
	if f == nil {
		a.f = func(ChatPiece) error { return nil }
	}
	for events := newEvents(r.Body); ; {
		e, err := events.next()
		switch {
		case err == io.EOF:
			return a.result(), errors.New("the daemon hung up in the midst of the answer")
		case err != nil:
			return a.result(), bare(ctx, err)
		case e.data == nil && (e.comment == "" || e.comment == "ping"): // says only that the daemon lives
		case e.data == nil:
			err = a.f(ChatPiece{Progress: &Progress{Text: e.comment}})
		case string(e.data) == "[DONE]":
			return a.result(), nil
		default:
			err = a.take(e.data)
		}
		if err != nil {
			return a.result(), err
		}
	}
}

// answer is what has come of one.
type answer struct {
	f               func(ChatPiece) error
	done            ChatResult
	text, reasoning strings.Builder
	arguments       []*strings.Builder // of each call
}

// chunk is one event of the stream, of either kind of text.
type chunk struct {
	ID      string `json:"id"`
	Model   string `json:"model"`
	Choices []struct {
		Delta struct {
			Content   string      `json:"content"`
			Reasoning string      `json:"reasoning_content"`
			Calls     []callChunk `json:"tool_calls"`
		} `json:"delta"`
		Text     string          `json:"text"`
		LogProbs json.RawMessage `json:"logprobs"`
		Finish   string          `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		OfPrompt   struct {
			Cached int `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
		OfCompletion struct {
			Reasoning int `json:"reasoning_tokens"`
		} `json:"completion_tokens_details"`
	} `json:"usage"`
	Timings  *Timings   `json:"timings"`
	Experts  *ExpertUse `json:"moed"`
	Progress *struct {
		Total  int `json:"total"`
		Cached int `json:"cache"`
		Read   int `json:"processed"`
	} `json:"prompt_progress"`
	Error json.RawMessage `json:"error"`
}

type callChunk struct {
	Index    int    `json:"index"`
	ID       string `json:"id"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

func (a *answer) take(data []byte) error {
	var c chunk
	if err := json.Unmarshal(data, &c); err != nil {
		return fmt.Errorf("a part of the daemon's answer: %w", err)
	}
	if c.Error != nil && string(c.Error) != "null" {
		return read(0, nil, data)
	}
	d := &a.done
	if c.ID != "" {
		d.ID, d.Model = c.ID, c.Model
	}
	if c.Usage != nil {
		d.Usage = Usage{Prompt: c.Usage.Prompt, Completion: c.Usage.Completion, Cached: c.Usage.OfPrompt.Cached, Reasoning: c.Usage.OfCompletion.Reasoning}
	}
	if c.Timings != nil {
		d.Timings = *c.Timings
	}
	if c.Experts != nil {
		d.Experts = *c.Experts
		d.Load = time.Duration(c.Experts.LoadMS * float64(time.Millisecond))
	}
	if p := c.Progress; p != nil {
		if err := a.f(ChatPiece{Progress: &Progress{Total: p.Total, Cached: p.Cached, Read: p.Read}}); err != nil {
			return err
		}
	}
	for _, choice := range c.Choices {
		if choice.Finish != "" {
			d.Finish = choice.Finish
		}
		probs, err := logProbs(choice.LogProbs)
		if err != nil {
			return err
		}
		if err := a.say(choice.Delta.Content+choice.Text, choice.Delta.Reasoning, choice.Delta.Calls, probs); err != nil {
			return err
		}
	}
	return nil
}

// say hands on what is in one choice. Log probabilities go with the first piece.
func (a *answer) say(text, reasoning string, calls []callChunk, probs []TokenLogProb) error {
	a.done.LogProbs = append(a.done.LogProbs, probs...)
	var pieces []ChatPiece
	if reasoning != "" {
		a.reasoning.WriteString(reasoning)
		pieces = append(pieces, ChatPiece{Reasoning: reasoning})
	}
	if text != "" {
		a.text.WriteString(text)
		pieces = append(pieces, ChatPiece{Text: text})
	}
	for _, c := range calls {
		if c.Index < 0 || c.Index > len(a.arguments) {
			return fmt.Errorf("a part of the daemon's answer: tool call %d after %d", c.Index, len(a.arguments))
		}
		if c.Index == len(a.arguments) {
			a.arguments = append(a.arguments, &strings.Builder{})
			a.done.Calls = append(a.done.Calls, Call{ID: c.ID, Name: c.Function.Name})
		}
		a.arguments[c.Index].WriteString(c.Function.Arguments)
		pieces = append(pieces, ChatPiece{Call: &CallPiece{Index: c.Index, ID: c.ID, Name: c.Function.Name, Arguments: c.Function.Arguments}})
	}
	if len(pieces) == 0 && probs != nil {
		pieces = append(pieces, ChatPiece{})
	}
	for i, p := range pieces {
		if i == 0 {
			p.LogProbs = probs
		}
		if err := a.f(p); err != nil {
			return err
		}
	}
	return nil
}

func (a *answer) result() *ChatResult {
	d := a.done
	d.Text, d.Reasoning = a.text.String(), a.reasoning.String()
	for i, b := range a.arguments {
		d.Calls[i].Arguments = b.String()
	}
	return &d
}
