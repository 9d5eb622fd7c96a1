package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"moed/cli/logbook"
	"moed/daemon"
)

// talk is a conversation under way.
type talk struct {
	*ask
	e answerer
	u *ui
}

// close closes the model.
func (t *talk) close() error { return t.e.Close() }

// say says text to the model, through the template and behind the fragments of
// the ask, and shows the answer. Where the answer calls tools they are called,
// and the model is asked again. What was said and answered becomes part of the
// conversation and of the history, also where ctx ends the answer.
func (t *talk) say(ctx context.Context, text string) error {
	first, err := t.next(text)
	if err != nil {
		return usageError{err}
	}
	var said []logbook.Response
	defer func() { t.keep(said) }()
	for next, round := first, 0; ; round++ {
		response, r, result, err := t.answer(ctx, next)
		if err == nil || errors.Is(err, errInterrupted) {
			said = append(said, *response)
			t.past = append(t.past, *response)
		}
		if err != nil {
			return err
		}
		if len(result.Calls) == 0 || t.tools == nil {
			return t.finish(response, r, result)
		}
		if t.limit > 0 && round+1 >= t.limit {
			return withHint(fmt.Errorf("the model called tools %d times in a row", t.limit), "--cl N allows more")
		}
		results, err := t.callTools(ctx, response.Calls)
		if err != nil {
			return err
		}
		next = &logbook.Response{Results: results, System: first.System, SystemFragments: first.SystemFragments}
	}
}

// next is a response that has no answer yet.
func (t *talk) next(text string) (*logbook.Response, error) {
	r := &logbook.Response{Prompt: text, System: t.system, Fragments: t.fragments, SystemFragments: t.systemFragments}
	if t.template != nil {
		prompt, system, err := t.template.Fill(text, t.params)
		if err != nil {
			return nil, withHint(err, "-p NAME VALUE sets one")
		}
		r.Prompt, r.System = prompt, either(t.system, system)
	}
	if r.System == "" && r.SystemFragments == nil && len(t.past) > 0 {
		r.System, r.SystemFragments = t.past[0].System, t.past[0].SystemFragments
	}
	return r, nil
}

// answer has the model answer next, which it completes.
func (t *talk) answer(ctx context.Context, next *logbook.Response) (*logbook.Response, *daemon.Request, daemon.Result, error) {
	r, err := t.request(t.e.Name())
	if err != nil {
		return nil, nil, daemon.Result{}, err
	}
	t.fill(r, next)
	if r.System != "" && !r.Raw && !t.e.HasTemplate() && len(t.past) == 0 {
		t.u.sayf("%s has no chat template; the system text is put before the prompt", t.e.Name())
	}
	began := time.Now()
	result, err := t.generate(ctx, r)
	interrupted := errors.Is(err, context.Canceled)
	if err != nil && !interrupted {
		return nil, r, result, err
	}
	next.ID, next.Model, next.Time, next.Duration = logbook.NewID(), t.e.Name(), began, time.Since(began)
	if path, err := lasting(t.model); err == nil && isPath(path) {
		next.Resolved = path
	}
	next.Text, next.Reasoning, next.Schema, next.Options = result.Text, result.Reasoning, t.schema, t.optionsJSON()
	next.Input, next.Output, next.TokenDetails = result.PromptTokens, len(result.IDs), tokenDetails(result)
	next.Details = detailsOf(t.e, r, result)
	if r.Raw {
		next.Request = json.RawMessage(`{"raw":true}`)
	}
	for _, c := range result.Calls {
		next.Calls = append(next.Calls, logbook.ToolCall{Name: c.Name, Arguments: c.Arguments, ID: c.ID})
	}
	if t.conversation.Model == "" {
		t.conversation.Name, t.conversation.Model = nameOf(either(next.Prompt, behind(next.Fragments, ""))), next.Model
	}
	next.Conversation = t.conversation
	if interrupted {
		return next, r, result, errors.Join(t.finish(next, r, result), errInterrupted)
	}
	return next, r, result, nil
}

// fill puts the conversation and next into r.
func (t *talk) fill(r *daemon.Request, next *logbook.Response) {
	system := behind(next.SystemFragments, next.System)
	if len(t.past) == 0 && t.tools == nil {
		r.Prompt, r.System = behind(next.Fragments, next.Prompt), system
		return
	}
	var messages []message
	if system != "" {
		messages = append(messages, message{Role: "system", Content: system})
	}
	for _, p := range t.past {
		messages = append(messages, messagesOf(&p)...)
		answer := message{Role: "assistant", Content: p.Text}
		for _, c := range p.Calls {
			answer.Calls = append(answer.Calls, callMessage{ID: c.ID, Type: "function", Function: functionCall{c.Name, c.Arguments}})
		}
		messages = append(messages, answer)
	}
	r.Messages = marshal(append(messages, messagesOf(next)...))
	if t.tools != nil {
		r.Tools = describe(t.tools)
	}
}

// message is one of a conversation, as in OpenAI's API.
type message struct {
	Role    string        `json:"role"`
	Content string        `json:"content"`
	Name    string        `json:"name,omitempty"`
	CallID  string        `json:"tool_call_id,omitempty"`
	Calls   []callMessage `json:"tool_calls,omitempty"`
}

type callMessage struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function functionCall `json:"function"`
}

type functionCall struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// messagesOf are those that r answers.
func messagesOf(r *logbook.Response) []message {
	var messages []message
	for _, result := range r.Results {
		messages = append(messages, message{Role: "tool", Content: result.Output, Name: result.Name, CallID: result.ID})
	}
	if text := behind(r.Fragments, r.Prompt); text != "" || messages == nil {
		messages = append(messages, message{Role: "user", Content: text})
	}
	return messages
}

// behind puts text behind fragments.
func behind(fragments []logbook.Fragment, text string) string {
	var parts []string
	for _, f := range fragments {
		parts = append(parts, f.Content)
	}
	if text != "" {
		parts = append(parts, text)
	}
	return strings.Join(parts, "\n")
}

// nameOf is what a conversation is called that begins with prompt.
func nameOf(prompt string) string {
	const longest = 100 // characters
	name := []rune(strings.Join(strings.Fields(prompt), " "))
	if len(name) > longest {
		name = append(slices.Clone(name[:longest-1]), '…')
	}
	return string(name)
}

func marshal(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	return text
}
