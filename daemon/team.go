package daemon

import (
	"slices"
	"sync"

	"moed/moe"
	"moed/moe/expert"
	"moed/offload"
	"moed/offload/hosts"
)

// Team has experts of the models that are opened computed on other hosts too.
type Team interface {
	// Lead is told of a model that is opened here. Experts come from what it
	// returns instead of m.Local, until leave is called, which is before Local
	// and Check are closed.
	Lead(m Led) (experts *hosts.Experts, leave func(), err error)
}

// Led is a model whose forward passes run here.
type Led struct {
	Name     string // as it is asked for
	Identity string // of its weights' layout and metadata; see Identity
	Table    *expert.Table
	Hidden   int   // size of a hidden state
	TopK     int   // experts per token and layer
	Bytes    int64 // of memory for experts here
	Dense    int64 // bytes of all weights that are no experts
	Local    hosts.Local
	Check    hosts.Computer // computes experts here, to compare
	// Share appends how often each expert of a layer is used per token, as far as
	// is known from earlier runs, or nothing.
	Share func(dst []float32, layer int) []float32
}

// Identity tells models apart by the headers of their files, whatever the name:
// the SHA-256, in hex, of the bytes before the tensors. A packed file has that of
// the file that it was made of.
func Identity(path string) (string, error) {
	h, err := readFileHeader(path)
	if err != nil {
		return "", err
	}
	return h.identity()
}

func (h *header) identity() (string, error) {
	if h.file.Has(moe.KeyBundleVersion) {
		return h.file.String(keySourceSum)
	}
	return headerSum(h.path, h.file.DataOffset)
}

// lead has the team serve the model's experts.
func (f *flash) lead(h *header, fp *moe.Footprint, o *flashOptions) (err error) {
	m := Led{Name: modelName(h.path), Table: fp.Table, Hidden: fp.Config.Hidden, TopK: fp.Config.TopK, Bytes: o.bytes, Dense: fp.Memory.Dense, Local: f.store, Share: o.share}
	if m.Identity, err = h.identity(); err != nil {
		return err
	}
	f.check, err = moe.NewWorker(h.image(f.dense), h.path, moe.Options{Threads: o.Threads, Batch: hosts.TrialExperts, Experts: f.store})
	if err != nil {
		return err
	}
	m.Check = f.check
	f.hosts, f.leave, err = o.team.Lead(m)
	return err
}

// knownUse is how much earlier runs have used each expert; nil where that is not
// known.
func knownUse(c *FlashConfig, h *header, t *expert.Table) func(dst []float32, layer int) []float32 {
	m, err := modelOf(h, t)
	if err != nil || c.Profile == NoProfile {
		return nil
	}
	path, err := profilePath(m.Fingerprint, c.Profile)
	if err != nil {
		return nil // openUsage says why
	}
	kept, _ := readProfile(path, &m)
	if kept == nil {
		return nil
	}
	return kept.Share
}

// hostBuffers is about the memory for messages to other hosts: the hidden states
// of a prompt's chunk for each of its experts, as they are sent, received, and
// taken apart.
func hostBuffers(fp *moe.Footprint) int64 {
	c := fp.Config
	return 3 * 4 * int64(fp.Options.Batch) * int64(c.TopK) * int64(c.Hidden)
}

// nearby is a predictor that foretells the store nothing of what other hosts
// compute. The store and the stream of a pass ask it, and the store also for what
// is computed for trials.
type nearby struct {
	turn  *sync.Mutex
	all   offload.Predictor
	hosts *hosts.Experts
}

// Observe implements offload.Predictor.
func (n nearby) Observe(d *expert.Demand) {
	n.turn.Lock()
	defer n.turn.Unlock()
	n.all.Observe(d)
}

// far foretells all.
func (n nearby) far(dst []expert.Guess, d *expert.Demand, layer int) []expert.Guess {
	n.turn.Lock()
	defer n.turn.Unlock()
	return n.all.Guess(dst, d, layer)
}

// Guess implements offload.Predictor.
func (n nearby) Guess(dst []expert.Guess, d *expert.Demand, layer int) []expert.Guess {
	at := len(dst)
	dst = n.far(dst, d, layer)
	near := slices.DeleteFunc(dst[at:], func(g expert.Guess) bool { return n.hosts.Away(layer, g.Expert) })
	return dst[:at+len(near)]
}

// near leaves out what other hosts compute.
func (f *flash) near(order []offload.Key) []offload.Key {
	if f.hosts == nil {
		return order
	}
	return slices.DeleteFunc(order, func(k offload.Key) bool { return f.hosts.Away(k.Layer, int32(k.Expert)) })
}
