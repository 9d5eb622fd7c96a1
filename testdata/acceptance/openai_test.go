// Package acceptance has published clients talk to a real daemon over its Unix
// socket, as their users would.
package acceptance

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

const (
	model  = "stories-moe-5m"
	prompt = "Once upon a time"
)

// daemon starts a daemon of its own unless MOED_SOCKET names one that runs.
func daemon(t *testing.T) *http.Client {
	t.Helper()
	socket := os.Getenv("MOED_SOCKET")
	if socket == "" {
		dir, err := os.MkdirTemp("", "moed") // short: the path of a socket has at most 107 bytes
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		binary := filepath.Join(dir, "binary") // moed is where its settings are
		build := exec.Command("go", "build", "-o", binary, "./cli/moed")
		build.Dir = "../.."
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		socket = filepath.Join(dir, "s")
		serve := exec.Command(binary, "serve", "--listen", "unix://"+socket)
		serve.Env = append(os.Environ(), "HOME="+dir, "XDG_RUNTIME_DIR="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_STATE_HOME="+dir)
		serve.Stderr = os.Stderr
		if err := serve.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = serve.Process.Signal(os.Interrupt)
			_ = serve.Wait()
		})
	}
	c := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	for range 200 {
		if r, err := c.Get("http://moed/moed/v1/live"); err == nil {
			r.Body.Close()
			return c
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the daemon does not listen")
	return nil
}

func TestOpenAI(t *testing.T) {
	unix := daemon(t)
	client := openai.NewClient(option.WithHTTPClient(unix), option.WithBaseURL("http://moed/v1"), option.WithAPIKey("-"), option.WithMaxRetries(0))
	ctx := t.Context()
	ask := openai.ChatCompletionNewParams{Model: model, MaxCompletionTokens: openai.Int(8), Temperature: openai.Float(0),
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(prompt)}}

	t.Run("models", func(t *testing.T) {
		page, err := client.Models.List(ctx)
		if err != nil || len(page.Data) != 1 || page.Data[0].ID != model {
			t.Fatal(page, err)
		}
		if m, err := client.Models.Get(ctx, model); err != nil || m.OwnedBy != "moed" {
			t.Error(m, err)
		}
	})
	t.Run("chat and stream", func(t *testing.T) {
		whole, err := client.Chat.Completions.New(ctx, ask)
		if err != nil || whole.Usage.CompletionTokens != 8 || whole.Choices[0].FinishReason != "length" {
			t.Fatal(whole, err)
		}
		streamed := ask
		streamed.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
		stream := client.Chat.Completions.NewStreaming(ctx, streamed)
		var all openai.ChatCompletionAccumulator
		for stream.Next() {
			if !all.AddChunk(stream.Current()) {
				t.Fatal("a chunk does not go on with those before")
			}
		}
		if err := stream.Err(); err != nil || all.Choices[0].Message.Content != whole.Choices[0].Message.Content || all.Usage.TotalTokens != whole.Usage.TotalTokens {
			t.Errorf("%v: %q, %d tokens; whole %q, %d", err, all.Choices[0].Message.Content, all.Usage.TotalTokens, whole.Choices[0].Message.Content, whole.Usage.TotalTokens)
		}
	})
	t.Run("tools", func(t *testing.T) {
		q := ask
		q.MaxCompletionTokens = openai.Int(200)
		q.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "weather",
			Parameters: shared.FunctionParameters{"type": "object", "properties": map[string]any{"city": map[string]any{"enum": []string{"Bern", "Rome"}}},
				"required": []string{"city"}, "additionalProperties": false}})}
		_, err := client.Chat.Completions.New(ctx, q)
		// The built-in model has no chat template that knows of tools: it must say
		// so, not pretend.
		var refused *openai.Error
		if err != nil && (!errors.As(err, &refused) || refused.StatusCode != 400) {
			t.Error(err)
		}
	})
	t.Run("schema", func(t *testing.T) {
		q := ask
		q.MaxCompletionTokens = openai.Int(200)
		q.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "n", Strict: openai.Bool(true), Schema: map[string]any{"type": "object",
				"properties": map[string]any{"name": map[string]any{"type": "string", "maxLength": 8}}, "required": []string{"name"}, "additionalProperties": false}}}}
		r, err := client.Chat.Completions.New(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Name *string }
		if err := json.Unmarshal([]byte(r.Choices[0].Message.Content), &got); err != nil || got.Name == nil {
			t.Errorf("%q: %v", r.Choices[0].Message.Content, err)
		}
	})
	t.Run("responses", func(t *testing.T) {
		q := responses.ResponseNewParams{Model: model, MaxOutputTokens: openai.Int(16), Temperature: openai.Float(0),
			Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(prompt)}}
		r, err := client.Responses.New(ctx, q)
		if err != nil || r.OutputText() == "" || r.Usage.OutputTokens != 16 {
			t.Fatal(r, err)
		}
		stream := client.Responses.NewStreaming(ctx, q)
		text := ""
		for stream.Next() {
			if e, ok := stream.Current().AsAny().(responses.ResponseTextDeltaEvent); ok {
				text += e.Delta
			}
		}
		if stream.Err() != nil || text != r.OutputText() {
			t.Errorf("%v: %q, whole %q", stream.Err(), text, r.OutputText())
		}
	})
	t.Run("errors", func(t *testing.T) {
		for name, c := range map[string]struct {
			change func(*openai.ChatCompletionNewParams)
			status int
			code   string
		}{
			"model": {func(q *openai.ChatCompletionNewParams) { q.Model = "none" }, 404, "model_not_found"},
			"long": {func(q *openai.ChatCompletionNewParams) {
				q.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage(strings.Repeat(prompt, 500))}
			}, 400, "context_length_exceeded"},
			"range": {func(q *openai.ChatCompletionNewParams) { q.TopP = openai.Float(7) }, 400, ""},
			"n":     {func(q *openai.ChatCompletionNewParams) { q.N = openai.Int(3) }, 400, ""},
		} {
			q := ask
			c.change(&q)
			_, err := client.Chat.Completions.New(ctx, q)
			var got *openai.Error
			if !errors.As(err, &got) || got.StatusCode != c.status || got.Code != c.code || got.Message == "" {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err := client.Embeddings.New(ctx, openai.EmbeddingNewParams{Model: model, Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String("x")}})
		var got *openai.Error
		if !errors.As(err, &got) || got.StatusCode != 501 || !strings.Contains(got.Message, "embeddings") {
			t.Errorf("embeddings: %v", err)
		}
	})
	t.Run("leaving", func(t *testing.T) {
		ctx, leave := context.WithCancel(ctx)
		q := ask
		q.MaxCompletionTokens = openai.Int(450)
		stream := client.Chat.Completions.NewStreaming(ctx, q, option.WithJSONSet("ignore_eos", true))
		if !stream.Next() {
			t.Fatal(stream.Err())
		}
		leave()
		stream.Close()
		var status struct{ Requests []struct{ ID string } }
		for range 100 {
			r, err := unix.Get("http://moed/moed/v1/status")
			if err != nil {
				t.Fatal(err)
			}
			err = json.NewDecoder(r.Body).Decode(&status)
			r.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			if len(status.Requests) == 0 {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("after a second %v still run", status.Requests)
	})
}
