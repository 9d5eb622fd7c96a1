package service

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func TestTokens(t *testing.T) {
	a, secret, err := NewToken("laptop", false)
	if err != nil {
		t.Fatal(err)
	}
	if a.Sum != sha256.Sum256([]byte(secret)) || len(secret) < 40 {
		t.Errorf("the sum is not that of %q", secret)
	}
	b, other, err := NewToken("desk", true)
	if err != nil || other == secret {
		t.Fatalf("another one: %v", err)
	}
	path := filepath.Join(t.TempDir(), "tokens")
	if got, err := ReadTokens(path); err != nil || len(got) != 0 {
		t.Errorf("no file: %v, %v", got, err)
	}
	want := Tokens{a, b}
	text := want.Text()
	if bytes.Contains(text, []byte(secret)) {
		t.Error("the file lets its reader in")
	}
	if err := os.WriteFile(path, append([]byte("# ours\n\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadTokens(path); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadTokens(path); err == nil || !strings.Contains(err.Error(), "0600") {
		t.Errorf("a file that all may read: %v", err)
	}
}

func TestNewTokenNames(t *testing.T) {
	for _, name := range []string{"", "a b", "-x", "ä", strings.Repeat("x", 65), "a\nb"} {
		if _, _, err := NewToken(name, false); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}

// TestParseTokensKeepsSecrets: somebody may have written the secret itself where
// the sum belongs, or before the name.
func TestParseTokensKeepsSecrets(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	for _, line := range []string{"laptop moed_SECRET", "moed_SECRET= laptop", "laptop " + sum + " moed_SECRET", "laptop moed_SECRET" + sum[11:],
		"a " + sum + "\na " + sum, "laptop"} {
		_, err := parseTokens(strings.NewReader(line))
		if err == nil {
			t.Errorf("%q was taken", line)
		} else if strings.Contains(err.Error(), "SECRET") || !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// FuzzParseTokens: what is read is the same when written and read again.
func FuzzParseTokens(f *testing.F) {
	f.Add("laptop " + strings.Repeat("ab", 32) + " admin\n# x\n")
	f.Add("a b c d\n")
	f.Fuzz(func(t *testing.T, text string) {
		tokens, err := parseTokens(strings.NewReader(text))
		if err != nil {
			return
		}
		again, err := parseTokens(bytes.NewReader(tokens.Text()))
		if err != nil || !reflect.DeepEqual(again, tokens) {
			t.Errorf("%q: %v, then %v, %v", text, tokens, again, err)
		}
	})
}
