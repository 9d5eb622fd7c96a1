package ollama

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"moed/daemon"
	"moed/daemon/web"
)

// quiet is how long a stream may be silent. Some clients give up after 30 s.
const quiet = 5 * time.Second

func (h *handler) chat(w http.ResponseWriter, r *http.Request) {
	var in chatRequest
	err := web.Decode(r, &in)
	if err != nil {
		fail(w, err)
		return
	}
	q, err := in.question()
	if err != nil {
		fail(w, err)
		return
	}
	h.answer(w, r, q)
}

func (h *handler) generate(w http.ResponseWriter, r *http.Request) {
	var in generateRequest
	err := web.Decode(r, &in)
	if err != nil {
		fail(w, err)
		return
	}
	q, err := in.question()
	if err != nil {
		fail(w, err)
		return
	}
	h.answer(w, r, q)
}

// answer serves q, whatever it asks for.
func (h *handler) answer(w http.ResponseWriter, r *http.Request, q *question) {
	began, ctx := time.Now(), r.Context()
	info, err := h.models.Find(q.model)
	if err == nil && !q.empty {
		err = q.suits(&info)
	}
	if err != nil {
		fail(w, err)
		return
	}
	if q.model == "" {
		q.model = info.Name
	}
	caller := daemon.CallerOf(ctx)
	q.request.Caller = caller
	unload := q.empty && q.keepAlive != nil && *q.keepAlive == 0
	if q.keepAlive != nil && !caller.Admin {
		if unload {
			web.Answer(w, http.StatusForbidden, problem{"only an admin may unload a model"})
			return
		}
		q.keepAlive, q.ignored = nil, append(q.ignored, "keep_alive")
	}
	q.warn(w.Header())
	if unload {
		h.unload(ctx, w, q, &info)
		return
	}
	s := newStream(ctx, w, q)
	defer s.stop()
	loan, err := h.models.Acquire(ctx, info.Name, daemon.LoanOptions{KeepAlive: q.keepAlive})
	if err != nil {
		s.fail(err)
		return
	}
	defer loan.Release()
	if q.empty {
		s.done(q.moved("load"))
		return
	}
	h.run(ctx, s, q, loan, began)
}

// run has the model answer q.
func (h *handler) run(ctx context.Context, s *stream, q *question, loan *daemon.Loan, began time.Time) {
	e := loan.Engine
	var ids []int32
	if !q.chat || q.context > 0 {
		var err error
		if ids, err = q.prompt(ctx, e); err == nil {
			err = q.fit(len(ids), e.Facts().Context)
		}
		if err != nil {
			s.fail(err)
			return
		}
		if len(q.prefix) > 0 {
			q.request.IDs = ids
		}
	}
	res, err := e.Generate(ctx, &q.request, func(p daemon.Piece) error { return s.piece(e, p) })
	if err != nil {
		s.fail(err)
		return
	}
	last := q.last(q.model, &res, began, loan.Load)
	if !q.chat && !q.request.Raw {
		last.Context = append(ids, res.IDs...)
	}
	s.finish(e, last, &res)
}

// unload has the model go, if it is there.
func (h *handler) unload(ctx context.Context, w http.ResponseWriter, q *question, info *daemon.ModelInfo) {
	for _, r := range h.models.Running() {
		if r.Name != info.Name {
			continue
		}
		loan, err := h.models.Acquire(ctx, info.Name, daemon.LoanOptions{KeepAlive: q.keepAlive})
		if err != nil {
			fail(w, err)
			return
		}
		loan.Release()
	}
	web.Answer(w, http.StatusOK, q.moved("unload"))
}

// moved is the answer to a question without text.
func (q *question) moved(reason string) answer {
	a := q.line(q.model, "", "")
	a.Done, a.DoneReason = true, reason
	return a
}

// warn names what is ignored.
func (q *question) warn(h http.Header) {
	if len(q.ignored) > 0 {
		h.Set("Warning", fmt.Sprintf(`199 moed "ignored: %s"`, strings.Join(q.ignored, ", ")))
	}
}
