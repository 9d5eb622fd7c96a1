package ollama

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"moed/daemon"
	"moed/daemon/web"
)

const (
	templateKey     = "tokenizer.chat_template"
	architectureKey = "general.architecture"
)

// details are what every list says of a model.
type details struct {
	ParentModel       string   `json:"parent_model"`
	Format            string   `json:"format"`
	Family            string   `json:"family"`
	Families          []string `json:"families"`
	ParameterSize     string   `json:"parameter_size"`
	QuantizationLevel string   `json:"quantization_level"`
}

// listed is a model in /api/tags, and with what follows in /api/ps.
type listed struct {
	Name       string  `json:"name"`
	Model      string  `json:"model"`
	ModifiedAt string  `json:"modified_at,omitempty"`
	Size       int64   `json:"size"`
	Digest     string  `json:"digest"`
	Details    details `json:"details"`
}

type running struct {
	listed
	ExpiresAt     string `json:"expires_at"`
	SizeVRAM      int64  `json:"size_vram"`
	ContextLength int    `json:"context_length"`
}

type shown struct {
	License      string         `json:"license,omitempty"`
	Modelfile    string         `json:"modelfile"`
	Parameters   string         `json:"parameters"`
	Template     string         `json:"template"`
	Details      details        `json:"details"`
	ModelInfo    map[string]any `json:"model_info"`
	Capabilities []string       `json:"capabilities"`
	ModifiedAt   string         `json:"modified_at"`
}

func (h *handler) tags(w http.ResponseWriter, _ *http.Request) {
	out := struct {
		Models []listed `json:"models"`
	}{Models: []listed{}}
	for _, m := range h.models.List() {
		if m.Report == nil {
			continue // it cannot be asked for
		}
		one := list(&m)
		one.ModifiedAt = h.modified(&m)
		out.Models = append(out.Models, one)
	}
	web.Answer(w, http.StatusOK, out)
}

func (h *handler) ps(w http.ResponseWriter, _ *http.Request) {
	out := struct {
		Models []running `json:"models"`
	}{Models: []running{}}
	for _, m := range h.models.Running() {
		expires := m.Expires
		if expires.IsZero() { // never
			expires = time.Now().AddDate(100, 0, 0)
		}
		one := running{listed: list(&m.ModelInfo), ExpiresAt: stamp(expires)}
		if m.Engine != nil {
			one.ContextLength = m.Engine.Facts().Context
		}
		out.Models = append(out.Models, one)
	}
	web.Answer(w, http.StatusOK, out)
}

func (h *handler) show(w http.ResponseWriter, r *http.Request) {
	var in struct {
		named
		Verbose bool `json:"verbose"`
	}
	err := web.Decode(r, &in)
	if err != nil {
		fail(w, err)
		return
	}
	name, err := in.name()
	if err != nil {
		fail(w, err)
		return
	}
	m, err := h.models.Find(name)
	if err != nil {
		fail(w, err)
		return
	}
	about, err := m.Metadata(in.Verbose)
	if err != nil {
		fail(w, err)
		return
	}
	web.Answer(w, http.StatusOK, h.describe(&m, about))
}

func (h *handler) describe(m *daemon.ModelInfo, about map[string]any) shown {
	out := shown{Details: list(m).Details, ModelInfo: about, Capabilities: m.Capabilities, ModifiedAt: h.modified(m)}
	out.Template, _ = about[templateKey].(string)
	delete(about, templateKey) // once is enough
	if m.Report != nil {
		out.License = m.Report.Licence
		about["general.parameter_count"] = m.Report.Parameters
	}
	room := h.room(m)
	if arch, ok := about[architectureKey].(string); ok {
		key := arch + ".context_length" // clients fill what they find here
		if made, ok := about[key].(int64); ok && made > int64(room) {
			about["moed.trained_context_length"] = made
			about[key] = room
		}
	}
	s := daemon.DefaultSampling()
	lines := []string{param("temperature", s.Temperature), param("top_k", s.TopK), param("top_p", s.TopP), param("min_p", s.MinP), param("num_ctx", room)}
	out.Parameters = strings.Join(lines, "\n")
	out.Modelfile = fmt.Sprintf("# Made by moed.\nFROM %s\n", m.Name)
	for _, line := range lines {
		out.Modelfile += "PARAMETER " + strings.Join(strings.Fields(line), " ") + "\n"
	}
	return out
}

func param(name string, value any) string { return fmt.Sprintf("%-30s %v", name, value) }

// room is how many tokens a request may have, or would if the model were loaded.
func (h *handler) room(m *daemon.ModelInfo) int {
	for _, r := range h.models.Running() {
		if r.Name == m.Name && r.Engine != nil {
			return r.Engine.Facts().Context
		}
	}
	if m.Report != nil && m.Report.Context > 0 {
		return min(m.Report.Context, h.options.Context)
	}
	return h.options.Context
}

func list(m *daemon.ModelInfo) listed {
	d := details{Format: "gguf", QuantizationLevel: m.Quantization}
	if m.Report != nil {
		d.Family, d.Families = m.Report.Architecture, []string{m.Report.Architecture}
		d.ParameterSize = rounded(m.Report.Parameters)
	}
	return listed{Name: m.Name, Model: m.Name, Size: m.Size, Digest: strings.TrimPrefix(m.Digest, "sha256:"), Details: d}
}

// modified is when the file was; the built-in model has none.
func (h *handler) modified(m *daemon.ModelInfo) string {
	if m.Modified.IsZero() {
		return stamp(h.began)
	}
	return stamp(m.Modified)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// rounded is a number of parameters as people write it: 30.5B, 271K.
func rounded(n int64) string {
	for _, unit := range []struct {
		n    int64
		name string
	}{{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "K"}} {
		if n < unit.n {
			continue
		}
		if n < 100*unit.n {
			return fmt.Sprintf("%.1f%s", float64(n)/float64(unit.n), unit.name)
		}
		return fmt.Sprintf("%.0f%s", float64(n)/float64(unit.n), unit.name)
	}
	return fmt.Sprint(n)
}
