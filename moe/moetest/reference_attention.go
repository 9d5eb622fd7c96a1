package moetest

import (
	"fmt"
	"slices"
)

// refLayer is a layer's weights. Of attention it has either query, key and value
// or latent; of feed-forward networks either dense or experts.
type refLayer struct {
	attentionNorm []float64

	query, key, value, output linear
	queryNorm, keyNorm        []float64 // of a head's width or of all heads'; nil without
	sinks                     []float64 // [heads]; nil without
	latent                    *latentAttention

	ffnNorm []float64
	dense   *network
	experts *expertLayer
}

// linear is a matrix with an optional bias.
type linear struct {
	matrix
	bias []float64
}

func (l linear) apply(x []float64) []float64 { return added(l.times(x), l.bias) }

func (t *tensors) linear(name string, cols, rows int) linear {
	return linear{t.matrix(name+".weight", cols, rows), t.optional(name+".bias", rows)}
}

func (r *Ref) readLayer(t *tensors, l int) refLayer {
	p := fmt.Sprintf("blk.%d.", l)
	layer := refLayer{attentionNorm: t.vector(p+"attn_norm.weight", r.hidden)}
	layer.output = t.linear(p+"attn_output", r.heads*r.valueDim, r.hidden)
	if r.latent > 0 {
		layer.latent = r.readLatent(t, p)
	} else {
		layer.query = t.linear(p+"attn_q", r.hidden, r.heads*r.keyDim)
		layer.key = t.linear(p+"attn_k", r.hidden, r.kvHeads*r.keyDim)
		layer.value = t.linear(p+"attn_v", r.hidden, r.kvHeads*r.valueDim)
		queries, keys := r.keyDim, r.keyDim
		if r.arch == "olmoe" { // norms over all heads at once
			queries, keys = r.heads*r.keyDim, r.kvHeads*r.keyDim
		}
		layer.queryNorm = t.optional(p+"attn_q_norm.weight", queries)
		layer.keyNorm = t.optional(p+"attn_k_norm.weight", keys)
		layer.sinks = t.optional(p+"attn_sinks.weight", r.heads)
	}
	norm := "ffn_norm.weight"
	if r.arch == "gpt-oss" || r.arch == "glm4moe" {
		norm = "post_attention_norm.weight"
	}
	layer.ffnNorm = t.vector(p+norm, r.hidden)
	r.readFeedForward(t, p, &layer)
	return layer
}

// attend is causal attention of every position in xs to itself and those before.
func (r *Ref) attend(layer *refLayer, l int, xs [][]float64) [][]float64 {
	n := len(xs)
	queries, keys, values := make([][][]float64, n), make([][][]float64, n), make([][][]float64, n)
	for i, x := range xs {
		if layer.latent != nil {
			queries[i], keys[i], values[i] = r.latentHeads(layer.latent, x, i)
		} else {
			queries[i], keys[i], values[i] = r.plainHeads(layer, x, i)
		}
	}
	out := make([][]float64, n)
	for i := range xs {
		first := 0
		if r.windowed(l) {
			first = max(0, i-r.window+1)
		}
		var heads []float64
		for h := range r.heads {
			heads = append(heads, r.attendHead(layer, h, queries[i][h], keys[first:i+1], values[first:i+1])...)
		}
		out[i] = layer.output.apply(heads)
	}
	return out
}

// windowed reports whether layer l sees the last positions only. gpt-oss
// alternates, beginning with such a layer.
func (r *Ref) windowed(l int) bool {
	return r.arch == "gpt-oss" && r.window > 0 && l%2 == 0
}

// attendHead mixes the values by softmax of the keys' products with the query of
// head h. A sink takes part in the softmax and adds nothing.
func (r *Ref) attendHead(layer *refLayer, h int, query []float64, keys, values [][][]float64) []float64 {
	kv := h / (r.heads / r.kvHeads)
	scores := make([]float64, len(keys))
	for j := range keys {
		scores[j] = dot(query, keys[j][kv]) * r.attentionScale
	}
	if layer.sinks != nil {
		scores = append(scores, layer.sinks[h])
	}
	out := make([]float64, r.valueDim)
	for j, p := range softmax(scores)[:len(keys)] {
		out = added(out, scaled(values[j][kv], p))
	}
	return out
}

// plainHeads is the query of each head and the key and value of each kv head, at
// one position.
func (r *Ref) plainHeads(layer *refLayer, x []float64, position int) (queries, keys, values [][]float64) {
	queries = r.normedHeads(layer.query.apply(x), layer.queryNorm)
	keys = r.normedHeads(layer.key.apply(x), layer.keyNorm)
	for _, head := range slices.Concat(queries, keys) {
		r.rope.apply(head, position)
	}
	return queries, keys, split(layer.value.apply(x), r.valueDim)
}

// normedHeads splits all into heads, normed each by itself or all as one, as the
// width of weight says.
func (r *Ref) normedHeads(all, weight []float64) [][]float64 {
	if len(weight) == len(all) && len(weight) > 0 {
		return split(rmsNorm(all, weight, r.eps), r.keyDim)
	}
	heads := split(all, r.keyDim)
	if weight != nil {
		for i := range heads {
			heads[i] = rmsNorm(heads[i], weight, r.eps)
		}
	}
	return heads
}

// split cuts x into pieces of n values each.
func split(x []float64, n int) [][]float64 {
	return slices.Collect(slices.Chunk(x, n))
}

// latentAttention compresses keys and values of all heads into one latent vector
// and one rotated key that the heads share (DeepSeek-V2, 2024).
type latentAttention struct {
	query      matrix    // of the hidden state, or of the compressed query
	queryDown  *matrix   // compresses the query; nil without
	queryNorm  []float64 // of the compressed query
	down       matrix    // [latent + rotated][hidden]
	latentNorm []float64
	keys       []matrix // per head [latent][keyDim - rotated]: the transpose of what expands
	values     []matrix // per head [valueDim][latent]
}

func (r *Ref) readLatent(t *tensors, p string) *latentAttention {
	rotated := 2 * len(r.rope.freqs)
	plain := r.keyDim - rotated
	a := &latentAttention{
		down:       t.matrix(p+"attn_kv_a_mqa.weight", r.hidden, r.latent+rotated),
		latentNorm: t.vector(p+"attn_kv_a_norm.weight", r.latent),
	}
	if t.has(p + "attn_q_a.weight") {
		down := t.matrix(p+"attn_q_a.weight", r.hidden, 0)
		a.queryDown = &down
		a.queryNorm = t.vector(p+"attn_q_a_norm.weight", down.rows)
		a.query = t.matrix(p+"attn_q_b.weight", down.rows, r.heads*r.keyDim)
	} else {
		a.query = t.matrix(p+"attn_q.weight", r.hidden, r.heads*r.keyDim)
	}
	if t.has(p + "attn_k_b.weight") {
		a.keys = t.matrices(p+"attn_k_b.weight", plain, r.latent, r.heads)
		a.values = t.matrices(p+"attn_v_b.weight", r.latent, r.valueDim, r.heads)
		return a
	}
	// Older files have one matrix, of which each head has rows for its key, then
	// rows for its value.
	both := t.matrix(p+"attn_kv_b.weight", r.latent, r.heads*(plain+r.valueDim))
	if t.err != nil {
		return a
	}
	for h := range r.heads {
		at := h * (plain + r.valueDim)
		key := matrix{plain, r.latent, make([]float64, plain*r.latent)}
		for i := range plain {
			for j := range r.latent {
				key.row(j)[i] = both.row(at + i)[j]
			}
		}
		from := (at + plain) * r.latent
		a.keys = append(a.keys, key)
		a.values = append(a.values, matrix{r.latent, r.valueDim, both.w[from : from+r.valueDim*r.latent]})
	}
	return a
}

// latentHeads expands the latent vector of one position into a key and a value
// per head. The rotated part stands last in queries and keys.
func (r *Ref) latentHeads(a *latentAttention, x []float64, position int) (queries, keys, values [][]float64) {
	rotated := 2 * len(r.rope.freqs)
	plain := r.keyDim - rotated
	q := x
	if a.queryDown != nil {
		q = rmsNorm(a.queryDown.times(x), a.queryNorm, r.eps)
	}
	queries = split(a.query.times(q), r.keyDim)
	down := a.down.times(x)
	latent, shared := rmsNorm(down[:r.latent], a.latentNorm, r.eps), down[r.latent:]
	r.rope.apply(shared, position)
	for h := range r.heads {
		r.rope.apply(queries[h][plain:], position)
		key := make([]float64, plain)
		for j, c := range latent {
			key = added(key, scaled(a.keys[h].row(j), c))
		}
		keys = append(keys, append(key, shared...))
		values = append(values, a.values[h].times(latent))
	}
	return queries, keys, values
}
