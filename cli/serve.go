package cli

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"moed/cli/userdir"
	"moed/daemon/service"
	"moed/daemon/socket"
)

func serveCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Usage:     "run the daemon that other commands and programs talk to",
		ArgsUsage: "[flags]",
		Description: "Listens on a Unix socket that this user alone can reach, or root's on /run/moed/moed.sock for the\n" +
			"group moed. Models are loaded when they are asked for. Flags count before the file of the\n" +
			"configuration, whose keys are their names with underscores. Ctrl-C lets requests under way end,\n" +
			"a second one does not; SIGHUP reads the configuration again.",
		Flags:  serveFlags(),
		Action: func(c *cli.Context) error { return serve(c, u) },
	}
}

func serveFlags() []cli.Flag {
	text := func(name, usage string) cli.Flag { return &cli.StringFlag{Name: name, Usage: usage} }
	texts := func(name, usage string) cli.Flag { return &cli.StringSliceFlag{Name: name, Usage: usage} }
	return []cli.Flag{
		texts("listen", "listen on `ADDRESS`: unix:///path, or tcp://127.0.0.1:11435 for callers with tokens; repeatable"),
		text("config", "read the configuration from `FILE`, by default moed.toml among the settings"),
		texts("models-dir", "look for models in `DIR`; repeatable"),
		&cli.StringFlag{Name: "model", Aliases: []string{"m"}, Usage: "answer with `MODEL` who names none: its name, or its file"},
		text("memory", "use `SIZE` of memory in all, such as 8G or 60%; by default what the machine leaves"),
		&cli.IntFlag{Name: "ctx", Usage: "have room for `N` tokens of prompt and answer"},
		text("kv", "keep keys and values as `TYPE`: f16, f32 or q8_0"),
		&cli.IntFlag{Name: "threads", Usage: "compute on `N` threads"},
		text("keep-alive", "unload a model after it was idle for `TIME`: 5m, 0 at once, -1 never"),
		text("spill", "keep what idle models have read in `DIR`, which prompts could be told from"),
		text("drain-timeout", "give requests `TIME` to end when the daemon does, 20s by default"),
		&cli.Int64SliceFlag{Name: "admin-uid", Usage: "let user `UID` load, unload, resize and cancel; repeatable"},
		text("tokens-file", "let in over TCP who has a token of `FILE` (moed token)"),
		texts("origin", "let pages of `ORIGIN` ask, such as app://obsidian.md; repeatable"),
		texts("host", "let requests over TCP name `HOST` besides localhost; repeatable"),
		text("tls-cert", "serve TCP with the certificate in `FILE`"),
		text("tls-key", "its key is in `FILE`"),
		switchFlag("allow-remote", "let other machines reach a TCP address; TLS is wanted, too"),
		text("cluster", "have other hosts compute experts: they join at `ADDRESS`, host:port; or the URL of a NATS that runs already"),
		text("join", "compute experts for the coordinator at `URL`, by default the invitation's"),
		text("invitation", "join with `FILE` (moed cluster invite)"),
		text("name", "this host's `NAME` in the cluster"),
		text("room", "with --join: give `SIZE` of the memory to experts of the cluster, by default all but an eighth"),
		texts("plan", "with --cluster: place experts by the `PLAN` of moed place; repeatable"),
		text("cluster-dir", "with --cluster: keep its keys and plans in `DIR`"),
		text("log-format", "write the log as `FORMAT`: text, json or journal"),
		text("log-level", "write what is at least `LEVEL`: debug, info, warn or error"),
		text("ollama-version", "tell clients of Ollama `VERSION`"),
	}
}

func serve(c *cli.Context, u *ui) error {
	if c.NArg() > 0 {
		return usagef("serve takes no arguments, found %q", c.Args().First())
	}
	config, err := serveConfig(c)
	if err != nil {
		return err
	}
	if err := config.Check(); err != nil {
		return usageError{err}
	}
	o := service.Options{Version: release, Log: u.std.Err, Reread: func() (service.Config, error) { return serveConfig(c) }}
	if u.terminal {
		o.Listening = func(addresses []string) { u.sayf("listening on %s", strings.Join(addresses, " and ")) }
	}
	// Run minds signals itself; that of the context would count as another one.
	return explainServe(service.Run(context.WithoutCancel(c.Context), config, o))
}

// serveConfig is what the file says, and flags instead of it.
func serveConfig(c *cli.Context) (service.Config, error) {
	config, err := readServeConfig(c.String("config"))
	if err != nil {
		return config, err
	}
	if err := fromFlags(c, &config); err != nil {
		return config, err
	}
	return config, furnish(&config)
}

// readServeConfig reads the file at path, or where none is named the one among the
// settings, which need not be there.
func readServeConfig(path string) (service.Config, error) {
	if path != "" {
		return service.ReadConfig(path)
	}
	dir, err := serviceDir()
	if err != nil {
		return service.Config{}, err
	}
	config, err := service.ReadConfig(filepath.Join(dir, "moed.toml"))
	if errors.Is(err, fs.ErrNotExist) {
		return service.Config{}, nil
	}
	return config, err
}

// systemConfig is where the daemon of a whole machine has its settings.
const systemConfig = "/etc/moed"

// serviceDir is where the daemon's settings are: what the service manager says,
// the machine's for root, or the user's.
func serviceDir() (string, error) {
	if dir := os.Getenv("CONFIGURATION_DIRECTORY"); filepath.IsAbs(dir) {
		return filepath.SplitList(dir)[0], nil
	}
	if os.Geteuid() == 0 && os.Getenv("MOED_USER_PATH") == "" && os.Getenv("XDG_CONFIG_HOME") == "" {
		return systemConfig, nil
	}
	return userdir.Config()
}

func fromFlags(c *cli.Context, config *service.Config) error {
	for name, to := range map[string]*string{
		"memory": &config.Memory, "model": &config.Model, "kv": &config.KV, "keep-alive": &config.KeepAlive, "spill": &config.Spill,
		"drain-timeout": &config.DrainTimeout, "tokens-file": &config.TokensFile, "tls-cert": &config.TLSCert, "tls-key": &config.TLSKey,
		"log-format": &config.LogFormat, "log-level": &config.LogLevel, "ollama-version": &config.OllamaVersion,
		"cluster": &config.Cluster, "join": &config.Join, "invitation": &config.Invitation, "name": &config.Name, "room": &config.Room,
		"cluster-dir": &config.ClusterDir,
	} {
		if c.IsSet(name) {
			*to = c.String(name)
		}
	}
	for name, to := range map[string]*int{"ctx": &config.Context, "threads": &config.Threads} {
		if c.IsSet(name) {
			*to = c.Int(name)
		}
	}
	for name, to := range map[string]*[]string{"listen": (*[]string)(&config.Listen), "models-dir": (*[]string)(&config.ModelsDir),
		"plan": (*[]string)(&config.Plans), "origin": &config.Origins, "host": &config.Hosts} {
		if c.IsSet(name) {
			*to = c.StringSlice(name)
		}
	}
	if c.IsSet("allow-remote") {
		config.AllowRemote = c.Bool("allow-remote")
	}
	if !c.IsSet("admin-uid") {
		return nil
	}
	config.AdminUIDs = nil
	for _, uid := range c.Int64Slice("admin-uid") {
		if uid < 0 || uid >= math.MaxUint32 {
			return usagef("--admin-uid %d: there is no such user", uid)
		}
		config.AdminUIDs = append(config.AdminUIDs, uint32(uid))
	}
	return nil
}

// furnish says what nobody has said: where models and tokens are. Paths become
// absolute, and a model's file becomes its directory and its name.
func furnish(config *service.Config) error {
	if len(config.ModelsDir) == 0 {
		dir, err := modelsOfService()
		if err != nil {
			return err
		}
		config.ModelsDir = service.List{dir}
	}
	if config.TokensFile == "" {
		dir, err := serviceDir()
		if err != nil {
			return err
		}
		config.TokensFile = filepath.Join(dir, "tokens")
	}
	if isPath(config.Model) {
		dir, file := filepath.Split(config.Model)
		config.Model = strings.TrimSuffix(file, filepath.Ext(file))
		config.ModelsDir = append(service.List{either(dir, ".")}, config.ModelsDir...)
	}
	if config.ClusterDir == "" && config.Cluster != "" {
		dir, err := clusterDir()
		if err != nil {
			return err
		}
		config.ClusterDir = dir
	}
	paths := []*string{&config.TokensFile, &config.TLSCert, &config.TLSKey, &config.Spill, &config.Invitation, &config.ClusterDir}
	for i := range config.Plans {
		paths = append(paths, &config.Plans[i])
	}
	for i := range config.ModelsDir {
		paths = append(paths, &config.ModelsDir[i])
	}
	for _, p := range paths {
		if *p == "" {
			continue
		}
		path, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = path
	}
	return nil
}

// modelsOfService is where the service manager keeps them for the daemon, or
// where the user does.
func modelsOfService() (string, error) {
	if dir := os.Getenv("STATE_DIRECTORY"); filepath.IsAbs(dir) {
		return filepath.Join(filepath.SplitList(dir)[0], "models"), nil
	}
	return userdir.Models()
}

// clusterDir is where the coordinator keeps its keys and plans: what the service
// manager says, or among the user's data.
func clusterDir() (string, error) {
	if dir := os.Getenv("STATE_DIRECTORY"); filepath.IsAbs(dir) {
		return filepath.Join(filepath.SplitList(dir)[0], "cluster"), nil
	}
	dir, err := userdir.Data()
	return filepath.Join(dir, "cluster"), err
}

// explainServe adds what to do about a daemon that does not begin.
func explainServe(err error) error {
	var used *socket.InUseError
	if errors.As(err, &used) {
		return withHint(err, "moed ps asks that one; --listen unix:///path has this one listen elsewhere")
	}
	return err
}
