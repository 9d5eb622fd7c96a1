package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

const (
	payloadLimit = 8 << 20
	mostMembers  = 1024
)

// broker is the embedded server, its authority and its keys.
type broker struct {
	opts      Options
	authority *authority
	home      nkeys.KeyPair // the coordinator's own, new at each start
	public    string
	server    *server.Server
	invited   []string // what the server knows: "name key", sorted
	lock      *os.File
}

func startBroker(o Options) (_ *broker, err error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("cluster directory: %w", err)
	}
	if err := os.Chmod(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("cluster directory: %w", err)
	}
	b := &broker{opts: o}
	if b.lock, err = lockDir(o.Dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			b.lock.Close()
		}
	}()
	if b.authority, err = openAuthority(o.Dir); err != nil {
		return nil, err
	}
	if b.home, err = nkeys.CreateUser(); err != nil {
		return nil, fmt.Errorf("the coordinator's key: %w", err)
	}
	if b.public, err = b.home.PublicKey(); err != nil {
		return nil, fmt.Errorf("the coordinator's key: %w", err)
	}
	if b.invited, err = invited(o.Dir); err != nil {
		return nil, err
	}
	settings, err := b.settings()
	if err != nil {
		return nil, err
	}
	// The server would only log that its port is taken, after it had opened
	// the store that the other coordinator may be using.
	free, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("embedded server: %w", err)
	}
	free.Close()
	if b.server, err = server.NewServer(settings); err != nil {
		return nil, fmt.Errorf("embedded server: %w", err)
	}
	b.server.SetLoggerV2(serverLog{o.Log}, false, false, false)
	b.server.Start()
	if !b.server.ReadyForConnections(10 * time.Second) {
		b.stop()
		return nil, fmt.Errorf("embedded server: not ready on %s; its log says why", o.Listen)
	}
	return b, nil
}

// settings are the server's. Nothing is open: no other listener than the one
// for TLS, no user without a key, nobody in the system account.
func (b *broker) settings() (*server.Options, error) {
	host, service, err := net.SplitHostPort(b.opts.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen address %.80q: must be host:port", b.opts.Listen)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("listen address %.80q: no port number", b.opts.Listen)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	s := &server.Options{
		ServerName: "moed-" + b.opts.Name,
		Host:       host, Port: int(port),
		NoLog: true, NoSigs: true, DisableJetStreamBanner: true,
		TLS: true, TLSConfig: b.authority.config(b.opts.Listen), TLSHandshakeFirst: true, TLSTimeout: 5,
		AuthTimeout: 5, MaxConn: mostMembers, MaxSubs: 4096, MaxSubTokens: 16,
		MaxControlLine: 4096, MaxPayload: payloadLimit, MaxPending: 256 << 20,
		PingInterval: max(b.opts.TTL/3, 500*time.Millisecond), MaxPingsOut: 2,
		WriteDeadline: 10 * time.Second, MaxClosedClients: 64,
		JetStream: true, StoreDir: filepath.Join(b.opts.Dir, "jetstream"), SyncAlways: true,
		JetStreamMaxMemory: membersBytes, JetStreamMaxStore: plansBytes,
	}
	if s.Port == 0 {
		s.Port = server.RANDOM_PORT
	}
	s.Nkeys = []*server.NkeyUser{{Nkey: b.public}}
	for _, line := range b.invited {
		name, key, _ := strings.Cut(line, " ")
		if name == b.opts.Name {
			b.opts.Log.Error("cluster invitation ignored: the coordinator has that name", "name", name)
			continue
		}
		s.Nkeys = append(s.Nkeys, &server.NkeyUser{Nkey: key, Permissions: memberRights(name)})
	}
	return s, nil
}

// memberRights is all that a member may do. It has no right to JetStream's API
// nor to anything that replies on its behalf: whoever may ask a service to
// reply can make it speak on any subject.
func memberRights(name string) *server.Permissions {
	publish, subscribe := Rights(name)
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: publish},
		Subscribe: &server.SubjectPermission{Allow: subscribe},
		Response:  &server.ResponsePermission{MaxMsgs: 1, Expires: 15 * time.Minute},
	}
}

// Rights lists the subjects that the member called name may publish to and
// subscribe to, beside one answer to each request that reaches it: what an
// external NATS should grant it.
func Rights(name string) (publish, subscribe []string) {
	publish = []string{membersPrefix + name, fetchPrefix + name}
	subscribe = []string{
		memberInbox + name + ".>",
		askPrefix + name + ".*", cancelPrefix + name, pingPrefix + name, nudgePrefix + "*",
	}
	for _, verb := range []string{"PING", "INFO", "STATS"} {
		s := "$SRV." + verb
		subscribe = append(subscribe, s, s+"."+service(name), s+"."+service(name)+".*")
	}
	return publish, subscribe
}

// invited lists the authorised members of dir, "name key", sorted.
func invited(dir string) ([]string, error) {
	files, err := os.ReadDir(filepath.Join(dir, "invited"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("invited hosts: %w", err)
	}
	var lines []string
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), keySuffix)
		if !ok || checkName(name) != nil {
			continue
		}
		b, err := os.ReadFile(keyFile(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // revoked since ReadDir
		}
		if err != nil {
			return nil, fmt.Errorf("invited host %s: %w", name, err)
		}
		key := strings.TrimSpace(string(b))
		if !nkeys.IsValidPublicUserKey(key) {
			return nil, fmt.Errorf("invited host %s: its file holds no key; revoke it", name)
		}
		lines = append(lines, name+" "+key)
	}
	slices.Sort(lines)
	return lines, nil
}

// reload lets the server know who is invited now. It disconnects the others.
func (b *broker) reload() error {
	now, err := invited(b.opts.Dir)
	if err != nil || slices.Equal(now, b.invited) {
		return err
	}
	before := b.invited
	b.invited = now
	settings, err := b.settings()
	if err == nil {
		err = b.server.ReloadOptions(settings)
	}
	if err != nil {
		b.invited = before
		return fmt.Errorf("take up invitations: %w", err)
	}
	b.opts.Log.Info("cluster invitations changed", "members", len(now))
	return nil
}

// watch reloads until ctx ends. Invite and Revoke work on the directory alone,
// from any process, so looking there once a second is the whole protocol.
func (b *broker) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		text := ""
		if err := b.reload(); err != nil {
			text = err.Error()
		}
		if text != "" && text != said {
			b.opts.Log.Error("cluster invitations", "error", text)
		}
		said = text
	}
}

// connect is the coordinator's own connection, which never leaves the process.
func (b *broker) connect(options []nats.Option) (*nats.Conn, error) {
	options = append(options, nats.InProcessServer(b.server), nats.Nkey(b.public, b.home.Sign))
	conn, err := nats.Connect("", options...)
	if err != nil {
		return nil, fmt.Errorf("embedded server: %w", err)
	}
	return conn, nil
}

// url is where members find the server, if its host is one they can dial.
func (b *broker) url() string {
	if a := b.server.Addr(); a != nil {
		return "tls://" + a.String()
	}
	return ""
}

func (b *broker) stop() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
	b.home.Wipe()
	b.lock.Close()
}
