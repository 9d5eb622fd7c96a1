package service

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseConfig(t *testing.T) {
	got, err := parseConfig([]byte(`
listen = "unix:///run/a.sock"
memory = "60%"
models_dir = ["/a", "/b"]
model = "m"
ctx = 8192
kv = "q8_0"
threads = 4
keep_alive = "-1"
drain_timeout = "5s"
admin_uids = [1000, 1001]
tokens_file = "/t"
origins = ["app://obsidian.md"]
hosts = ["box.lan"]
tls_cert = "/c"
tls_key = "/k"
allow_remote = true
log_format = "json"
log_level = "debug"
spill = "/s"
ollama_version = "0.17.4"
cluster = ":4222"
join = "tls://box:4222"
invitation = "/i"
name = "box1"
room = "4G"
plan = "/p.json"
cluster_dir = "/d"
`))
	want := Config{Listen: List{"unix:///run/a.sock"}, Memory: "60%", ModelsDir: List{"/a", "/b"}, Model: "m", Context: 8192, KV: "q8_0",
		Threads: 4, KeepAlive: "-1", DrainTimeout: "5s", AdminUIDs: []uint32{1000, 1001}, TokensFile: "/t", Origins: []string{"app://obsidian.md"},
		Hosts: []string{"box.lan"}, TLSCert: "/c", TLSKey: "/k", AllowRemote: true, LogFormat: "json", LogLevel: "debug", Spill: "/s", OllamaVersion: "0.17.4",
		Cluster: ":4222", Join: "tls://box:4222", Invitation: "/i", Name: "box1", Room: "4G", Plans: List{"/p.json"}, ClusterDir: "/d"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	coordinator := got
	coordinator.Join, coordinator.Room = "", "" // they are a member's
	if err := coordinator.Check(); err != nil {
		t.Error(err)
	}
	for i := range reflect.TypeFor[Config]().NumField() { // or the above has forgotten a key
		if reflect.ValueOf(got).Field(i).IsZero() {
			t.Errorf("%s was not read", reflect.TypeFor[Config]().Field(i).Name)
		}
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"memory = 6":                       "line 1: memory: ",
		"\n\nmemry = \"6G\"":               "line 3: unknown key memry; there are admin_uids, ",
		"model = \"a\"\n[server]\nx = 1":   "unknown key server",
		"ctx = \"many\"":                   "line 1: ctx: ",
		"ctx = 1\nctx = 2":                 "line 2: ",
		"listen = 7":                       "want a string, or a list of them",
		"listen = [7]":                     "want strings",
		"admin_uids = [-1]":                "line 1: ",
		"memory = ":                        "line 1: ",
		"# " + strings.Repeat("x", 2<<20):  "more than",
		"'memory' = \"1G\"\n\"nothing\"=1": "line 2: unknown key nothing",
	} {
		_, err := parseConfig([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v; want %q in it", text, err, want)
		}
	}
}

func TestReadConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "moed.toml")
	if _, err := ReadConfig(path); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte("modl = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadConfig(path); err == nil || !strings.HasPrefix(err.Error(), path+": line 1: ") {
		t.Errorf("got %v", err)
	}
}

func TestCheck(t *testing.T) {
	tls := Config{TLSCert: "/c", TLSKey: "/k", AllowRemote: true, Listen: List{"tcp://0.0.0.0:1"}}
	for _, c := range []Config{{}, tls, {Listen: List{"/run/x.sock", "tcp://localhost:0", "tcp://[::1]:7"}}, {KeepAlive: "0"}, {KeepAlive: "90"}} {
		if err := c.Check(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for want, c := range map[string]Config{
		"memory":            {Memory: "much"},
		"threads":           {Threads: -1},
		"context":           {Context: -1},
		"other machines":    {Listen: List{"tcp://0.0.0.0:11435"}},
		"TLS is wanted":     {Listen: List{"tcp://[::]:11435"}, AllowRemote: true},
		"in numbers":        {Listen: List{"tcp://example.org:11435"}},
		"want a port":       {Listen: List{"tcp://127.0.0.1"}},
		"three slashes":     {Listen: List{"unix://run/x.sock"}},
		"want unix:///path": {Listen: List{"run/x.sock"}},
		"both":              {TLSCert: "/c"},
		"absolute":          {Spill: "s"},
		"keep alive":        {KeepAlive: "soon"},
		"drain timeout":     {DrainTimeout: "2h"},
		"log level":         {LogLevel: "loud"},
		"log format":        {LogFormat: "xml"},
		"ollama version":    {OllamaVersion: "1.x.2"},
		"three numbers":     {OllamaVersion: "1.2"},
		"or a member":       {Cluster: ":1", Join: "tls://a:1"},
		"set cluster":       {Plans: List{"/p"}},
		"set join":          {Cluster: ":1", Room: "1G"},
		"room":              {Join: "tls://a:1", Room: "much"},
		"absolute path":     {Cluster: ":1", Plans: List{"p"}},
	} {
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v; want %q in it", c, err, want)
		}
	}
}

func TestKeepAlive(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "5m": 5 * time.Minute, "90": 90 * time.Second, "0": 1, "0s": 1, "-1": -time.Second, "-5m": -5 * time.Minute} {
		c := Config{KeepAlive: text}
		if got, err := c.keepAlive(); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
}

// FuzzParseConfig: whatever is in the file, it is read or refused, and what is
// read can be checked.
func FuzzParseConfig(f *testing.F) {
	f.Add([]byte("memory = \"6G\"\nlisten = [\"unix:///run/x.sock\"]\n"))
	f.Add([]byte("[a.b]\nc = 1\n"))
	f.Add([]byte("listen = [[1]]\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if c, err := parseConfig(content); err == nil {
			_ = c.Check() // either will do
		}
	})
}

// FuzzParseAddress: what is taken is one of the two kinds.
func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"unix:///run/x.sock", "/run/x.sock", "tcp://127.0.0.1:1", "tcp://[::1]:0", "unix://", "tcp://:1", "tcp://[fe80::1%eth0]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseAddress(text)
		if err == nil && (a.unix != "") == a.tcp.IsValid() {
			t.Errorf("%q: %+v", text, a)
		}
		c := Config{}
		if err == nil && c.may(a) == nil && a.unix == "" && !a.tcp.Addr().Unmap().IsLoopback() {
			t.Errorf("%q may be listened on", text)
		}
	})
}
