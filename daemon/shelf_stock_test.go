package daemon

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moed/moe/stories"
)

// copyOf puts a golden model into dir under a name.
func copyOf(t *testing.T, model, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(golden, model+".gguf"))
	if err != nil {
		t.Fatal(err)
	}
	return written(t, filepath.Join(dir, name), data)
}

func written(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func names(infos []ModelInfo) (list []string) {
	for _, i := range infos {
		list = append(list, i.Name)
	}
	return list
}

func TestList(t *testing.T) {
	dir, second, elsewhere := t.TempDir(), t.TempDir(), t.TempDir()
	copyOf(t, "olmoe-Q4_K_M", dir, "b.gguf")
	copyOf(t, "qwen3moe-Q4_0", second, "b.gguf") // the first of a name counts
	copyOf(t, "qwen3moe-Q4_0", second, "c.gguf")
	copyOf(t, "olmoe-Q4_K_M", dir, "split-00001-of-00002.gguf")
	copyOf(t, "olmoe-Q4_K_M", dir, "split-00002-of-00002.gguf")
	written(t, filepath.Join(dir, "bad.gguf"), []byte("GGUF and nothing else"))
	for _, name := range []string{".hidden.gguf", "notes.txt", "a\nb.gguf", ".gguf"} {
		written(t, filepath.Join(dir, name), []byte("x"))
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.gguf"), 0o700); err != nil {
		t.Fatal(err)
	}
	outside := copyOf(t, "olmoe-Q4_K_M", elsewhere, "outside.gguf")
	if err := os.Symlink(outside, filepath.Join(dir, "link.gguf")); err != nil {
		t.Skip(err) // a system that has none
	}
	if err := os.Symlink("b.gguf", filepath.Join(dir, "inside.gguf")); err != nil {
		t.Fatal(err)
	}
	s := shelf(t, ShelfOptions{Dirs: []string{dir, second, filepath.Join(dir, "none")}})
	infos := s.List()
	if want := []string{"b", "bad", "c", "inside", "link", "split-00001-of-00002", stories.Name}; !slices.Equal(names(infos), want) {
		t.Fatalf("found %q, want %q", names(infos), want)
	}
	for i, want := range []string{"", "bad.gguf", "", "", "leads out of its directory", "", ""} {
		if got := infos[i].Problem; (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: problem %q, want %q", infos[i].Name, got, want)
		}
	}
	for _, name := range []string{"link", "bad"} {
		if _, err := s.Acquire(t.Context(), name, LoanOptions{}); !errors.As(err, new(*RequestError)) {
			t.Errorf("%s: found %v, want a RequestError", name, err)
		}
	}
	// What is known is not read again, and what is new shows.
	written(t, filepath.Join(dir, "bad.gguf"), []byte("GGUF and something else"))
	copyOf(t, "olmoe-Q4_K_M", dir, "new.gguf")
	again := s.List()
	if len(again) != len(infos)+1 || again[0].Report != infos[0].Report {
		t.Errorf("found %q; the first was read again: %v", names(again), again[0].Report != infos[0].Report)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"Qwen3.gguf", "qwen:7b.gguf", "twin.gguf", "Twin.gguf"} {
		copyOf(t, "olmoe-Q4_K_M", dir, name)
	}
	s := shelf(t, ShelfOptions{Dirs: []string{dir}, Default: "qwen:7b"})
	for name, want := range map[string]string{
		"": "qwen:7b", "Qwen3": "Qwen3", "Qwen3:latest": "Qwen3", "Qwen3.gguf": "Qwen3", "Qwen3.gguf:latest": "Qwen3",
		"qwen3": "Qwen3", "QWEN3.GGUF": "Qwen3", "qwen3:LATEST": "Qwen3", "qwen:7b": "qwen:7b", "QWEN:7B:latest": "qwen:7b",
		"twin": "twin", "Twin": "Twin", stories.Name: stories.Name, stories.Name + ":latest": stories.Name,
	} {
		if got, err := s.Find(name); err != nil || got.Name != want {
			t.Errorf("%q: found %q, %v, want %q", name, got.Name, err, want)
		}
	}
	for _, name := range []string{"TWIN", "Qwen3:7b", "qwen", "./Qwen3", "../" + filepath.Base(dir) + "/Qwen3.gguf", filepath.Join(dir, "Qwen3.gguf"),
		"..", ".", "/", "Qwen3\x00", `.\Qwen3`, strings.Repeat("x", 100_000)} {
		got, err := s.Find(name)
		var none *NoModelError
		if !errors.As(err, &none) || none.Name != name || len(none.Near) == 0 {
			t.Errorf("%.40q: found %q, %v, want a NoModelError with others", name, got.Name, err)
		}
	}
	var none *NoModelError
	if _, err := s.Find("qwen3-30b"); !errors.As(err, &none) || none.Near[0] != "Qwen3" {
		t.Errorf("%v: the nearest is not first", err)
	}
}

// FuzzFind: no name finds a model that is called otherwise.
func FuzzFind(f *testing.F) {
	for _, name := range []string{"", "a", "A:latest", "b.gguf", "../a", "a/b", "a\x00"} {
		f.Add(name)
	}
	models := []stocked{{name: "A"}, {name: "a"}, {name: "b.c"}, {name: "b:7b"}}
	f.Fuzz(func(t *testing.T, name string) {
		m, err := pick(models, name)
		bare := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(name), ":latest"), ending)
		if err == nil && strings.ToLower(m.name) != bare && m.name != name {
			t.Errorf("%q finds %q", name, m.name)
		}
		if err != nil && !errors.As(err, new(*NoModelError)) {
			t.Errorf("%q: %v", name, err)
		}
	})
}

func TestDefault(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	copyOf(t, "olmoe-Q4_K_M", one, "a.gguf")
	copyOf(t, "olmoe-Q4_K_M", two, "b.gguf")
	for _, test := range []struct {
		o    ShelfOptions
		want string
	}{
		{ShelfOptions{}, stories.Name},
		{ShelfOptions{Dirs: []string{one}}, "a"},
		{ShelfOptions{Dirs: []string{one, two}}, stories.Name},
		{ShelfOptions{Dirs: []string{one, two}, Default: "B"}, "b"},
		{ShelfOptions{Dirs: []string{one}, Default: "c"}, ""},
	} {
		if got, err := shelf(t, test.o).Find(""); got.Name != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%+v: found %q, %v, want %q", test.o, got.Name, err, test.want)
		}
	}
}

func TestShelfOptions(t *testing.T) {
	file := written(t, filepath.Join(t.TempDir(), "x"), nil)
	for name, o := range map[string]ShelfOptions{
		"a file for a directory": {Dirs: []string{file}},
		"memory":                 {Engine: Config{Memory: "much"}},
		"threads":                {Engine: Config{Threads: -1}},
	} {
		if s, err := NewShelf(o); err == nil {
			s.Close()
			t.Errorf("%s: no error", name)
		}
	}
}

// TestDigest: by the checksum beside the file where that is of this file, else by
// its header and size.
func TestDigest(t *testing.T) {
	dir := t.TempDir()
	path := copyOf(t, "olmoe-Q4_K_M", dir, "a.gguf")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	s := shelf(t, ShelfOptions{Dirs: []string{dir}})
	digest := func() string {
		t.Helper()
		i, err := s.Find("a")
		if err != nil {
			t.Fatal(err)
		}
		return i.Digest
	}
	header := digest()
	whole := fmt.Sprintf("%x", sha256.Sum256([]byte("whole")))
	for i, test := range []struct {
		manifest string
		used     bool
	}{
		{fmt.Sprintf(`{"version":1,"size":%d,"chunk":67108864,"sha256":"%s","chunks":["%s"]}`, info.Size(), whole, whole), true},
		{fmt.Sprintf(`{"version":1,"size":%d,"sha256":"%s"}`, info.Size()+1, whole), false},
		{fmt.Sprintf(`{"version":2,"size":%d,"sha256":"%s"}`, info.Size(), whole), false},
		{fmt.Sprintf(`{"version":1,"size":%d,"sha256":"../%s"}`, info.Size(), whole[3:]), false},
		{"{", false},
		{"", false},
	} {
		written(t, path+".moed", []byte(test.manifest))
		at := info.ModTime().AddDate(0, 0, i+1)
		if err := os.Chtimes(path+".moed", at, at); err != nil {
			t.Fatal(err)
		}
		want := header
		if test.used {
			want = "sha256:" + whole
		}
		if got := digest(); got != want {
			t.Errorf("%s: found %s, want %s", test.manifest, got, want)
		}
	}
	// A header that is the same of a file that is longer is another.
	if other, err := headerDigest(strings.NewReader("header and more"), 6, 15); err != nil || len(other) != len(header) {
		t.Fatal(other, err)
	} else if longer, _ := headerDigest(strings.NewReader("header and more."), 6, 16); other == longer {
		t.Error("two sizes have one digest")
	}
}

func TestDescribe(t *testing.T) {
	s := shelf(t, ShelfOptions{Dirs: []string{golden}})
	for name, want := range map[string]string{"qwen3moe-Q4_K_M": "Q4_K_M", "gpt-oss-MXFP4_MOE": "MXFP4_MOE", "qwen3moe-small-F32": "F32", stories.Name: "Q8_0"} {
		i, err := s.Find(name)
		if err != nil || i.Quantization != want || i.Problem != "" || i.Report == nil || i.Report.Sizes.File != i.Size {
			t.Errorf("%s: found %+v, %v, want %s", name, i, err, want)
		}
	}
}

func TestCapabilities(t *testing.T) {
	tests := []struct {
		template string
		tokens   []string
		want     string
	}{
		{"", nil, "completion"},
		{"{% for m in messages %}{{ m.content }}{% endfor %}", nil, "completion"},
		{"{% if tools %}{{ tools }}{% endif %}<think>", nil, "completion tools thinking"},
		{"", []string{"<think>"}, "completion thinking"},
		{"", []string{"<|channel|>"}, "completion"},
		{"", []string{"<|channel|>", "<|message|>"}, "completion thinking"},
		{"", []string{"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"}, "completion insert"},
		{"", []string{"[PREFIX]", "[SUFFIX]"}, "completion insert"},
	}
	for _, test := range tests {
		none := func(string) bool { return false }
		if got := strings.Join(capable(test.template, test.tokens, none), " "); got != test.want {
			t.Errorf("%q %q: found %s, want %s", test.template, test.tokens, got, test.want)
		}
	}
}
