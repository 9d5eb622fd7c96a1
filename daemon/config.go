package daemon

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"moed/flashio"
	"moed/moe"
	"moed/offload/budget"
	"moed/offload/policy"
)

// Config says which model to open and how. The zero value is the built-in
// model with everything at its default.
type Config struct {
	Model   string // path of a GGUF; "" is the built-in story model
	Threads int    // 0 is all processors
	Context int    // tokens of prompt and answer; 0 is the model's, at most 4096
	KV      string // type of the KV cache: f16, f32 or q8_0; "" is f16

	// Memory is all that the process may use: a size such as 8G or 7.5GiB, or a
	// share such as 60% of what the machine leaves; "" is what it leaves, less
	// a reserve.
	Memory string
	Flash  FlashConfig

	// Spill is a directory for the prefixes of this model from one Open to the
	// next, which hold prompts; "" keeps none.
	Spill string

	// Team has experts computed on other hosts; nil where this one works alone.
	Team Team

	// Progress, if set, is called while weights are read, in bytes.
	Progress func(done, total int64)

	heap *heapLimit // shared by the models of a process; nil where this is its only one
}

// FlashConfig says how experts are read and kept. The zero value is right; the
// rest is for measurement.
type FlashConfig struct {
	Backend string // direct, buffered or mapped; "" is what measured best
	Policy  string // of package offload/policy; "" is the recommended one
	Ahead   int    // layers to read ahead; 0 is the default, below 0 none

	// Profile names the workload whose profile warms the cache and takes in what
	// this run uses: letters, digits, dashes and underscores. "" is that of no
	// workload in particular, NoProfile is none.
	Profile string
	// DiskRate makes the disk seem slower, a size per second; "" is as it is.
	DiskRate string

	open openFunc // nil is flashio.Open
}

// processors is how many the process may use. It is read before anything raises
// GOMAXPROCS for the sake of goroutines that wait.
var processors = runtime.GOMAXPROCS(0)

// Check reports what is wrong with c, as far as that can be told without the
// model.
func (c *Config) Check() error {
	if c.Threads < 0 {
		return fmt.Errorf("%d threads, want 1 or more, or 0 for all processors", c.Threads)
	}
	if c.Context < 0 {
		return fmt.Errorf("context of %d tokens, want 1 or more, or 0 for the model's", c.Context)
	}
	if _, err := c.amount(); err != nil {
		return err
	}
	if _, err := c.Flash.options(); err != nil {
		return err
	}
	_, err := c.kv()
	return err
}

// options are those of flash, as far as c says.
func (c *FlashConfig) options() (o flashOptions, err error) {
	o.policy, o.ahead, o.open = c.Policy, c.Ahead, c.open
	if c.Policy != "" && !slices.Contains(policy.Names(), c.Policy) {
		return o, fmt.Errorf("policy %q is not known; there are %s", c.Policy, strings.Join(policy.Names(), ", "))
	}
	if err := checkWorkload(c.Profile); err != nil {
		return o, err
	}
	if c.DiskRate != "" {
		if o.reader.Rate, err = parseDiskRate(c.DiskRate); err != nil {
			return o, err
		}
	}
	if c.Backend != "" {
		o.reader.Backend, err = flashio.ParseBackend(c.Backend)
	}
	return o, err
}

// measured leaves a profile out that nobody has asked for: it changes what a run
// finds in the cache, and with it every figure from one run to the next.
func (c *FlashConfig) measured() {
	if c.Profile == "" {
		c.Profile = NoProfile
	}
}

// parseDiskRate reads bytes per second.
func parseDiskRate(text string) (int64, error) {
	a, err := budget.ParseSize(text)
	if err != nil {
		return 0, fmt.Errorf("disk rate: %w", err)
	}
	if a.In(0) <= 0 { // a share of nothing, too
		return 0, fmt.Errorf("disk rate %s: want a size such as 500M, per second", text)
	}
	return a.In(0), nil
}

func (c *Config) kv() (moe.KVType, error) {
	if c.KV == "" {
		return moe.KVF16, nil
	}
	return moe.ParseKV(c.KV)
}
