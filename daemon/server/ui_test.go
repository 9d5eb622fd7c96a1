package server

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/png"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"moed/daemon"
	"moed/daemon/api"
	"moed/moe/stories"
)

// TestPage: the page needs no token, what it shows does, and it is not on the
// Unix socket.
func TestPage(t *testing.T) {
	r := newRig(t, nil)
	if a := r.ask(t, TCP, "GET", "/ui/", ""); a.status != 200 || !strings.Contains(a.body, "<title>moed</title>") {
		t.Errorf("/ui/: %d %s", a.status, a.body)
	}
	if a := r.ask(t, TCP, "GET", "/ui/main.js", ""); a.status != 200 {
		t.Errorf("/ui/main.js: %d", a.status)
	}
	if a := r.ask(t, TCP, "GET", "/moed/v1/events", ""); a.status != 401 {
		t.Errorf("events without a token: %d", a.status)
	}
	if a := r.ask(t, TCP, "GET", "/ui/", "", "Host: evil.example"); a.status != 403 {
		t.Errorf("/ui/ by another name: %d", a.status)
	}
	if a := r.ask(t, Unix, "GET", "/ui/", ""); a.status != 404 {
		t.Errorf("/ui/ on the socket: %d", a.status)
	}
}

// TestScreenshot draws the page in a browser, where there is one: figures, the
// heat-map and the bar must be there, in light and in dark.
func TestScreenshot(t *testing.T) {
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" || testing.Short() {
		t.Skip("no browser is here, or little time")
	}
	r := newRig(t, nil)
	if _, err := r.client(t).Chat(context.Background(), &api.ChatRequest{Prompt: "Once upon a time", Raw: true, MaxTokens: 40}, nil); err != nil {
		t.Fatal(err)
	}
	page := "http://" + r.tcp + "/ui/#token=" + url.QueryEscape(adminToken)
	run := func(args ...string) []byte {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		args = append([]string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
			"--user-data-dir=" + t.TempDir(), "--window-size=1100,1000", "--virtual-time-budget=5000"}, args...)
		cmd := exec.CommandContext(ctx, browser, append(args, page)...)
		var complaints bytes.Buffer
		cmd.Stderr = &complaints
		out, err := cmd.Output()
		if err != nil {
			t.Skipf("%s does not run here: %v\n%s", browser, err, complaints.Bytes())
		}
		return out
	}

	dom := string(run("--dump-dom"))
	for _, want := range []string{`class="live"`, `>stories-moe-5m<`, `96 of 96 in memory`, `100.0 %`, `Nothing is asked`, `dense weights`, `>Unload<`} {
		if !strings.Contains(dom, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(dom, adminToken) {
		t.Error("the token is in the page")
	}
	if t.Failed() {
		t.Log(dom)
	}

	for name, args := range map[string][]string{"light": nil, "dark": {"--force-dark-mode", "--blink-settings=preferredColorScheme=0"}} {
		file := filepath.Join(t.TempDir(), "page.png")
		run(append(args, "--screenshot="+file)...)
		shot, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.Decode(bytes.NewReader(shot))
		if err != nil {
			t.Fatal(err)
		}
		if hot := pixels(picture, func(r, g, b int) bool { return r > g+60 && g > b-20 }); hot < 1000 {
			t.Errorf("%s: %d pixels of experts in use", name, hot)
		}
		if green := pixels(picture, func(r, g, b int) bool { return g > r+30 && g > b }); green < 300 {
			t.Errorf("%s: %d pixels of the page's own colour", name, green)
		}
		paper := pixels(picture, func(r, g, b int) bool { return r+g+b > 700 })
		if (name == "light") != (paper > 500_000) {
			t.Errorf("%s: %d bright pixels", name, paper)
		}
	}
}

// pixels counts those of a kind.
func pixels(m image.Image, kind func(r, g, b int) bool) (n int) {
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			if r, g, b, _ := m.At(x, y).RGBA(); kind(int(r>>8), int(g>>8), int(b>>8)) {
				n++
			}
		}
	}
	return n
}

// TestBoard: the Grafana board asks for metrics that there are.
func TestBoard(t *testing.T) {
	text, err := os.ReadFile("grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() // of a file, which has a cache of experts
	if err := os.WriteFile(filepath.Join(dir, "tales.gguf"), stories.GGUF(), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRigOf(t, daemon.ShelfOptions{Dirs: []string{dir}}, nil)
	if _, err := r.client(t).Chat(context.Background(), &api.ChatRequest{Model: "tales", Prompt: "Once", Raw: true, MaxTokens: 3}, nil); err != nil {
		t.Fatal(err)
	}
	r.ask(t, TCP, "GET", "/moed/v1/live", "") // a request that has ended when its answer is read
	metrics := r.ask(t, Unix, "GET", "/metrics", "").body
	if len(board.Panels) == 0 {
		t.Error("no panels")
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			for _, name := range regexp.MustCompile(`moed_\w+`).FindAllString(target.Expr, -1) {
				if strings.HasPrefix(name, "moed_psi_") && !strings.Contains(metrics, name) {
					continue // where the system does not say
				}
				if !regexp.MustCompile(`(?m)^` + name + `[{ ]`).MatchString(metrics) {
					t.Errorf("%s: there is no %s", p.Title, name)
				}
			}
		}
	}
}
