package placement

import (
	"fmt"
	"slices"
	"time"
)

// Timing is what a simulated run adds to the times of the plan's experts.
type Timing struct {
	Dense   time.Duration `json:"dense"`   // per layer and token: attention, router and what else is not placed
	Batch   int           `json:"batch"`   // tokens that go through a layer together; 0: 1
	Message time.Duration `json:"message"` // the home host's own work for each request that it sends
}

// Run is what a simulation found.
type Run struct {
	Tokens   int           `json:"tokens"`
	Time     time.Duration `json:"time"`      // of all tokens
	PerToken time.Duration `json:"per_token"` // mean
	P50      time.Duration `json:"p50"`       // of a token, or of a batch
	P99      time.Duration `json:"p99"`
	Rate     float64       `json:"tokens_per_second"`
	Messages float64       `json:"messages"` // requests to other hosts, per token
	Bytes    float64       `json:"bytes"`    // on the network, per token
	Loads    []Load        `json:"loads"`    // of devices; Time is per token
}

// Simulate replays the problem's tokens on a plan, with whatever links and
// devices the problem has. Each device serves one expert after another; a host's
// answer leaves when the last of its experts is done. In a batch an expert is
// served once and what it answers goes to every token that chose it; requests
// and answers carry the bytes of all. A batch goes home after each layer, and
// each of its experts is served by its copy that is ready first.
func Simulate(p *Problem, a Assignment, with Timing) (*Run, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if err := a.Check(p); err != nil {
		return nil, err
	}
	if with.Batch < 0 || with.Dense < 0 || with.Message < 0 {
		return nil, fmt.Errorf("found a batch of %d, dense work of %v and messages of %v", with.Batch, with.Dense, with.Message)
	}
	s := &simulator{p: p, m: newMeter(p), copies: flatten(a), with: with, run: &Run{Tokens: p.Usage.tokens, Loads: make([]Load, len(p.Devices))}}
	for d := range s.run.Loads {
		s.run.Loads[d].Name = p.Devices[d].Name
	}
	for e, devices := range s.copies {
		for _, d := range devices {
			s.run.Loads[d].Experts++
			s.run.Loads[d].Bytes += s.m.size[e]
		}
	}
	step := max(1, with.Batch)
	for t := 0; t < p.Usage.tokens; t += step {
		n := min(step, p.Usage.tokens-t)
		took := int64(0)
		if step == 1 {
			took = s.token(t)
		} else {
			took = s.batch(t, n)
		}
		s.run.Time += time.Duration(took)
		s.each = append(s.each, time.Duration(took))
	}
	s.finish()
	return s.run, nil
}

type simulator struct {
	p      *Problem
	m      *meter
	copies [][]int32
	with   Timing
	run    *Run
	each   []time.Duration
}

// token is one token by itself, as the program prices it.
func (s *simulator) token(t int) int64 {
	u, at, sum := &s.p.Usage, s.m.net.home, int64(0)
	for l := range u.layers {
		v := s.m.visit(l, u.at(t, l), s.copies, at)
		sum += v.cost + int64(s.with.Dense) + int64(v.messages)*int64(s.with.Message)
		s.run.Messages += float64(v.messages)
		for k, d := range s.m.picks {
			s.serve(s.m.order[k], d)
			if h := s.m.net.host[d]; h != v.to {
				s.run.Bytes += float64(s.m.net.bytes[h][v.to])
			}
		}
		s.run.Bytes += float64(v.messages) * float64(s.p.Request)
		at = v.to
	}
	return sum
}

func (s *simulator) serve(e, d int32) {
	s.run.Loads[d].Time += time.Duration(s.m.serve[e][d])
	s.run.Loads[d].Share++
}

// batch is several tokens that go through each layer together.
func (s *simulator) batch(first, n int) int64 {
	u, home, sum := &s.p.Usage, s.m.net.home, int64(0)
	for l := range u.layers {
		want := map[int32]int64{} // tokens of each expert
		for t := first; t < first+n; t++ {
			for _, c := range u.at(t, l) {
				if c >= 0 {
					want[int32(s.m.base[l])+c]++
				}
			}
		}
		var experts []int32
		for e := range want {
			experts = append(experts, e)
		}
		slices.Sort(experts)
		s.m.order, s.m.picks = s.m.order[:0], s.m.picks[:0]
		for _, e := range experts {
			s.m.order, s.m.picks = append(s.m.order, e), append(s.m.picks, s.copies[e][0])
		}
		s.m.soonest(s.copies, home)
		sum += s.exchange(first, n, l, want) + int64(s.with.Dense)*int64(n)
	}
	return sum
}

// exchange is the requests and answers of a batch in one layer.
func (s *simulator) exchange(first, n, l int, want map[int32]int64) int64 {
	home := s.m.net.home
	busy, answers, device := map[int32]int64{}, map[int32]int64{}, map[int32]int32{}
	for k, d := range s.m.picks {
		e := s.m.order[k]
		busy[d] += s.m.serve[e][d]
		answers[s.m.net.host[d]] += want[e]
		device[e] = d
		s.serve(e, d)
	}
	asked := map[int32]int64{} // host: tokens
	for t := first; t < first+n; t++ {
		seen := map[int32]bool{}
		for _, c := range s.p.Usage.at(t, l) {
			if c < 0 {
				continue
			}
			if h := s.m.net.host[device[int32(s.m.base[l])+c]]; !seen[h] {
				seen[h] = true
				asked[h]++
			}
		}
	}
	last, messages := int64(0), int64(0)
	for d, at := range busy {
		h := s.m.net.host[d]
		if h != home {
			// A request is a latency and the bytes of a token; the bytes count
			// for each token of the batch.
			at += s.m.net.backs[home][h] + asked[h]*(s.m.net.links[home][h]-s.m.net.backs[home][h])
			at += s.m.net.answer(h, home, answers[h])
		}
		last = max(last, at)
	}
	for h, tokens := range asked {
		if h != home {
			messages++
			s.run.Bytes += float64(tokens*s.p.Request + answers[h]*s.m.net.bytes[h][home])
		}
	}
	s.run.Messages += float64(messages)
	return last + messages*int64(s.with.Message)
}

func (s *simulator) finish() {
	r := s.run
	if r.Tokens == 0 {
		return
	}
	n := float64(r.Tokens)
	r.PerToken = r.Time / time.Duration(r.Tokens)
	if r.Time > 0 {
		r.Rate = n / r.Time.Seconds()
	}
	r.Messages, r.Bytes = r.Messages/n, r.Bytes/n
	served := 0.0
	for _, l := range r.Loads {
		served += l.Share
	}
	for d := range r.Loads {
		r.Loads[d].Time /= time.Duration(r.Tokens)
		if served > 0 {
			r.Loads[d].Share /= served
		}
	}
	slices.Sort(s.each)
	r.P50, r.P99 = s.each[(len(s.each)-1)/2], s.each[(len(s.each)-1)*99/100]
}
