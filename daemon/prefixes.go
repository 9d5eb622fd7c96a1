package daemon

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"moed/daemon/prefix"
	"moed/moe"
)

// prefixes keeps what requests have computed, for later ones of the same caller
// that begin alike. It takes at most a part of the model's memory, and all of it
// is given back before a request has to wait.
type prefixes struct {
	cache *prefix.Cache[*moe.Prefix]
	block int64

	// Where they are kept from one load of the model to the next:
	spill    *prefix.Spill // nil where they are not
	restored sync.WaitGroup
	stop     context.CancelFunc
}

const (
	// prefixShare of a model's budget may hold prefixes, or prefixBytes where it
	// has none.
	prefixShare = 8
	prefixBytes = 64 << 20
	// leastPrefix is how many tokens are worth keeping.
	leastPrefix = 8
)

// newPrefixes begins with those of an earlier load where c has a directory for
// them. What is wrong with that is a note, and they are kept in memory alone.
func newPrefixes(e *Engine, c Config) *prefixes {
	o := prefix.Options{Bytes: prefixBytes}
	if e.memory != nil {
		o.Bytes = e.memory.total / prefixShare
	}
	k := &prefixes{cache: prefix.New[*moe.Prefix](o), block: e.model.BlockBytes(), stop: func() {}}
	if c.Spill == "" || e.header == nil {
		return k
	}
	options := e.model.Options()
	id := fmt.Sprintf("%s of %d bytes, %v, keys and values %v, %s %s", fingerprint(e.header.file, e.memory.footprint.Table),
		e.header.size, e.header.info.ModTime().UnixNano(), options.KV, build(), Kernels())
	var err error
	if k.spill, err = prefix.OpenSpill(c.Spill, prefix.SpillOptions{Model: id}); err != nil {
		e.flash.note = fmt.Sprintf("prefixes are not kept on disk: %v", err)
		return k
	}
	ctx, cancel := context.WithCancel(context.Background())
	k.stop = cancel
	// An error leaves what was not read on disk; requests do without.
	k.restored.Go(func() {
		_, _ = prefix.Restore(ctx, k.spill, func(tokens []int32, r io.Reader) (*moe.Prefix, error) { return e.model.ReadPrefix(tokens, r) }, k.cache.Put)
	})
	return k
}

// build tells builds apart: another may round otherwise.
func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return runtime.Version()
	}
	id := info.GoVersion + " " + info.Main.Version
	for _, s := range info.Settings {
		if strings.HasPrefix(s.Key, "vcs.") {
			id += " " + s.Value
		}
	}
	return id
}

func owner(c Caller) prefix.Owner { return prefix.Owner{UID: c.UID, Token: c.Token} }

// put keeps what a request's session holds.
func (k *prefixes) put(g *generation) {
	if len(g.session.Tokens()) >= leastPrefix {
		k.cache.Put(owner(g.request.Caller), g.session.Keep())
	}
}

// adopt has an empty session begin with what is kept of the request's prompt,
// and returns how many tokens that is. The last one is left to be worked on, for
// its logits.
func (k *prefixes) adopt(g *generation, s *moe.Session) int {
	return k.cache.Longest(owner(g.request.Caller), g.ids[:len(g.ids)-1], func(p *moe.Prefix, n int) {
		if err := s.Adopt(p, n); err != nil {
			panic("daemon: " + err.Error()) // the session is new, and p of its model
		}
	})
}

// shrink gives some memory back, and reports whether there was any.
func (k *prefixes) shrink() bool { return k.cache.Shrink(4*k.block) > 0 }

// drop gives all back.
func (k *prefixes) drop() { k.cache.Shrink(k.cache.Bytes()) }

func (k *prefixes) len() int     { return k.cache.Len() }
func (k *prefixes) bytes() int64 { return k.cache.Bytes() }

// close writes the prefixes out where there is a place for them, and gives their
// memory back.
func (k *prefixes) close() {
	k.stop()
	k.restored.Wait()
	if k.spill != nil {
		k.cache.Each(func(o prefix.Owner, p *moe.Prefix) {
			_ = k.spill.Save(o, p) // without it the prompt is read again
		})
		_ = k.spill.Close() // nothing is left to be written
	}
	k.cache.Close()
}
