package llamacpp

import (
	"net/http"
	"path/filepath"
	"slices"

	"moed/daemon"
	"moed/daemon/web"
)

type props struct {
	Defaults   defaults        `json:"default_generation_settings"`
	TotalSlots int             `json:"total_slots"`
	ModelAlias string          `json:"model_alias"`
	ModelPath  string          `json:"model_path"` // the file's name
	Template   string          `json:"chat_template"`
	Caps       map[string]bool `json:"chat_template_caps"`
	Modalities map[string]bool `json:"modalities"`
	BOS        string          `json:"bos_token"`
	EOS        string          `json:"eos_token"`
	Build      string          `json:"build_info"`
	IsSleeping bool            `json:"is_sleeping"` // the model is not loaded
}

type defaults struct {
	Context    int      `json:"n_ctx"`
	Processing bool     `json:"is_processing"`
	Params     settings `json:"params"`
}

// props describes a model from its header; nothing is loaded for it.
func (h *handler) props(w http.ResponseWriter, r *http.Request) {
	info, err := h.models.Find(r.URL.Query().Get("model"))
	if err != nil {
		fail(w, err)
		return
	}
	about, err := info.Metadata(false)
	if err != nil {
		fail(w, err)
		return
	}
	p := props{TotalSlots: h.options.Slots, ModelAlias: info.Name, ModelPath: info.Name, Build: h.options.Build, IsSleeping: true,
		Modalities: map[string]bool{"vision": false, "audio": false}, Caps: caps(&info)}
	if info.Path != "" {
		p.ModelPath = filepath.Base(info.Path)
	}
	p.Template, _ = about["tokenizer.chat_template"].(string)
	p.Defaults.Params = settingsOf(&daemon.Request{Sampling: daemon.DefaultSampling()}, false)
	p.Defaults.Context = h.context(&info)
	if e := h.loaded(info.Name); e != nil {
		f := e.Facts()
		p.IsSleeping, p.BOS, p.EOS, p.Defaults.Context = false, f.BOS, f.EOS, f.Context
		p.Defaults.Processing = e.Stats().Running > 0
	}
	web.Answer(w, http.StatusOK, p)
}

// context is how many tokens a request is going to have.
func (h *handler) context(info *daemon.ModelInfo) int {
	if info.Report != nil && info.Report.Context > 0 {
		return min(info.Report.Context, h.options.Context)
	}
	return h.options.Context
}

// caps are what the model's chat template makes of a request.
func caps(info *daemon.ModelInfo) map[string]bool {
	chats := info.Report != nil && info.Report.Template.Present
	tools := slices.Contains(info.Capabilities, "tools")
	return map[string]bool{
		"supports_system_role":         chats,
		"supports_string_content":      true,
		"supports_typed_content":       false,
		"supports_tools":               tools,
		"supports_tool_calls":          tools,
		"supports_parallel_tool_calls": tools,
		"supports_object_arguments":    tools,
		"supports_preserve_reasoning":  false,
	}
}

// loaded is the engine of a model that is loaded, or nil.
func (h *handler) loaded(name string) *daemon.Engine {
	for _, r := range h.models.Running() {
		if r.Name == name {
			return r.Engine
		}
	}
	return nil
}

// slot is one of the requests that a model answers at once, without content.
type slot struct {
	ID         int      `json:"id"`
	Context    int      `json:"n_ctx"`
	Processing bool     `json:"is_processing"`
	Params     settings `json:"params"`
	Next       []next   `json:"next_token"`
}

type next struct {
	HasNext bool `json:"has_next_token"`
}

func (h *handler) slots(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	info, err := h.models.Find(query.Get("model"))
	if err != nil {
		fail(w, err)
		return
	}
	room, busy := h.context(&info), 0
	if e := h.loaded(info.Name); e != nil {
		s := e.Stats()
		room, busy = e.Facts().Context, s.Running+s.Queued
	}
	if query.Get("fail_on_no_slot") == "1" && busy >= h.options.Slots {
		web.Answer(w, http.StatusServiceUnavailable, problemOf(http.StatusServiceUnavailable, "no slot is free"))
		return
	}
	out := make([]slot, h.options.Slots)
	for i := range out {
		out[i] = slot{ID: i, Context: room, Processing: i < busy,
			Params: settingsOf(&daemon.Request{Sampling: daemon.DefaultSampling()}, false), Next: []next{{HasNext: i < busy}}}
	}
	web.Answer(w, http.StatusOK, out)
}
