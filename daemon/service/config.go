package service

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"moed/daemon"
)

// Config is how the daemon runs. The zero value is right: one Unix socket, the
// built-in model, and as much memory as the machine leaves. The names of keys in
// a file are those of the flags, with underscores.
type Config struct {
	Listen List `toml:"listen"` // addresses, unix:///path or tcp://host:port; none is socket.DefaultPath

	Memory    string `toml:"memory"`     // as daemon.Config has it
	ModelsDir List   `toml:"models_dir"` // searched for models
	Model     string `toml:"model"`      // the default; "" as daemon.ShelfOptions has it
	Context   int    `toml:"ctx"`
	KV        string `toml:"kv"`
	Threads   int    `toml:"threads"`
	KeepAlive string `toml:"keep_alive"` // of idle models: 5m, 0 to unload at once, -1 for ever; "" is 5m
	Spill     string `toml:"spill"`      // directory for prefixes of idle models

	DrainTimeout string `toml:"drain_timeout"` // that requests have to end after a first signal; "" is 20s

	AdminUIDs   []uint32 `toml:"admin_uids"`
	TokensFile  string   `toml:"tokens_file"`
	Origins     []string `toml:"origins"`
	Hosts       []string `toml:"hosts"`
	TLSCert     string   `toml:"tls_cert"`
	TLSKey      string   `toml:"tls_key"`
	AllowRemote bool     `toml:"allow_remote"`

	Cluster    string `toml:"cluster"`     // the coordinator's address for members, host:port, or the URL of a NATS that runs already
	Join       string `toml:"join"`        // a member: URLs of the coordinator; "" is the invitation's
	Invitation string `toml:"invitation"`  // file to join with
	Name       string `toml:"name"`        // this host's in the cluster; "" is the invitation's, or the machine's
	Room       string `toml:"room"`        // a member: memory for experts of the cluster, of Memory; "" is all but an eighth
	Plans      List   `toml:"plan"`        // the coordinator: files of moed place
	ClusterDir string `toml:"cluster_dir"` // the coordinator: its keys and plans

	LogFormat string `toml:"log_format"` // text, json or journal; "" is what suits where it goes
	LogLevel  string `toml:"log_level"`  // debug, info, warn or error; "" is info

	OllamaVersion string `toml:"ollama_version"` // that clients of Ollama are told; "" is that whose API this is
}

const (
	defaultDrain = 20 * time.Second
	longestDrain = time.Hour
)

// Check reports what is wrong with c, as far as that can be told from c alone.
func (c *Config) Check() error {
	e := c.engine()
	if err := e.Check(); err != nil {
		return err
	}
	for _, text := range c.Listen {
		a, err := parseAddress(text)
		if err != nil {
			return err
		}
		if err := c.may(a); err != nil {
			return err
		}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("TLS wants both tls_cert and tls_key")
	}
	for _, dir := range append([]string{c.Spill}, c.ModelsDir...) {
		if dir != "" && !filepath.IsAbs(dir) {
			return fmt.Errorf("directory %q: want an absolute path", dir)
		}
	}
	if err := c.checkCluster(); err != nil {
		return err
	}
	_, err := c.keepAlive()
	if err != nil {
		return err
	}
	if _, err := c.drain(); err != nil {
		return err
	}
	if _, err := level(c.LogLevel); err != nil {
		return err
	}
	switch c.LogFormat {
	case "", formatText, formatJSON, formatJournal:
	default:
		return fmt.Errorf("log format %q: want text, json or journal", c.LogFormat)
	}
	return c.ollama()
}

// ollama sees that clients can compare the version.
func (c *Config) ollama() error {
	if c.OllamaVersion == "" {
		return nil
	}
	parts := strings.Split(c.OllamaVersion, ".")
	for _, p := range parts {
		if _, err := strconv.ParseUint(p, 10, 16); err != nil || len(parts) != 3 {
			return fmt.Errorf("ollama version %q: want three numbers, such as 0.17.4", c.OllamaVersion)
		}
	}
	return nil
}

func (c *Config) engine() daemon.Config {
	return daemon.Config{Threads: c.Threads, Context: c.Context, KV: c.KV, Memory: c.Memory}
}

func (c *Config) shelf() daemon.ShelfOptions {
	keep, _ := c.keepAlive() // Check has seen it
	return daemon.ShelfOptions{Dirs: c.ModelsDir, Default: c.Model, Engine: c.engine(), KeepAlive: keep, Spill: c.Spill}
}

// keepAlive is as a Shelf wants it.
func (c *Config) keepAlive() (time.Duration, error) {
	text := c.KeepAlive
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if seconds, not := strconv.ParseInt(text, 10, 32); not == nil {
		d, err = time.Duration(seconds)*time.Second, nil
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("keep alive %q: want a time such as 5m, 0 to unload at once, or -1 for ever", text)
	case d == 0:
		return time.Nanosecond, nil // 0 is the default there
	}
	return d, nil
}

func (c *Config) drain() (time.Duration, error) {
	if c.DrainTimeout == "" {
		return defaultDrain, nil
	}
	d, err := time.ParseDuration(c.DrainTimeout)
	if err != nil || d < 0 || d > longestDrain {
		return 0, fmt.Errorf("drain timeout %q: want a time such as 20s, of %v at most", c.DrainTimeout, longestDrain)
	}
	return d, nil
}
