package daemon

import (
	"context"
	"slices"
	"time"

	"moed/moe"
	"moed/moe/chat/reply"
	"moed/moe/sample"
	"moed/moe/tokenizer"
)

// generation is one Request on its way. The goroutine that asked for it follows
// it; all the rest is the engine loop's, but for what a comment says otherwise.
type generation struct {
	engine  *Engine
	request *Request
	number  uint64 // in order of arrival
	mail    *mailbox
	ended   chan struct{} // closed when the loop is done with it

	// ids are the tokens of the prompt, and after a preemption those of the answer
	// so far; read of them have been worked on.
	ids     []int32
	read    int
	session *moe.Session // nil while it waits
	logits  []float32    // [vocab], after the last token worked on
	stepped int64        // the step that it was last part of
	next    int32        // the token that the next step begins with

	sampler    *sample.Sampler
	constraint *constraint // nil where anything goes
	answer     *answer
	began      time.Time
	latest     time.Time // of the last token
	result     Result
	limit      int // of tokens

	info  RequestInfo // guarded by the loop's mu
	cause error       // why it is to end before it is through, likewise
}

// begin checks a request and makes its prompt, on the caller's goroutine.
func (e *Engine) begin(ctx context.Context, r *Request) (*generation, error) {
	if err := r.Check(); err != nil {
		return nil, &RequestError{Err: err}
	}
	sampler, err := sample.New(r.Sampling)
	if err != nil {
		return nil, &RequestError{Err: err}
	}
	if err := checkJSON(r); err != nil {
		return nil, err
	}
	ids, err := e.prompt(ctx, r)
	if err != nil {
		return nil, err
	}
	g := &generation{engine: e, request: r, mail: newMailbox(), ended: make(chan struct{}), sampler: sampler, began: time.Now()}
	if g.ids, err = g.prepare(ids); err != nil {
		return nil, err
	}
	room := e.model.Options().Context
	if len(g.ids) >= room {
		return nil, &ContextError{Prompt: len(g.ids), Context: room}
	}
	if err := e.intact(); err != nil {
		return nil, err
	}
	for _, id := range g.ids {
		sampler.Accept(id)
	}
	g.limit = room - len(g.ids)
	if n := r.MaxTokens; n > 0 {
		g.limit = min(g.limit, n)
	}
	g.result = Result{PromptTokens: len(g.ids), Finish: FinishLength}
	return g, nil
}

// prepare gets ready for what is to be read out of the answer, and adds to the
// prompt what it must begin with.
func (g *generation) prepare(prompt []int32) ([]int32, error) {
	e, r := g.engine, g.request
	facts := e.Facts()
	// A continued text keeps the space that it goes on with; an answer begins.
	chats := !r.Raw && r.IDs == nil && r.Suffix == "" && e.HasTemplate()
	o := reply.Options{Tokenizer: e.model.Tokenizer(), Prompt: prompt, Template: facts.Template, Architecture: facts.Architecture, Continue: !chats, Plain: !chats}
	if chats && r.ToolChoice != "none" {
		o.Tools = r.Tools
	}
	c, opening, err := e.constrain(r, o)
	if err != nil {
		return nil, err
	}
	if opening != "" {
		prompt = e.model.Tokenizer().Encode(slices.Clone(prompt), opening, tokenizer.Options{ParseSpecial: true})
		o.Prompt = prompt
	}
	if c != nil && c.closing != "" {
		o.Forced = r.ToolChoice
	}
	g.constraint = c
	g.answer = &answer{reader: reply.New(o), stops: sample.NewStops(r.Stop), emit: g.mail.put}
	return prompt, nil
}

// follow hands on what the loop makes, until the end of the answer.
func (g *generation) follow(ctx context.Context, emit func(Piece) error) error {
	for {
		pieces, progress, moved, done, err := g.mail.next(ctx)
		if err != nil && !done { // the caller's context
			g.engine.loop.abandon(g, err)
			<-g.ended
			return err
		}
		if moved && g.request.Progress != nil {
			g.request.Progress(progress)
		}
		for _, p := range pieces {
			if err := emit(p); err != nil {
				g.engine.loop.abandon(g, err)
				<-g.ended
				return err
			}
		}
		if done {
			<-g.ended
			return err
		}
		g.engine.loop.nudge() // it may have rested because nobody took its pieces
	}
}

// finished is the result, once ended is closed.
func (g *generation) finished() Result {
	g.result.Text, g.result.Reasoning, g.result.Calls = g.answer.text.String(), g.answer.reasoning.String(), g.answer.calls
	return g.result
}

// reading reports whether the prompt has not been worked on to its end.
func (g *generation) reading() bool { return g.read < len(g.ids) }

// choose takes the next token from the logits and reports whether the answer has
// ended.
func (g *generation) choose(now time.Time) (ended bool, err error) {
	res, tok := &g.result, g.engine.model.Tokenizer()
	id, logits, err := g.choice()
	if err != nil {
		return true, err
	}
	g.tick(now)
	if tok.IsEnd(id) && !g.request.IgnoreEnd {
		g.stop("")
		return true, nil
	}
	g.sampler.Accept(id)
	res.IDs = append(res.IDs, id)
	reasons := g.answer.reader.State() == reply.InReasoning
	if reasons {
		res.ReasonTokens++
	}
	if n := g.request.LogProbs; n > 0 {
		p := logProbs(tok, logits, id, n)
		res.LogProbs = append(res.LogProbs, p)
		g.mail.put(Piece{LogProbs: []TokenLogProb{p}})
	}
	if g.answer.token(id) {
		g.stop("")
		return true, nil
	}
	if c := g.constraint; c != nil && !reasons {
		if err := c.matcher.Accept(id); err != nil {
			return true, err
		}
		if c.matcher.Done() {
			g.stop(c.closing)
			return true, nil
		}
	}
	if len(res.IDs) == g.limit {
		g.answer.end("")
		return true, nil
	}
	g.next = id
	return false, nil
}

// stop ends an answer that is complete.
func (g *generation) stop(closing string) {
	g.answer.end(closing)
	g.result.Finish = FinishStop
	switch {
	case g.answer.stopped:
		g.result.StopString = g.answer.stops.Found()
	case len(g.answer.calls) > 0:
		g.result.Finish = FinishCalls
	}
}

// tick notes the time of a token: of the first on its own, of the later ones
// since then.
func (g *generation) tick(now time.Time) {
	t, l := &g.result.Timings, g.engine.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.FirstToken == 0 {
		t.FirstToken = now.Sub(g.began)
		l.counts.FirstToken.Add(t.FirstToken.Seconds())
	} else {
		t.Decode = now.Sub(g.began) - t.FirstToken
		t.Decoded++
		l.counts.BetweenTokens.Add(now.Sub(g.latest).Seconds())
	}
	g.latest = now
}
