package daemon

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"moed/moe/gguf"
	"moed/moe/stories"
)

// catalogue remembers what was found out about files, as long as they are the
// same. It is safe for concurrent use.
type catalogue struct {
	mu    sync.Mutex
	known map[string]*finding // by path
}

// finding is what is known of one file; find is run once.
type finding struct {
	model    stocked
	manifest time.Time
	find     func() ModelInfo
}

// info is what there is to say of a model. It reads the header where the file is
// new or has changed, which takes up to a second for a large vocabulary.
func (c *catalogue) info(m stocked) ModelInfo {
	var manifest time.Time
	if m.dir != "" {
		if i, err := os.Stat(m.path() + strings.TrimPrefix(manifestEnding, ending)); err == nil {
			manifest = i.ModTime()
		}
	}
	c.mu.Lock()
	if c.known == nil {
		c.known = map[string]*finding{}
	}
	k := c.known[m.path()]
	if k == nil || !k.model.same(m) || !k.manifest.Equal(manifest) {
		k = &finding{model: m, manifest: manifest, find: sync.OnceValue(func() ModelInfo { return inspectStocked(m) })}
		c.known[m.path()] = k
	}
	c.mu.Unlock()
	return k.find()
}

// forget drops what is known of files that are no longer there.
func (c *catalogue) forget(there []stocked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) <= len(there) {
		return
	}
	paths := map[string]bool{}
	for _, m := range there {
		paths[m.path()] = true
	}
	for p := range c.known {
		if !paths[p] {
			delete(c.known, p)
		}
	}
}

func (m stocked) same(o stocked) bool {
	return m.name == o.name && m.size == o.size && m.modified.Equal(o.modified) && m.refused == o.refused
}

// inspectStocked reads a model's header. Whatever is wrong with it, or with us when we
// read it, is a Problem of this model and of no other.
func inspectStocked(m stocked) (info ModelInfo) {
	info = ModelInfo{Name: m.name, Path: m.path(), Size: m.size, Modified: m.modified, Capabilities: []string{}}
	info.Digest = fmt.Sprintf("sha256:%x", sha256.Sum256(nil))
	defer func() {
		if p := recover(); p != nil {
			info.Report, info.Problem = nil, fmt.Sprintf("%s cannot be read: %v", m.path(), p)
		}
	}()
	if m.refused != "" {
		info.Problem = m.refused
		return info
	}
	if err := info.read(m); err != nil {
		info.Problem = err.Error()
	}
	return info
}

func (info *ModelInfo) read(m stocked) error {
	if m.dir == "" {
		im, err := gguf.FromBytes(stories.GGUF())
		if err != nil {
			return err
		}
		info.describe(im.File)
		info.Digest = fmt.Sprintf("sha256:%x", sha256.Sum256(stories.GGUF()))
		return im.Close()
	}
	root, err := os.OpenRoot(m.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	f, err := root.Open(m.file)
	if err != nil {
		return err
	}
	defer f.Close()
	head, err := gguf.Read(f, m.size)
	if err != nil {
		return fmt.Errorf("%s: %w", m.path(), err)
	}
	info.describe(head)
	info.Report.File = m.path()
	if sum := readManifest(root, m); sum != "" {
		info.Digest = "sha256:" + sum
		return nil
	}
	info.Digest, err = headerDigest(f, head.DataOffset, m.size)
	return err
}

// headerDigest names a file by its header and its size.
func headerDigest(r io.ReaderAt, header, size int64) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, 0, header)); err != nil {
		return "", err
	}
	fmt.Fprintf(h, "%d", size)
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

var sha256Text = regexp.MustCompile(`^[0-9a-f]{64}$`)

const longestManifest = 16 << 20

// readManifest is the checksum of the whole file that is written beside it, ""
// where there is none or it is of another file.
func readManifest(root *os.Root, m stocked) string {
	f, err := root.Open(strings.TrimSuffix(m.file, ending) + manifestEnding)
	if err != nil {
		return ""
	}
	defer f.Close()
	var manifest struct {
		Version int    `json:"version"`
		Size    int64  `json:"size"`
		SHA256  string `json:"sha256"`
	}
	err = json.NewDecoder(io.LimitReader(f, longestManifest)).Decode(&manifest)
	if err != nil || manifest.Version != 1 || manifest.Size != m.size || !sha256Text.MatchString(manifest.SHA256) {
		return ""
	}
	return manifest.SHA256
}

// describe fills in what the header says.
func (info *ModelInfo) describe(f *gguf.File) {
	r := report(f)
	r.File, r.Sizes.File = path.Base(info.Name), info.Size
	info.Report = r
	info.Quantization = quantization(f, r)
	if len(r.Unsupported) > 0 {
		info.Problem = strings.Join(r.Unsupported, "; ")
	}
	info.Capabilities = capabilities(f)
}

// quantization is the name of the mixture of types that the file says it is, or
// that of most of the experts' tensors, or of all where there are none.
func quantization(f *gguf.File, r *Report) string {
	if n, err := f.Uint("general.file_type"); err == nil {
		if name := fileType(n); name != "" {
			return name
		}
	}
	experts, all := map[string]int{}, map[string]int{}
	for _, g := range r.Groups {
		for name, n := range g.Types {
			all[name] += n
			if strings.HasPrefix(g.Name, "experts ") {
				experts[name] += n
			}
		}
	}
	if len(experts) > 0 {
		return most(experts)
	}
	return most(all)
}

func most(count map[string]int) string {
	best := ""
	for name, n := range count {
		if c := cmp.Compare(n, count[best]); best == "" || c > 0 || c == 0 && name < best {
			best = name
		}
	}
	return best
}

// fileType is the name of a mixture by its number in GGUF files.
func fileType(n uint64) string {
	names := map[uint64]string{0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
		11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
		19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S",
		27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE"}
	return names[n]
}

// capabilities are named as in Ollama's API.
func capabilities(f *gguf.File) []string {
	template, _ := f.String("tokenizer.chat_template")
	tokens, _ := f.Strings("tokenizer.ggml.tokens")
	return capable(template, tokens, f.Has)
}

// capable goes by what a template speaks of and which special tokens there are.
func capable(template string, tokens []string, hasKey func(string) bool) []string {
	list := []string{"completion"}
	if strings.Contains(template, "tools") {
		list = append(list, "tools")
	}
	special := map[string]bool{}
	for _, t := range tokens {
		if len(t) < 32 && strings.ContainsAny(t, "<[") {
			special[t] = true
		}
	}
	if strings.Contains(template, "<think>") || special["<think>"] || special["<|channel|>"] && special["<|message|>"] {
		list = append(list, "thinking")
	}
	for _, pair := range gapMarkers {
		if special[pair[0]] && special[pair[1]] {
			return append(list, "insert")
		}
	}
	if hasKey("tokenizer.ggml.fim_pre_token_id") && hasKey("tokenizer.ggml.fim_suf_token_id") {
		list = append(list, "insert")
	}
	return list
}

// gapMarkers begin the two sides of a gap in a text, by vocabulary.
var gapMarkers = [...][2]string{{"<|fim_prefix|>", "<|fim_suffix|>"}, {"<fim_prefix>", "<fim_suffix>"}, {"<fim-prefix>", "<fim-suffix>"},
	{"<PRE>", "<SUF>"}, {"▁<PRE>", "▁<SUF>"}, {"<｜fim▁begin｜>", "<｜fim▁hole｜>"}, {"<|code_prefix|>", "<|code_suffix|>"}, {"[PREFIX]", "[SUFFIX]"}}
