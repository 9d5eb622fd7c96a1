package server

import (
	"cmp"
	"strconv"

	"moed/daemon"
)

// maxLayers bounds how many series a model may have.
const maxLayers = 128

// model tells of one that is loaded. Its counts begin anew when it is loaded
// again.
func (m metrics) model(of *measured) {
	name, stats := of.Name, &of.stats
	count := func(metric, help string, n int64) { m.counter(metric, help, float64(n), "model", name) }
	count("moed_tokens_generated_total", "Tokens of answers.", stats.GeneratedTokens)
	count("moed_prompt_tokens_total", "Tokens of prompts that were read.", stats.PromptTokens)
	count("moed_prompt_cached_tokens_total", "Tokens of prompts that were found in kept prefixes.", stats.CachedTokens)
	count("moed_generations_total", "Texts that were begun.", stats.Requests)
	count("moed_steps_total", "Forward passes.", stats.Steps)
	count("moed_flash_reads_total", "Experts read from flash.", stats.Reads)
	count("moed_flash_read_bytes_total", "Bytes read from flash.", stats.BytesRead)
	m.counter("moed_expert_evictions_total", "Experts that gave way in memory.", float64(stats.Evictions), "model", name, "reason", "room")
	m.counter("moed_stall_seconds_total", "Time that all waited.", stats.Stall.Seconds(), "model", name, "cause", "flash")
	m.histogram("moed_ttft_seconds", "Time from a request to the first token of its answer.", &stats.FirstToken, "model", name)
	m.histogram("moed_inter_token_seconds", "Time from a token of an answer to the next.", &stats.BetweenTokens, "model", name)
	m.gauge("moed_prefixes", "Prefixes of prompts that are kept.", float64(stats.Prefixes), "model", name)
	m.gauge("moed_tokens_per_second", "Tokens made now, by all requests.", stats.Rate, "model", name)

	u := &stats.Memory
	for _, part := range []struct {
		kind  string
		bytes int64
	}{{"pinned", u.Dense}, {"cache", u.Experts}, {"kv", u.KV}, {"prefix", u.Prefix}, {"scratch", u.Scratch}, {"heap", u.Heap}} {
		m.gauge("moed_memory_bytes", "Memory by what it is for.", float64(part.bytes), "model", name, "kind", part.kind)
	}
	m.elsewhere(name, stats)
	for i, l := range stats.Layers[:min(len(stats.Layers), maxLayers)] {
		layer := strconv.Itoa(i)
		m.counter("moed_expert_cache_hits_total", "Experts wanted that were in memory.", float64(l.Hits), "model", name, "layer", layer, "tier", "ram")
		m.counter("moed_expert_cache_misses_total", "Experts wanted that had to be read, or were being read.", float64(l.Wanted-l.Hits), "model", name, "layer", layer, "tier", "ram")
	}
}

// elsewhere tells of the hosts and the disks that a model's experts come from.
func (m metrics) elsewhere(name string, stats *daemon.EngineStats) {
	for i := range stats.Hosts {
		h := &stats.Hosts[i]
		ready := 0.0
		if h.State == "ready" {
			ready = 1
		}
		m.gauge("moed_host_ready", "1 where another host is relied on.", ready, "model", name, "host", h.Name)
		for _, outcome := range []struct {
			name string
			n    int64
		}{{"answered", h.Asked - h.Late - h.Failed}, {"late", h.Late}, {"failed", h.Failed}} {
			m.counter("moed_host_requests_total", "Requests to another host, by what became of them.", float64(max(outcome.n, 0)), "model", name, "host", h.Name, "outcome", outcome.name)
		}
		m.counter("moed_host_experts_total", "Experts that another host has computed.", float64(h.Experts), "model", name, "host", h.Name)
		m.counter("moed_host_tokens_moved_total", "Tokens that went through whole layers of another host.", float64(h.Moved), "model", name, "host", h.Name)
		m.counter("moed_host_bytes_total", "Bytes to and from another host.", float64(h.Sent), "model", name, "host", h.Name, "direction", "sent")
		m.counter("moed_host_bytes_total", "Bytes to and from another host.", float64(h.Received), "model", name, "host", h.Name, "direction", "received")
	}
	if len(stats.Disks) < 2 {
		return
	}
	for i := range stats.Disks {
		d := &stats.Disks[i]
		up := 1.0
		if d.Down {
			up = 0
		}
		m.gauge("moed_disk_up", "1 where experts are read from a disk.", up, "model", name, "disk", cmp.Or(d.Name, "model"))
		m.counter("moed_disk_read_bytes_total", "Bytes of experts read from a disk.", float64(d.Bytes), "model", name, "disk", cmp.Or(d.Name, "model"))
	}
}

// llamaServer repeats what llama-server has under its own names, over all
// models, so that boards made for it show something.
func (m metrics) llamaServer(all []measured) {
	var prompt, predicted, steps int64
	var reading, writing float64
	var running, queued, longest int
	for i := range all {
		stats := &all[i].stats
		prompt += stats.PromptTokens
		predicted += stats.GeneratedTokens
		steps += stats.Steps
		reading += stats.FirstToken.Sum
		writing += stats.BetweenTokens.Sum
		running += stats.Running
		queued += stats.Queued
		longest = max(longest, stats.ContextUsed)
	}
	per := func(n int64, seconds float64) float64 {
		if seconds <= 0 {
			return 0
		}
		return float64(n) / seconds
	}
	m.counter("llamacpp:prompt_tokens_total", "Tokens of prompts that were read.", float64(prompt))
	m.counter("llamacpp:prompt_seconds_total", "Time to the first tokens of answers.", reading)
	m.counter("llamacpp:tokens_predicted_total", "Tokens of answers.", float64(predicted))
	m.counter("llamacpp:tokens_predicted_seconds_total", "Time between tokens of answers.", writing)
	m.counter("llamacpp:n_decode_total", "Forward passes.", float64(steps))
	m.gauge("llamacpp:n_tokens_max", "Tokens of the longest text under way.", float64(longest))
	m.gauge("llamacpp:prompt_tokens_seconds", "Tokens of prompts for each second of reading.", per(prompt, reading))
	m.gauge("llamacpp:predicted_tokens_seconds", "Tokens of one answer for each second of writing.", per(predicted, writing))
	m.gauge("llamacpp:requests_processing", "Texts being worked on.", float64(running))
	m.gauge("llamacpp:requests_deferred", "Texts that wait for their turn.", float64(queued))
}
