package cluster

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/nats-io/nkeys"
)

const (
	largestInvitation = 64 << 10
	keySuffix         = ".nkey"
)

// Invitation is what a host joins with. Of an external NATS it is written by
// hand: URLs, and one of a seed, or a user and a password.
type Invitation struct {
	Version  int      `json:"moed_invitation"` // 1
	Name     string   `json:"name"`
	URLs     []string `json:"urls"`
	CA       string   `json:"ca,omitempty"`     // certificates (PEM) trusted for these URLs; "": the system's
	Server   string   `json:"server,omitempty"` // name to verify in the certificate; "": the URL's host
	Direct   bool     `json:"direct,omitempty"` // TLS from the first byte, as the embedded server speaks it
	Seed     string   `json:"seed,omitempty"`   // nkey of the user
	User     string   `json:"user,omitempty"`
	Password string   `json:"password,omitempty"`

	creds []byte // a NATS .creds file instead of all this
}

// ParseInvitation reads an invitation's text, or that of a NATS .creds file.
func ParseInvitation(b []byte) (*Invitation, error) {
	if len(b) > largestInvitation {
		return nil, fmt.Errorf("invitation: over %d bytes", largestInvitation)
	}
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("-----BEGIN NATS USER JWT-----")) {
		return &Invitation{Version: 1, creds: bytes.Clone(b)}, nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var v Invitation
	if err := d.Decode(&v); err != nil {
		// The decoder's own text may quote the file, which holds a secret.
		return nil, errors.New("invitation: not a file that moed cluster invite wrote")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("invitation: text after its end")
	}
	return &v, v.check()
}

func (v *Invitation) check() error {
	if v.Version != 1 {
		return fmt.Errorf("invitation: version %d, this moed reads 1", v.Version)
	}
	if v.Name != "" {
		if err := checkName(v.Name); err != nil {
			return fmt.Errorf("invitation: %w", err)
		}
	}
	if len(v.URLs) > 64 {
		return errors.New("invitation: over 64 URLs")
	}
	for _, u := range v.URLs {
		if _, err := parseURL(u); err != nil {
			return fmt.Errorf("invitation: %w", err)
		}
	}
	if v.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(v.CA)) {
		return errors.New("invitation: no certificate in its ca")
	}
	if v.Seed != "" {
		if v.User != "" || v.Password != "" {
			return errors.New("invitation: both a seed and a user")
		}
		pair, err := nkeys.FromSeed([]byte(v.Seed))
		if err != nil {
			return errors.New("invitation: its seed is not an nkey")
		}
		public, err := pair.PublicKey()
		if err != nil || !nkeys.IsValidPublicUserKey(public) {
			return errors.New("invitation: its seed is not a user's")
		}
	}
	if v.Direct && v.CA == "" {
		return errors.New("invitation: direct needs a ca")
	}
	return nil
}

func readInvitation(path string) (*Invitation, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("invitation: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("invitation %s: others may read it; chmod 600 it", path)
	}
	if info.Size() > largestInvitation {
		return nil, fmt.Errorf("invitation %s: over %d bytes", path, largestInvitation)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("invitation: %w", err)
	}
	v, err := ParseInvitation(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

// JSON is the invitation's text, which ParseInvitation reads: a secret.
func (v *Invitation) JSON() []byte {
	if v.creds != nil {
		return bytes.Clone(v.creds)
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // strings and numbers only
	}
	return append(b, '\n')
}

// Write makes the file path, which only its owner may read, and fails if it is
// there already.
func (v *Invitation) Write(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write the invitation: %w", err)
	}
	_, err = f.Write(v.JSON())
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		os.Remove(path)
		return fmt.Errorf("write the invitation: %w", err)
	}
	return nil
}

// Invite makes a key for the host called name, authorises it in dir, and
// returns its invitation, the only copy of that key. The URLs are where the host will find the embedded server, tls://host:port. A
// coordinator that runs on dir takes it up within a second. ErrInvited if the
// name has one.
func Invite(dir, name string, urls []string) (*Invitation, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if len(urls) == 0 {
		return nil, errors.New("an invitation needs the coordinator's URL, tls://host:port")
	}
	for _, text := range urls {
		if u, err := parseURL(text); err != nil {
			return nil, err
		} else if u.Scheme != "tls" || u.User != nil {
			return nil, fmt.Errorf("the coordinator's URL %s: must be tls://host:port", u.Redacted())
		}
	}
	a, err := openAuthority(dir)
	if err != nil {
		return nil, err
	}
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, fmt.Errorf("key for %s: %w", name, err)
	}
	defer pair.Wipe()
	seed, err := pair.Seed()
	if err != nil {
		return nil, fmt.Errorf("key for %s: %w", name, err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("key for %s: %w", name, err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "invited"), 0o700); err != nil {
		return nil, fmt.Errorf("invite %s: %w", name, err)
	}
	err = writeNew(keyFile(dir, name), []byte(public+"\n"))
	if errors.Is(err, fs.ErrExist) {
		err = ErrInvited
	}
	if err != nil {
		return nil, fmt.Errorf("invite %s: %w", name, err)
	}
	return &Invitation{Version: 1, Name: name, URLs: slices.Clone(urls), CA: string(a.pem),
		Server: serverName, Direct: true, Seed: string(seed)}, nil
}

// Revoke withdraws the invitation of the host called name. A coordinator that
// runs on dir disconnects it within a second. ErrUnknown if there is none.
func Revoke(dir, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	err := os.Remove(keyFile(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrUnknown
	}
	if err != nil {
		return fmt.Errorf("revoke %s: %w", name, err)
	}
	return nil
}

func keyFile(dir, name string) string { return filepath.Join(dir, "invited", name+keySuffix) }
