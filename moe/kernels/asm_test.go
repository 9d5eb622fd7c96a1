package kernels

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The generator takes registers that AVX2 does not have when it runs short, and
// an instruction in the old SSE form costs hundreds of cycles between AVX ones.
func TestAssemblyIsAVX2(t *testing.T) {
	files, err := filepath.Glob("*_amd64.s")
	if err != nil || len(files) == 0 {
		t.Fatalf("no assembly found: %v", err)
	}
	tooNew := regexp.MustCompile(`\b([XY](1[6-9]|2\d|3[01])|Z\d+|K[0-7])\b`)
	vector := regexp.MustCompile(`\b[XY]\d+\b`)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var last string
		var vectors bool // the function at hand has used vector registers
		for i, line := range strings.Split(string(text), "\n") {
			line, _, _ = strings.Cut(line, "//")
			if tooNew.MatchString(line) {
				t.Errorf("%s:%d: register beyond AVX2: %s", name, i+1, line)
			}
			op := strings.TrimSpace(line)
			if strings.HasPrefix(op, "TEXT") {
				vectors = false
			}
			if vector.MatchString(line) {
				vectors = true
				if !strings.HasPrefix(op, "V") {
					t.Errorf("%s:%d: not a VEX instruction: %s", name, i+1, line)
				}
			}
			if op == "RET" && vectors && last != "VZEROUPPER" {
				t.Errorf("%s:%d: return without VZEROUPPER", name, i+1)
			}
			if op != "" {
				last = op
			}
		}
	}
}
