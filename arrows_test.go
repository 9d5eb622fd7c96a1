// Package moed_test holds what is true of the module as a whole.
package moed_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "moed/"

// arrows lists, for each package, what it may import of ours. Tests may import
// more; a package that is not here may import nothing of ours and must be
// added before it is written.
func arrows() map[string][]string {
	moe := []string{"moe/gguf", "moe/ggml", "moe/tokenizer", "moe/chat", "moe/kernels", "moe/expert"}
	return map[string][]string{
		"cli/moed": {"cli"},
		"cli": {"daemon", "daemon/api", "daemon/cluster", "daemon/service", "daemon/socket", "daemon/systemd",
			"placement", "predictor/trace", "flashio", "offload/budget", "moe", "moe/gguf",
			"cli/fetch", "cli/logbook", "cli/schema", "cli/screen", "cli/template", "cli/userdir"},
		"cli/fetch":    {"moe/gguf"},
		"cli/logbook":  nil,
		"cli/schema":   nil,
		"cli/screen":   {"daemon/api"},
		"cli/template": nil,
		"cli/userdir":  nil,

		"daemon/service":   {"daemon", "daemon/api", "daemon/server", "daemon/socket", "daemon/cluster", "daemon/team", "offload/budget"},
		"daemon/team":      {"daemon", "daemon/cluster", "offload/hosts", "placement"},
		"daemon/server":    {"daemon", "daemon/api", "daemon/web", "daemon/openai", "daemon/ollama", "daemon/llamacpp", "daemon/anthropic", "daemon/ui"},
		"daemon/openai":    {"daemon", "daemon/web"},
		"daemon/ollama":    {"daemon", "daemon/web"},
		"daemon/llamacpp":  {"daemon", "daemon/web"},
		"daemon/anthropic": {"daemon", "daemon/web"},
		"daemon/ui":        nil,
		"daemon/web":       {"daemon", "offload/budget"},
		"daemon/api":       nil,
		"daemon/socket":    nil,
		"daemon/systemd":   nil,
		"daemon/prefix":    nil,
		"daemon/cluster":   nil,
		"daemon": append([]string{"daemon/prefix", "moe", "moe/sample", "moe/sample/grammar", "moe/chat/reply", "moe/stories",
			"offload", "offload/hosts", "offload/policy", "offload/budget", "flashio", "flashio/bundle",
			"predictor", "predictor/trace", "predictor/cost", "predictor/path", "predictor/profile", "offload/policy/tinylfu", "placement"}, moe...),

		"moe":                moe,
		"moe/moetest":        {"moe/ggml", "moe/gguf"},
		"moe/expert":         {"moe/kernels", "moe/ggml"},
		"moe/gguf":           {"moe/ggml"},
		"moe/kernels":        {"moe/ggml"},
		"moe/ggml":           nil,
		"moe/tokenizer":      nil,
		"moe/chat":           {"moe/chat/jinja"},
		"moe/chat/jinja":     nil,
		"moe/chat/reply":     {"moe/tokenizer"},
		"moe/sample":         nil,
		"moe/sample/grammar": nil,
		"moe/stories":        nil,

		"offload":                {"flashio", "flashio/bundle", "offload/policy", "predictor/cost", "moe/expert", "moe/kernels", "moe/ggml"},
		"offload/hosts":          {"moe/expert", "moe/ggml", "moe/kernels"},
		"offload/policy":         nil,
		"offload/policy/tinylfu": {"offload/policy"},
		"offload/budget":         nil,
		"predictor":              {"moe/expert", "moe/kernels", "moe/ggml"},
		"predictor/cost":         nil,
		"predictor/path":         nil,
		"predictor/profile":      nil,
		"predictor/trace":        nil,
		"placement":              nil,
		"flashio":                nil,
		"flashio/bundle":         {"moe/ggml"},
		"flashio/flashtest":      {"flashio"},
	}
}

// TestArrows reads the imports of every file, whatever its build tags, and
// compares them with the table. Arrows point down only; without this test they
// would not stay so.
func TestArrows(t *testing.T) {
	allowed := arrows()
	found := map[string]bool{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); file != "." && (name == "testdata" || name[0] == '_' || name[0] == '.') {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		pkg := path.Dir(filepath.ToSlash(file))
		found[pkg] = true
		may, known := allowed[pkg]
		if !known {
			t.Errorf("%s: package %s is not in the table of arrows", file, pkg)
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			ours, is := strings.CutPrefix(name, module)
			if is && !slices.Contains(may, ours) {
				t.Errorf("%s imports %s; %s may import %v", file, ours, pkg, may)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range allowed {
		if !found[pkg] {
			t.Errorf("package %s is in the table of arrows but has no files", pkg)
		}
	}
}

// TestArrowsPointDown: the table itself has no cycle.
func TestArrowsPointDown(t *testing.T) {
	allowed := arrows()
	state := map[string]int{} // 1 while it is being visited, 2 after
	var visit func(pkg string)
	visit = func(pkg string) {
		if state[pkg] == 1 {
			t.Errorf("the table lets %s import itself", pkg)
		}
		if state[pkg] != 0 {
			return
		}
		state[pkg] = 1
		for _, to := range allowed[pkg] {
			visit(to)
		}
		state[pkg] = 2
	}
	for pkg := range allowed {
		visit(pkg)
	}
}
