package openai

import (
	"net/http"

	"moed/daemon"
	"moed/daemon/web"
)

// model is one in OpenAI's list, with what llama-server says of it.
type model struct {
	ID      string     `json:"id"`
	Object  string     `json:"object"`
	Created int64      `json:"created"`
	OwnedBy string     `json:"owned_by"`
	Context int        `json:"context_length,omitempty"`
	Meta    *modelMeta `json:"meta,omitempty"`
	Status  struct {
		Value string `json:"value"`
	} `json:"status"`
}

type modelMeta struct {
	Vocab        int   `json:"n_vocab"`
	TrainContext int   `json:"n_ctx_train"`
	Hidden       int   `json:"n_embd"`
	Parameters   int64 `json:"n_params"`
	Size         int64 `json:"size"`
}

func (h *handler) list(w http.ResponseWriter, _ *http.Request) {
	out := struct {
		Object string  `json:"object"`
		Data   []model `json:"data"`
	}{"list", []model{}}
	running := h.models.Running()
	for _, info := range h.models.List() {
		out.Data = append(out.Data, modelOf(info, running))
	}
	web.Answer(w, http.StatusOK, out)
}

func (h *handler) show(w http.ResponseWriter, r *http.Request) {
	info, err := h.models.Find(r.PathValue("id"))
	if err != nil {
		fail(w, err, "")
		return
	}
	web.Answer(w, http.StatusOK, modelOf(info, h.models.Running()))
}

func modelOf(info daemon.ModelInfo, running []daemon.Running) model {
	m := model{ID: info.Name, Object: "model", Created: info.Modified.Unix(), OwnedBy: "moed"}
	if info.Modified.IsZero() {
		m.Created = 0
	}
	m.Status.Value = "unloaded"
	if r := info.Report; r != nil {
		m.Context = r.Context
		m.Meta = &modelMeta{Vocab: r.Tokenizer.Size, TrainContext: r.Context, Hidden: r.Hidden, Parameters: r.Parameters, Size: info.Size}
	}
	for _, x := range running {
		if x.Name != info.Name {
			continue
		}
		switch x.State {
		case daemon.StateLoading:
			m.Status.Value = "loading"
		default:
			m.Status.Value = "loaded"
			if x.Engine != nil {
				m.Context = x.Engine.Facts().Context
			}
		}
	}
	return m
}
