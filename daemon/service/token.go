package service

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Token lets its bearer call over TCP. What is kept of it does not let anybody
// in.
type Token struct {
	Name  string            `json:"name"`
	Admin bool              `json:"admin"`
	Sum   [sha256.Size]byte `json:"-"` // SHA-256 of the secret
}

// Tokens are those of one file, by name.
type Tokens []Token

var tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// NewToken makes a token and the secret that its bearer sends, which is nowhere
// else.
func NewToken(name string, admin bool) (t Token, secret string, err error) {
	if !tokenName.MatchString(name) {
		return t, "", fmt.Errorf("token name %q: want letters, digits, dots, dashes and underscores, 64 at most", name)
	}
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	secret = "moed_" + base64.RawURLEncoding.EncodeToString(random[:])
	return Token{Name: name, Admin: admin, Sum: sha256.Sum256([]byte(secret))}, secret, nil
}

// ReadTokens reads a file of tokens, one a line: its name, the digits of its sum,
// and admin where it is an administrator's. There are none where there is no
// file. A file that others may read or write is refused.
func ReadTokens(path string) (Tokens, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := private(info); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	tokens, err := parseTokens(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tokens, nil
}

func parseTokens(r io.Reader) (tokens Tokens, err error) {
	scan := bufio.NewScanner(io.LimitReader(r, largest))
	for n := 1; scan.Scan(); n++ {
		fields := strings.Fields(scan.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		t, err := parseToken(fields)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if tokens.Find(t.Name) >= 0 {
			return nil, fmt.Errorf("line %d: another token %s", n, t.Name)
		}
		tokens = append(tokens, t)
	}
	return tokens, scan.Err()
}

// parseToken reads one line. What it says of errors has nothing of a sum in it,
// for somebody may have written the secret there.
func parseToken(fields []string) (t Token, err error) {
	if !tokenName.MatchString(fields[0]) {
		return t, errors.New("the name of a token has letters, digits, dots, dashes and underscores, 64 at most")
	}
	t.Name = fields[0]
	if len(fields) == 3 && fields[2] == "admin" {
		t.Admin = true
		fields = fields[:2]
	}
	if len(fields) != 2 || len(fields[1]) != hex.EncodedLen(len(t.Sum)) {
		return t, fmt.Errorf("token %s: want its name, the 64 digits of its SHA-256, and admin or nothing", t.Name)
	}
	if _, err := hex.Decode(t.Sum[:], []byte(fields[1])); err != nil {
		return t, fmt.Errorf("token %s: its sum has something else than digits", t.Name)
	}
	return t, nil
}

// Find is the place of one of that name, or -1.
func (ts Tokens) Find(name string) int {
	return slices.IndexFunc(ts, func(t Token) bool { return t.Name == name })
}

// Text is what the file of tokens has.
func (ts Tokens) Text() []byte {
	var b strings.Builder
	for _, t := range ts {
		fmt.Fprintf(&b, "%s %x", t.Name, t.Sum)
		if t.Admin {
			b.WriteString(" admin")
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}
