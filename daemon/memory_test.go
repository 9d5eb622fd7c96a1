package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"moed/flashio"
	"moed/moe"
	"moed/moe/moetest"
	"moed/offload"
	"moed/offload/budget"
)

// kept reports what e holds beyond what it was given, by the account and by
// those who hold it.
func kept(e *Engine) error {
	p, u, m := e.memory.plan, e.memory.account.Usage(), e.model.Memory()
	// As they are at one moment, since the engine goes on meanwhile; where the
	// budget was lowered, once the experts on loan have come back.
	for tries := 0; ; tries++ {
		m = e.model.Memory()
		now := e.memory.account.Usage()
		if now == u && (u.Room() >= 0 || tries > 2000) {
			break
		}
		u = now
		time.Sleep(time.Millisecond)
	}
	if sum := p.Dense + p.Scratch + p.Heap + p.Slack + p.KV + p.Experts + p.Spare; sum != p.Budget {
		return fmt.Errorf("the plan %+v comes to %d", p, sum)
	}
	experts := int64(0)
	if e.flash.store != nil {
		experts = e.flash.store.Bytes()
	}
	// A mapping is of whole huge pages, of which the last is used in part.
	dense := max(e.flash.dense.Size()-(2<<20-1), 0)
	for _, part := range []struct {
		name      string
		has, told int64
	}{
		{"all parts", u.Used(), u.Total},
		{"dense weights", dense, u.Parts[budget.Dense]},
		{"experts", experts, u.Parts[budget.Experts]},
		{"KV cache", m.KV, u.Parts[budget.KV]},
		{"told of the KV cache", u.Parts[budget.KV], m.KV},
		{"scratch and read buffers", m.Scratch + p.Slack, u.Parts[budget.Scratch]},
		{"all that is held", dense + experts + m.KV + m.Scratch + p.Slack + p.Heap, u.Total},
	} {
		if part.has > part.told {
			return fmt.Errorf("%s: %d bytes, in the account %d of %+v", part.name, part.has, part.told, u)
		}
	}
	return nil
}

// quick reads from the page cache, where it does not matter how.
var quick = FlashConfig{Backend: "mapped"}

// TestBudgetIsKept: whatever the model and the memory, nothing is held that was
// not admitted, at no token.
func TestBudgetIsKept(t *testing.T) {
	for _, name := range moetest.Models() {
		s := routed(name)
		path := modelFile(t, s, "stock")
		want := reference(t, path, 80)
		for _, share := range []float64{0, 0.3, 4} {
			t.Run(fmt.Sprintf("%s/share=%v", name, share), func(t *testing.T) {
				c := least(t, Config{Model: path, Context: 512, Flash: quick}, share)
				e := opened(t, c)
				if total := e.memory.account.Usage().Total; fmt.Sprint(total) != c.Memory {
					t.Errorf("a budget of %d, want %s", total, c.Memory)
				}
				got, err := e.Generate(t.Context(), endless(e, 80), func(Piece) error { return kept(e) })
				if err != nil || !slices.Equal(got.IDs, want) {
					t.Errorf("%v: found %v, want %v", err, got.IDs, want)
				}
				if store := e.flash.store; store != nil && share > 1 && store.Bytes() != e.memory.plan.AllExperts {
					t.Errorf("%d bytes for experts, want all %d", store.Bytes(), e.memory.plan.AllExperts)
				}
			})
		}
	}
}

var smallestText = regexp.MustCompile(`the smallest that works is ([0-9.]+ [kMG]?B) \(dense weights .*, one expert of each size .*\)`)

// TestSmallest: a budget that is too small is refused before anything is read,
// and the one that the refusal names is good for a whole context.
func TestSmallest(t *testing.T) {
	golden := func(name string) string { return filepath.Join("..", "testdata", "golden", name) }
	tests := map[string]string{
		"one size":    modelFile(t, routed("qwen3moe"), "stock"),
		"packed":      modelFile(t, routed("qwen3moe"), "packed"),
		"many tokens": modelFile(t, moetest.Spec{Model: "olmoe", Experts: 64, TopK: 8, Layers: 3}, "stock"),
		"two sizes":   golden("qwen3moe-Q4_K_M.gguf"),
		"latent":      golden("deepseek2-v3-Q4_K_M.gguf"),
		"dense":       modelFile(t, moetest.Spec{Model: "qwen3"}, "stock"),
	}
	for name, path := range tests {
		for _, room := range []int{20, 100, 256} { // also such as are no whole number of KV blocks
			t.Run(fmt.Sprintf("%s/%d", name, room), func(t *testing.T) {
				read := false
				c := Config{Model: path, Context: room, Memory: "1M", Flash: quick}
				c.Flash.open = func(path string, o flashio.Options) (*flashio.Reader, error) {
					read = true
					return flashio.Open(path, o)
				}
				_, err := Open(t.Context(), c)
				if err == nil || read {
					t.Fatalf("opened in 1 MB: %v; the file was opened for its weights: %v", err, read)
				}
				named := smallestText.FindStringSubmatch(err.Error())
				if named == nil || !strings.Contains(err.Error(), path) {
					t.Fatalf("%q does not name the file and the smallest budget", err)
				}
				c.Memory = strings.ReplaceAll(named[1], " ", "")
				whole(t, opened(t, c))
				n := smallest(t, c)
				c.Memory = fmt.Sprint(n - 1)
				var small *budget.TooSmall
				if _, err := Open(t.Context(), c); !errors.As(err, &small) || small.Smallest != n {
					t.Errorf("a byte less: found %v, want it to be too small", err)
				}
				c.Memory = fmt.Sprint(n)
				whole(t, opened(t, c))
			})
		}
	}
}

// whole fills the context of e.
func whole(t *testing.T, e *Engine) {
	t.Helper()
	room := e.model.Options().Context
	r := endless(e, room)
	if room > 120 {
		r.Prompt = strings.Repeat(r.Prompt, 16)
	}
	got, err := e.Generate(t.Context(), r, func(Piece) error { return kept(e) })
	if err != nil || got.PromptTokens+len(got.IDs) != room {
		t.Errorf("%d tokens of prompt and %d of text, want %d: %v", got.PromptTokens, len(got.IDs), room, err)
	}
}

// TestKVTakesFromExperts: other texts grow at the cost of the experts, and where
// those cannot give more they are refused; what was there before stays, and the
// experts get back what is free again.
func TestKVTakesFromExperts(t *testing.T) {
	path := modelFile(t, routed("qwen3moe"), "stock")
	want := reference(t, path, 100)
	e := opened(t, least(t, Config{Model: path}, 4))
	store := e.flash.store
	all := e.memory.plan.AllExperts
	if store.Bytes() != all {
		t.Fatalf("%d bytes for experts at first, want all %d", store.Bytes(), all)
	}
	text := func(tokens int) {
		t.Helper()
		got, err := e.Generate(t.Context(), endless(e, tokens), func(Piece) error { return kept(e) })
		if err != nil || !slices.Equal(got.IDs, want[:tokens]) {
			t.Errorf("%v: found %v, want %v", err, got.IDs, want[:tokens])
		}
	}
	text(60)
	others := grow(t, e)
	if len(others) < 2 {
		t.Errorf("%d other texts, want some", len(others))
	}
	if n := store.Bytes(); n > all/4 {
		t.Errorf("the experts still have %d bytes of %d", n, all)
	}
	text(40)
	before := store.Bytes()
	for _, s := range others {
		s.Close()
		if err := kept(e); err != nil {
			t.Error(err)
		}
	}
	if n := store.Bytes(); n <= before || n != all {
		t.Errorf("the experts got back %d bytes of %d", n, all)
	}
	text(100)
}

// grow opens sessions until the memory has no more of them, and checks the
// refusal.
func grow(t *testing.T, e *Engine) (all []*moe.Session) {
	t.Helper()
	store := e.flash.store
	for {
		s, err := e.model.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
		before := store.Bytes()
		for range 1000 / 50 {
			if _, err = s.Prefill(context.Background(), make([]int32, 50), moe.PrefillOptions{}); err != nil {
				break
			}
		}
		if kerr := kept(e); kerr != nil {
			t.Fatal(kerr)
		}
		if n := store.Bytes(); n > before {
			t.Fatalf("the experts grew from %d to %d bytes", before, n)
		}
		if err == nil {
			continue
		}
		var full *budget.Full
		if !errors.As(err, &full) || full.Part != budget.KV || !strings.Contains(err.Error(), "use a shorter context, end other sessions, or raise --memory") {
			t.Fatalf("found %v, want a *budget.Full that says what to do", err)
		}
		// The one before has what it had: the refused tokens took none of it.
		last := all[max(len(all)-2, 0)]
		if n := len(last.Tokens()); n%50 != 0 {
			t.Errorf("%d tokens in a session, want a multiple of 50", n)
		}
		return all
	}
}

// TestLongText: a text that outgrows all that the experts can give ends with an
// error; what came before it is right, and a shorter one is possible then.
func TestLongText(t *testing.T) {
	path := modelFile(t, routed("qwen3moe"), "stock")
	c := Config{Model: path, Flash: quick} // its context of 4096, of which the first 256 are planned
	e := opened(t, least(t, c, 0))
	r := endless(e, 0)
	r.Prompt = strings.Repeat("abc hello ", 25)
	got, err := e.Generate(t.Context(), r, func(Piece) error { return kept(e) })
	var full *budget.Full
	if !errors.As(err, &full) {
		t.Fatalf("found %v, want a *budget.Full", err)
	}
	if got.PromptTokens >= 256 || got.PromptTokens+len(got.IDs) < 256 || got.PromptTokens+len(got.IDs) < e.memory.plan.MostTokens-63 {
		t.Errorf("%d tokens of prompt and %d of text fitted, want at least 256, and by the plan %d", got.PromptTokens, len(got.IDs), e.memory.plan.MostTokens)
	}
	again := endless(e, len(got.IDs))
	again.Prompt = r.Prompt
	if short, err := e.Generate(t.Context(), again, func(Piece) error { return nil }); err != nil || !slices.Equal(short.IDs, got.IDs) {
		t.Errorf("a text that just fits: %v, %v, want %v", err, short.IDs, got.IDs)
	}
}

// TestResize: the memory of a text under way goes up and down, and the text is
// the one of all in memory.
func TestResize(t *testing.T) {
	const tokens = 120
	for _, name := range []string{"qwen3moe", "gpt-oss"} {
		for _, layout := range []string{"stock", "packed"} {
			path := modelFile(t, routed(name), layout)
			want := reference(t, path, tokens)
			for _, ahead := range []int{-1, 2} {
				t.Run(fmt.Sprintf("%s/%s/ahead=%d", name, layout, ahead), func(t *testing.T) {
					c := Config{Model: path, Context: 512, Flash: FlashConfig{Ahead: ahead}}
					few, some, all := least(t, c, 0), least(t, c, 0.3), least(t, c, 4)
					e := opened(t, few)
					steps := []Config{all, few, some, few, all, some, all}
					at := 0
					got, err := e.Generate(t.Context(), endless(e, tokens), func(Piece) error {
						if at++; at%5 == 0 {
							return resized(e, steps[at/5%len(steps)].Memory)
						}
						return kept(e)
					})
					if err != nil || !slices.Equal(got.IDs, want) {
						t.Errorf("%v: found %v, want %v", err, got.IDs, want)
					}
				})
			}
		}
	}
}

// resized changes the budget of e and looks at what became of it.
func resized(e *Engine, size string) error {
	if err := e.Resize(size); err != nil {
		return err
	}
	if err := kept(e); err != nil {
		return err
	}
	u, store := e.memory.account.Usage(), e.flash.store
	if fmt.Sprint(u.Total) != size {
		return fmt.Errorf("the budget is %d, want %s", u.Total, size)
	}
	spare := max(u.Room()-max(e.memory.plan.KV-u.Parts[budget.KV], 0), 0)
	if least := offload.Least(e.memory.footprint.Table); store.Bytes() < e.memory.plan.AllExperts && spare >= e.memory.plan.AllExperts/16+least {
		return fmt.Errorf("%d of %d bytes for experts, with %d to spare in %s", store.Bytes(), e.memory.plan.AllExperts, spare, size)
	}
	return nil
}

// TestResizeRefused: less than what must stay is refused, and the text goes on.
func TestResizeRefused(t *testing.T) {
	path := modelFile(t, routed("qwen3moe"), "stock")
	want := reference(t, path, 50)
	c := least(t, Config{Model: path, Context: 512}, 0.5)
	e := opened(t, c)
	pieces := 0
	got, err := e.Generate(t.Context(), endless(e, 50), func(Piece) error {
		if pieces++; pieces != 10 {
			return nil
		}
		for size, want := range map[string]string{"1M": "what is in use needs", "0": "memory", "wide": "memory: "} {
			if err := e.Resize(size); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("resize to %q: found %v, want …%s…", size, err, want)
			}
		}
		return e.Resize(c.Memory)
	})
	if err != nil || !slices.Equal(got.IDs, want) {
		t.Errorf("%v: found %v, want %v", err, got.IDs, want)
	}
	built, err := Open(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer built.Close()
	if err := built.Resize("8G"); err == nil || !strings.Contains(err.Error(), "built-in") {
		t.Errorf("resize of the built-in model: %v", err)
	}
}

// TestSqueeze: the budget shrinks and grows from outside while a text goes on and
// others come and go. Neither is the text another one, nor is anything held in
// the end that is not in the account.
func TestSqueeze(t *testing.T) {
	const tokens = 80
	path := modelFile(t, routed("qwen3moe"), "stock")
	want := reference(t, path, tokens)
	c := least(t, Config{Model: path, Context: 512, Flash: quick}, 0.7)
	e := opened(t, c)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // ends when the text has
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				e.memory.squeeze([]float64{1, 0.99, 0.995, 0.992}[i%4])
			}
		}
	}()
	pieces := 0
	got, err := e.Generate(t.Context(), endless(e, tokens), func(Piece) error {
		if pieces++; pieces%4 != 0 {
			return nil
		}
		s, err := e.model.NewSession()
		if err == nil {
			_, err = s.Prefill(context.Background(), make([]int32, 130), moe.PrefillOptions{})
			s.Close()
		}
		return err
	})
	close(stop)
	<-stopped
	if err != nil || !slices.Equal(got.IDs, want) {
		t.Errorf("%v: found %v, want %v", err, got.IDs, want)
	}
	e.memory.squeeze(1)
	if err := kept(e); err != nil {
		t.Error(err)
	}
	if u := e.memory.account.Usage(); fmt.Sprint(u.Total) != c.Memory || u.Parts[budget.Experts] != e.flash.store.Bytes() {
		t.Errorf("%+v, want a budget of %s and experts of %d", u, c.Memory, e.flash.store.Bytes())
	}
}

// TestShareOfMemory: a percentage is of what the machine leaves.
func TestShareOfMemory(t *testing.T) {
	path := modelFile(t, routed("qwen3moe"), "stock")
	e := opened(t, Config{Model: path, Context: 512, Memory: "60%"})
	m := e.memory
	if want := int64(0.6 * float64(m.limits.Available)); m.plan.Budget < want-1 || m.plan.Budget > want+1 || want < 1<<20 {
		t.Errorf("a budget of %d, want 60 %% of %d", m.plan.Budget, m.limits.Available)
	}
	notes := strings.Join(e.Notes(), "\n")
	if !strings.Contains(notes, "memory: "+m.plan.String()) {
		t.Errorf("no word of the division in %q", notes)
	}
	if err := e.Resize("30%"); err != nil {
		t.Error(err)
	}
	if got, want := m.account.Usage().Total, int64(0.3*float64(m.limits.Available)); got < want-1 || got > want+1 {
		t.Errorf("a budget of %d after 30 %%, want %d", got, want)
	}
	for _, bad := range []string{"0", "101%", "-1G", "8 apples"} {
		c := Config{Memory: bad}
		if err := c.Check(); !errors.Is(err, budget.ErrSize) {
			t.Errorf("memory %q: found %v, want ErrSize", bad, err)
		}
	}
}
