package llamacpp

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"moed/daemon"
	"moed/daemon/web"
)

// errEnough ends an answer that has had its time.
var errEnough = errors.New("the answer has had its time")

func (h *handler) completion(w http.ResponseWriter, r *http.Request) {
	var in struct {
		params
		Prompt json.RawMessage `json:"prompt"`
	}
	if err := web.Decode(r, &in); err != nil {
		fail(w, err)
		return
	}
	prompt, err := parseMixed("prompt", in.Prompt)
	if err != nil {
		fail(w, err)
		return
	}
	h.complete(w, r, in.params, func(e *daemon.Engine) ([]int32, error) {
		return prompt.tokens(e, "prompt", daemon.TokenizeOptions{AddSpecial: true, ParseSpecial: true})
	})
}

func (h *handler) infill(w http.ResponseWriter, r *http.Request) {
	var in struct {
		params
		Prefix string `json:"input_prefix"`
		Suffix string `json:"input_suffix"`
		Prompt string `json:"prompt"`
		Extra  []struct {
			Filename string `json:"filename"`
			Text     string `json:"text"`
		} `json:"input_extra"`
	}
	if err := web.Decode(r, &in); err != nil {
		fail(w, err)
		return
	}
	info, err := h.models.Find(in.Model)
	if err != nil {
		fail(w, err)
		return
	}
	if !slices.Contains(info.Capabilities, "insert") {
		web.Answer(w, http.StatusNotImplemented, problemOf(http.StatusNotImplemented, "model "+info.Name+" has no tokens for filling in the middle"))
		return
	}
	ask := daemon.Infill{Prefix: in.Prefix + in.Prompt, Suffix: in.Suffix}
	for _, f := range in.Extra {
		ask.Files = append(ask.Files, daemon.InfillFile{Name: f.Filename, Text: f.Text})
	}
	h.complete(w, r, in.params, func(e *daemon.Engine) ([]int32, error) { return e.InfillIDs(ask) })
}

// complete answers with what follows the prompt.
func (h *handler) complete(w http.ResponseWriter, r *http.Request, p params, prompt func(*daemon.Engine) ([]int32, error)) {
	c, err := p.completion()
	if err != nil {
		fail(w, err)
		return
	}
	ctx := r.Context()
	s := newStream(ctx, w, c)
	defer s.quiet()
	loan, err := h.models.Acquire(ctx, c.Model, daemon.LoanOptions{Progress: s.loading})
	if err != nil {
		s.fail(err)
		return
	}
	defer loan.Release()
	q := &c.request
	q.Caller = daemon.CallerOf(ctx)
	if q.IDs, err = prompt(loan.Engine); err == nil && len(q.IDs) == 0 {
		err = wrong("prompt", "there is nothing to go on from")
	}
	if err == nil {
		err = known(loan.Engine, "logit_bias", slices.Collect(maps.Keys(q.Sampling.LogitBias)))
	}
	if err != nil {
		s.fail(err)
		return
	}
	q.Progress = s.reading
	res, err := c.generate(ctx, loan.Engine, s)
	if err != nil {
		s.fail(err)
		return
	}
	s.finish(c.final(loan, &res))
}

// generate has the model answer, until it or the client's patience ends.
func (c *completion) generate(ctx context.Context, e *daemon.Engine, s *stream) (daemon.Result, error) {
	var first time.Time
	lines := false
	res, err := e.Generate(ctx, &c.request, func(p daemon.Piece) error {
		if first.IsZero() {
			first = time.Now()
		}
		lines = lines || strings.Contains(p.Text, "\n")
		if c.most > 0 && lines && time.Since(first) > c.most {
			return errEnough
		}
		return s.piece(e, p)
	})
	if errors.Is(err, errEnough) {
		res.Finish, err = daemon.FinishLength, nil
	}
	if c.nothing {
		res.Text, res.IDs, res.Finish = "", nil, daemon.FinishLength
	}
	return res, err
}
