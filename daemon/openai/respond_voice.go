package openai

import (
	"encoding/json"
	"net/http"

	"moed/daemon"
	"moed/daemon/web"
)

// responseVoice says a response: items of reasoning, text and calls, one after
// the other.
type responseVoice struct {
	*exchange
	asked    *responseRequest
	request  *daemon.Request
	sequence int
	begun    bool
	items    []object // finished
	open     string   // type of the item that is being said, or ""
	text     string   // of it so far
	call     daemon.Call
	index    int // of that call in its answer
}

// response is the whole as it is now.
func (v *responseVoice) response(status string, r *daemon.Result) object {
	items := v.items
	if items == nil {
		items = []object{}
	}
	out := object{"id": "resp_" + v.id, "object": "response", "created_at": v.created, "status": status, "model": v.loan.Info.Name,
		"output": items, "error": nil, "incomplete_details": nil, "instructions": v.asked.Instructions, "metadata": object{},
		"parallel_tool_calls": true, "temperature": v.request.Sampling.Temperature, "top_p": v.request.Sampling.TopP,
		"tool_choice": "auto", "tools": []any{}, "max_output_tokens": nil, "previous_response_id": nil, "truncation": "disabled",
		"text": object{"format": object{"type": "text"}}, "reasoning": object{"effort": nil, "summary": nil}, "store": false, "usage": nil}
	if !absent(v.asked.ToolChoice) {
		out["tool_choice"] = v.asked.ToolChoice
	}
	for key, asked := range map[string]json.RawMessage{"text": v.asked.Text, "metadata": v.asked.Metadata} {
		if !absent(asked) {
			out[key] = asked
		}
	}
	if q := v.asked.Reasoning; q != nil && q.Effort != nil {
		out["reasoning"] = object{"effort": *q.Effort, "summary": nil}
	}
	if v.asked.ParallelCalls != nil {
		out["parallel_tool_calls"] = *v.asked.ParallelCalls
	}
	if v.asked.Tools != nil {
		out["tools"] = v.asked.Tools
	}
	if n := v.request.MaxTokens; n > 0 {
		out["max_output_tokens"] = n
	}
	if status == "incomplete" {
		out["incomplete_details"] = object{"reason": "max_output_tokens"}
	}
	if r != nil {
		out["usage"] = object{"input_tokens": r.PromptTokens, "input_tokens_details": object{"cached_tokens": r.CachedTokens},
			"output_tokens": len(r.IDs), "output_tokens_details": object{"reasoning_tokens": r.ReasonTokens}, "total_tokens": r.PromptTokens + len(r.IDs)}
		out["moed"] = expertsOf(r, v.loan.Load)
	}
	return out
}

// event sends one, with its place in the stream.
func (v *responseVoice) event(kind string, fields object) error {
	if v.sse == nil {
		return nil
	}
	fields["type"], fields["sequence_number"] = kind, v.sequence
	v.sequence++
	return v.sse.Event(kind, fields)
}

func (v *responseVoice) begin() error {
	if v.begun {
		return nil
	}
	v.begun = true
	if err := v.event("response.created", object{"response": v.response("in_progress", nil)}); err != nil {
		return err
	}
	return v.event("response.in_progress", object{"response": v.response("in_progress", nil)})
}

func (v *responseVoice) piece(p daemon.Piece) error {
	if err := v.begin(); err != nil {
		return err
	}
	switch {
	case p.Call != nil:
		return v.callPiece(p.Call)
	case p.Reasoning != "":
		return v.part("reasoning", p.Reasoning)
	case p.Text != "":
		return v.part("message", p.Text)
	}
	return nil
}

// names of the parts of an item, and of what is said of them.
func (v *responseVoice) itemID() string { return itemPrefix(v.open) + v.id + "_" + itoa(len(v.items)) }

func itemPrefix(kind string) string {
	switch kind {
	case "reasoning":
		return "rs_"
	case "function_call":
		return "fc_"
	}
	return "msg_"
}

func deltaOf(kind string) string {
	if kind == "reasoning" {
		return "response.reasoning_text"
	}
	return "response.output_text"
}

// at says which part of which item an event is about.
func (v *responseVoice) at(more object) object {
	more["item_id"], more["output_index"], more["content_index"] = v.itemID(), len(v.items), 0
	return more
}

// contentPart is the text of an item.
func contentPart(kind, text string) object {
	if kind == "reasoning" {
		return object{"type": "reasoning_text", "text": text}
	}
	return object{"type": "output_text", "text": text, "annotations": []any{}, "logprobs": []any{}}
}

// item is what is being said, as it is now.
func (v *responseVoice) item(status string) object {
	it := object{"id": v.itemID(), "type": v.open, "status": status}
	switch v.open {
	case "message":
		it["role"], it["content"] = "assistant", []any{}
	case "reasoning":
		it["summary"], it["content"] = []any{}, []any{}
	case "function_call":
		it["call_id"], it["name"], it["arguments"] = v.call.ID, v.call.Name, v.call.Arguments
		return it
	}
	if status != "in_progress" {
		it["content"] = []any{contentPart(v.open, v.text)}
	}
	return it
}

// part says a piece of a text, in an item of that type.
func (v *responseVoice) part(kind, text string) error {
	if v.open != kind {
		if err := v.close("completed"); err != nil {
			return err
		}
		v.open, v.text = kind, ""
		if err := v.event("response.output_item.added", object{"output_index": len(v.items), "item": v.item("in_progress")}); err != nil {
			return err
		}
		if err := v.event("response.content_part.added", v.at(object{"part": contentPart(kind, "")})); err != nil {
			return err
		}
	}
	v.text += text
	more := object{"delta": text}
	if kind == "message" {
		more["logprobs"] = []any{}
	}
	return v.event(deltaOf(kind)+".delta", v.at(more))
}

func (v *responseVoice) callPiece(c *daemon.CallPiece) error {
	if v.open != "function_call" || v.index != c.Index {
		if err := v.close("completed"); err != nil {
			return err
		}
		v.open, v.index, v.call = "function_call", c.Index, daemon.Call{ID: c.ID, Name: c.Name}
		if err := v.event("response.output_item.added", object{"output_index": len(v.items), "item": v.item("in_progress")}); err != nil {
			return err
		}
	}
	v.call.Arguments += c.Arguments
	if c.Arguments == "" {
		return nil
	}
	return v.event("response.function_call_arguments.delta", object{"item_id": v.itemID(), "output_index": len(v.items), "delta": c.Arguments})
}

// close ends the item that is open.
func (v *responseVoice) close(status string) error {
	var err error
	switch v.open {
	case "":
		return nil
	case "function_call":
		err = v.event("response.function_call_arguments.done", object{"item_id": v.itemID(), "output_index": len(v.items), "name": v.call.Name, "arguments": v.call.Arguments})
	default:
		more := object{"text": v.text}
		if v.open == "message" {
			more["logprobs"] = []any{}
		}
		err = v.event(deltaOf(v.open)+".done", v.at(more))
		if err == nil {
			err = v.event("response.content_part.done", v.at(object{"part": contentPart(v.open, v.text)}))
		}
	}
	if err != nil {
		return err
	}
	it := v.item(status)
	if err := v.event("response.output_item.done", object{"output_index": len(v.items), "item": it}); err != nil {
		return err
	}
	v.items, v.open = append(v.items, it), ""
	return nil
}

func (v *responseVoice) end(r *daemon.Result, err error) error {
	if v.sse == nil {
		v.whole(r)
	} else if e := v.begin(); e != nil {
		return e
	}
	status := "completed"
	switch {
	case err != nil:
		status = "failed"
	case r.Finish == daemon.FinishLength:
		status = "incomplete"
	}
	closing := status
	if status == "failed" {
		closing = "incomplete"
	}
	if e := v.close(closing); e != nil {
		return e
	}
	out := v.response(status, r)
	if err != nil {
		p, _, _ := problemOf(err, v.prompt)
		out["error"] = object{"code": p.Error.Type, "message": p.Error.Message}
	}
	if v.sse == nil {
		web.Answer(v.w, http.StatusOK, out)
		return nil
	}
	return v.event("response."+status, object{"response": out})
}

// whole says a result at once.
func (v *responseVoice) whole(r *daemon.Result) {
	// Without a stream nothing is sent, so that nothing can fail.
	if r.Reasoning != "" {
		_ = v.part("reasoning", r.Reasoning)
	}
	if r.Text != "" || len(r.Calls) == 0 {
		_ = v.part("message", r.Text)
	}
	for i, c := range r.Calls {
		_ = v.callPiece(&daemon.CallPiece{Index: i, ID: c.ID, Name: c.Name, Arguments: c.Arguments})
	}
}
