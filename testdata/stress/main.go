// Command stress has many clients ask one daemon at once and looks whether each
// answer is that of the same request alone, to the last bit of its log
// probabilities. It is for a model several times its budget; a routed one
// (testdata/mkrouted) will do.
//
//	moed serve --listen unix:///tmp/s.sock --model routed.gguf --memory 1200M &
//	go run ./testdata/stress -socket /tmp/s.sock -pid $! -clients 64 -for 10m
//
// It prints one line of CSV, with a head, and fails if an answer differs or an
// error is none of 429 with Retry-After.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// kinds is how many different requests there are: with prompts of 3 to longest
// tokens, and answers of 8 to 64.
const (
	kinds   = 48
	longest = 400
)

type stress struct {
	http   *http.Client
	leave  float64 // the part of clients that leave in midstream
	alone  [kinds]string
	mu     sync.Mutex // guards what follows
	whole  int
	left   int
	busy   int
	tokens int
	gaps   []float64 // ms
	bad    []string
}

func main() {
	socket := flag.String("socket", "", "the daemon's")
	pid := flag.Int("pid", 0, "of the daemon, to see its memory")
	clients := flag.Int("clients", 64, "that ask at once")
	long := flag.Duration("for", 10*time.Minute, "so long")
	flag.Parse()
	s := &stress{leave: 0.1, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: *clients,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", *socket)
		}}}}
	if err := s.run(*clients, *long); err != nil {
		fmt.Fprintln(os.Stderr, "stress:", err)
		os.Exit(1)
	}
	fmt.Println("clients,seconds,answers,left,busy_429,wrong,tokens,tok_s,gap_p50_ms,gap_p99_ms,gap_max_ms,peak_rss_mb")
	slices.Sort(s.gaps)
	at := func(q float64) float64 { return s.gaps[min(int(q*float64(len(s.gaps))), len(s.gaps)-1)] }
	fmt.Printf("%d,%.0f,%d,%d,%d,%d,%d,%.1f,%.1f,%.1f,%.1f,%d\n", *clients, long.Seconds(), s.whole, s.left, s.busy, len(s.bad), s.tokens,
		float64(s.tokens)/long.Seconds(), at(0.5), at(0.99), at(1), peak(*pid))
	if len(s.bad) > 0 {
		fmt.Fprintln(os.Stderr, strings.Join(s.bad[:min(len(s.bad), 10)], "\n"))
		os.Exit(1)
	}
}

// run asks for each kind alone and then for all at once.
func (s *stress) run(clients int, long time.Duration) error {
	for kind := range kinds {
		text, err := s.ask(context.Background(), kind, 0, false)
		if err != nil {
			return fmt.Errorf("request %d alone: %w", kind, err)
		}
		s.alone[kind] = text
	}
	s.gaps = nil
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() { s.client(ctx, rand.New(rand.NewPCG(1, uint64(i)))) })
	}
	all.Wait()
	if len(s.gaps) == 0 {
		return errors.New("no answers")
	}
	return nil
}

// client asks for one thing after the other.
func (s *stress) client(ctx context.Context, r *rand.Rand) {
	for ctx.Err() == nil {
		kind, after := r.IntN(kinds), 0
		if r.Float64() < s.leave {
			after = 1 + r.IntN(8)
		}
		text, err := s.ask(ctx, kind, after, true)
		var busy *busyError
		s.mu.Lock()
		switch {
		case errors.As(err, &busy):
			s.busy++
		case ctx.Err() != nil && err != nil: // time is up
		case err != nil:
			s.bad = append(s.bad, fmt.Sprintf("request %d: %v", kind, err))
		case after > 0:
			s.left++
			if !strings.HasPrefix(s.alone[kind], text) {
				s.bad = append(s.bad, fmt.Sprintf("request %d: the beginning of its answer is another", kind))
			}
		case text != s.alone[kind]:
			s.bad = append(s.bad, fmt.Sprintf("request %d: another answer than alone", kind))
		default:
			s.whole++
		}
		s.mu.Unlock()
		if busy != nil {
			select {
			case <-time.After(busy.after):
			case <-ctx.Done():
			}
		}
	}
}

type busyError struct{ after time.Duration }

func (e *busyError) Error() string { return "busy" }

// ask makes the request of a kind and returns tokens and log probabilities as
// text. Where after is not 0, the client leaves after so many tokens.
func (s *stress) ask(ctx context.Context, kind, after int, timed bool) (string, error) {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	r := rand.New(rand.NewPCG(2, uint64(kind)))
	prompt := make([]int, 3+r.IntN(longest-3))
	first := r.IntN(1000)
	for i := range prompt {
		prompt[i] = first + i
	}
	body, err := json.Marshal(map[string]any{"prompt": prompt, "max_tokens": 8 + r.IntN(57), "stream": true, "logprobs": 2,
		"temperature": 0.7, "seed": kind, "ignore_eos": true})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, "POST", "http://moed/v1/completions", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusTooManyRequests {
		seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if err != nil {
			return "", errors.New("429 without Retry-After")
		}
		return "", &busyError{time.Duration(seconds) * time.Second}
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d", resp.StatusCode)
	}
	return s.read(resp, after, timed)
}

// read takes a stream to its end, or after so many tokens.
func (s *stress) read(resp *http.Response, after int, timed bool) (string, error) {
	var text strings.Builder
	var latest time.Time
	tokens := 0
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if data == "[DONE]" {
			return text.String(), nil
		}
		var chunk struct {
			Error   *struct{ Message string }
			Choices []struct {
				LogProbs *struct {
					Tokens []string        `json:"tokens"`
					Of     json.RawMessage `json:"token_logprobs"`
					Top    json.RawMessage `json:"top_logprobs"`
				}
			}
		}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			return "", err
		}
		if chunk.Error != nil {
			return "", errors.New(chunk.Error.Message)
		}
		for _, c := range chunk.Choices {
			if c.LogProbs == nil {
				continue
			}
			fmt.Fprintf(&text, "%q %s %s\n", c.LogProbs.Tokens, c.LogProbs.Of, c.LogProbs.Top)
			now := time.Now()
			if timed {
				s.mu.Lock()
				s.tokens += len(c.LogProbs.Tokens)
				if !latest.IsZero() {
					s.gaps = append(s.gaps, float64(now.Sub(latest).Microseconds())/1000)
				}
				s.mu.Unlock()
			}
			latest = now
			if tokens += len(c.LogProbs.Tokens); after > 0 && tokens >= after {
				return text.String(), nil
			}
		}
	}
	return "", fmt.Errorf("the stream ends without [DONE]: %w", lines.Err())
}

// peak is the most memory that the daemon has had, in MB; 0 where that is not
// known.
func peak(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	if m := regexp.MustCompile(`VmHWM:\s*(\d+) kB`).FindSubmatch(text); m != nil {
		n, _ := strconv.Atoi(string(m[1])) // digits
		return n / 1000
	}
	return 0
}
