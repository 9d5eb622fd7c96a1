package llamacpp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"unicode/utf8"

	"moed/daemon"
	"moed/daemon/web"
)

// piece is a token with its text, which is bytes where it is no UTF-8.
type piece struct {
	ID    int32 `json:"id"`
	Piece any   `json:"piece"`
}

func (h *handler) tokenize(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Model        string          `json:"model"`
		Content      json.RawMessage `json:"content"`
		AddSpecial   bool            `json:"add_special"`
		ParseSpecial *bool           `json:"parse_special"`
		WithPieces   bool            `json:"with_pieces"`
	}
	if err := web.Decode(r, &in); err != nil {
		fail(w, err)
		return
	}
	parts, err := parseMixed("content", in.Content)
	if err != nil {
		fail(w, err)
		return
	}
	loan, ok := h.borrow(w, r, in.Model)
	if !ok {
		return
	}
	defer loan.Release()
	o := daemon.TokenizeOptions{AddSpecial: in.AddSpecial, ParseSpecial: in.ParseSpecial == nil || *in.ParseSpecial}
	ids, err := parts.tokens(loan.Engine, "content", o)
	switch {
	case err != nil:
		fail(w, err)
	case in.WithPieces:
		web.Answer(w, http.StatusOK, map[string]any{"tokens": pieces(loan.Engine, ids)})
	default:
		web.Answer(w, http.StatusOK, map[string]any{"tokens": ids})
	}
}

func pieces(e *daemon.Engine, ids []int32) []piece {
	out := make([]piece, len(ids))
	for i, id := range ids {
		raw := e.TokenBytes(id)
		out[i] = piece{ID: id, Piece: string(raw)}
		if !utf8.Valid(raw) {
			out[i].Piece = numbers(raw)
		}
	}
	return out
}

// numbers are bytes as JSON has them; as a []byte they would be base64.
func numbers(raw []byte) []int {
	out := make([]int, len(raw))
	for i, b := range raw {
		out[i] = int(b)
	}
	return out
}

func (h *handler) detokenize(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Model  string  `json:"model"`
		Tokens []int32 `json:"tokens"`
	}
	if err := web.Decode(r, &in); err != nil {
		fail(w, err)
		return
	}
	loan, ok := h.borrow(w, r, in.Model)
	if !ok {
		return
	}
	defer loan.Release()
	if err := known(loan.Engine, "tokens", in.Tokens); err != nil {
		fail(w, err)
		return
	}
	web.Answer(w, http.StatusOK, map[string]string{"content": loan.Engine.Detokenize(in.Tokens)})
}

func (h *handler) applyTemplate(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Model    string          `json:"model"`
		Messages json.RawMessage `json:"messages"`
		Tools    json.RawMessage `json:"tools"`
		Kwargs   json.RawMessage `json:"chat_template_kwargs"`
	}
	err := web.Decode(r, &in)
	if err == nil && (len(in.Messages) == 0 || in.Messages[0] != '[') {
		err = wrong("messages", "want an array of messages")
	}
	if err != nil {
		fail(w, err)
		return
	}
	loan, ok := h.borrow(w, r, in.Model)
	if !ok {
		return
	}
	defer loan.Release()
	text, err := loan.Engine.Render(r.Context(), &daemon.Request{Messages: in.Messages, Tools: in.Tools, Kwargs: in.Kwargs})
	if err != nil {
		fail(w, err)
		return
	}
	web.Answer(w, http.StatusOK, map[string]string{"prompt": text})
}

// known reports the first of ids that the vocabulary lacks.
func known(e *daemon.Engine, param string, ids []int32) error {
	vocab := e.Facts().Vocab
	for _, id := range ids {
		if id < 0 || int(id) >= vocab {
			return wrong(param, fmt.Sprintf("the model has no token %d", id))
		}
	}
	return nil
}

// mixed is a text, tokens, or some of both in their order.
type mixed []part

type part struct {
	text string
	ids  []int32 // in place of text, if not nil
}

func parseMixed(param string, raw json.RawMessage) (mixed, error) {
	raw = bytes.TrimSpace(raw)
	want := wrong(param, "want a string, or an array of tokens and strings")
	if len(raw) == 0 {
		return nil, want
	}
	if raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, want
		}
		return mixed{{text: text}}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, want
	}
	var out mixed
	for _, one := range list {
		var p part
		if one[0] == '"' {
			if err := json.Unmarshal(one, &p.text); err != nil {
				return nil, want
			}
			out = append(out, p)
			continue
		}
		var id *int32
		if err := json.Unmarshal(one, &id); err != nil || id == nil {
			return nil, want
		}
		if n := len(out); n > 0 && out[n-1].ids != nil {
			out[n-1].ids = append(out[n-1].ids, *id)
			continue
		}
		out = append(out, part{ids: []int32{*id}})
	}
	return out, nil
}

// tokens are m as one prompt. Special tokens are added before a text that comes
// first only.
func (m mixed) tokens(e *daemon.Engine, param string, o daemon.TokenizeOptions) ([]int32, error) {
	ids := []int32{}
	for i, p := range m {
		if p.ids != nil {
			if err := known(e, param, p.ids); err != nil {
				return nil, err
			}
			ids = append(ids, p.ids...)
			continue
		}
		one := o
		one.AddSpecial = o.AddSpecial && i == 0
		ids = append(ids, e.Tokenize(p.text, one)...)
	}
	return ids, nil
}
