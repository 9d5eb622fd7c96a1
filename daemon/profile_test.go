package daemon

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"moed/moe/stories"
	"moed/predictor/profile"
)

// TestMain keeps the profiles that tests leave away from the user's, and from
// each other: where they would lie there is a file.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "moed-state-*")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "moed"), nil, 0o600)
	}
	if err != nil {
		panic(err)
	}
	os.Setenv("XDG_STATE_HOME", dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// state gives the test a directory for profiles.
func state(t *testing.T) (dir string) {
	t.Helper()
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	return filepath.Join(os.Getenv("XDG_STATE_HOME"), "moed", "profiles")
}

// storyFile is the built-in model as a file.
func storyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stories.gguf")
	if err := os.WriteFile(path, stories.GGUF(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// told lets a model tell a story and closes it. It returns how many experts were
// missed, and how many read before they were wanted by anybody.
func told(t *testing.T, c Config, prompt string, tokens int) (missed, warmed int64) {
	t.Helper()
	e, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if e.usage != nil {
		<-e.usage.done
	}
	r := &Request{Prompt: prompt, MaxTokens: tokens, Sampling: Sampling{LogitBias: map[int32]float64{2047: -1000}}}
	if _, err := e.Generate(t.Context(), r, func(Piece) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if e.flash != nil {
		s := e.flash.store.Stats()
		total := s.Total()
		missed, warmed = total.Wanted-total.Hits-total.Late, s.Warmed
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if note := e.ProfileNote(); note != "" {
		t.Error(note)
	}
	return missed, warmed
}

// TestProfileWarms: with what other texts have used, a cold start misses fewer
// experts in its first tokens than without, whatever the policy.
func TestProfileWarms(t *testing.T) {
	state(t)
	for _, share := range []float64{0.3, 0.6, 1.5} {
		for _, policy := range []string{"", "lru"} {
			c := least(t, Config{Model: storyFile(t), Context: 256, Threads: 1, Flash: FlashConfig{Backend: "mapped", Ahead: -1, Policy: policy, Profile: NoProfile}}, share)
			without, none := told(t, c, "One day, a boy and his dog", 16)
			c.Flash.Profile = "stories"
			for _, prompt := range []string{"Once upon a time", "Lily had a red ball", "The sun was warm"} {
				told(t, c, prompt, 100)
			}
			with, warmed := told(t, c, "One day, a boy and his dog", 16)
			if none != 0 || warmed == 0 || with >= without || share > 1 && with > 0 || share == 0.6 && policy == "" && with > without*9/10 {
				t.Errorf("room for %v of the experts, policy %q: %d misses without a profile, %d with it and %d read before", share, policy, without, with, warmed)
			}
		}
	}
}

// TestProfileKept: what is kept is where it should be, for its user alone, and
// takes in run after run; runs of too few tokens, and those that do not want to,
// leave nothing.
func TestProfileKept(t *testing.T) {
	dir := state(t)
	files := func() []string {
		names, err := filepath.Glob(filepath.Join(dir, "*.profile"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	c := Config{Model: storyFile(t), Context: 256, Flash: quick}
	told(t, c, "Once upon a time", leastDecoded) // of which the last is not fed
	c.Flash.Profile = NoProfile
	told(t, c, "Once upon a time", 3*leastDecoded)
	told(t, Config{}, "Once upon a time", 3*leastDecoded) // the built-in model reads nothing
	if found := files(); len(found) != 0 {
		t.Fatalf("found %q, want none", found)
	}
	c.Flash.Profile = ""
	told(t, c, "Once upon a time", leastDecoded+1)
	told(t, c, "Once upon a time", leastDecoded+1)
	c.Flash.Profile = "Work_2-b"
	told(t, c, "Once upon a time", leastDecoded+1)
	found := files()
	if len(found) != 2 || filepath.Base(found[0]) != strings.TrimSuffix(filepath.Base(found[1]), ".profile")+"-Work_2-b.profile" &&
		strings.TrimSuffix(filepath.Base(found[0]), ".profile")+"-Work_2-b.profile" != filepath.Base(found[1]) {
		t.Fatalf("found %q, want one file, and one for the workload", found)
	}
	sessions := int64(0)
	for _, path := range found {
		p := readKept(t, path)
		sessions += p.Sessions
		if want := (leastDecoded + 5) * p.Sessions; p.Seen != want {
			t.Errorf("%s: %d tokens in %d runs, want %d", path, p.Seen, p.Sessions, want)
		}
		private(t, path, 0o600)
	}
	if sessions != 3 {
		t.Errorf("%d runs are kept, want 3", sessions)
	}
	private(t, dir, 0o700)
	if left, _ := filepath.Glob(filepath.Join(dir, ".new*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func private(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want && runtime.GOOS != "windows" {
		t.Errorf("%s has mode %v, want %v", path, got, want)
	}
}

func readKept(t *testing.T, path string) *profile.Profile {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := profile.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestProfileOfPacked: a packed model has the profile of the file that it was
// packed from, and another model has another.
func TestProfileOfPacked(t *testing.T) {
	model := func(path string) profile.Model {
		e := opened(t, Config{Model: path, Flash: quick})
		defer e.Close()
		m, err := modelOf(e.header, e.memory.footprint.Table)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	s := routed("qwen3moe")
	stock, packed := model(modelFile(t, s, "stock")), model(modelFile(t, s, "packed"))
	if !stock.Equal(&packed) {
		t.Errorf("stock %+v, packed %+v", stock, packed)
	}
	s.TopK = 2
	if other := model(modelFile(t, s, "stock")); other.Equal(&stock) || other.Fingerprint == stock.Fingerprint {
		t.Errorf("two models are both %+v", other)
	}
}

// TestProfileBroken: a profile that cannot be used is a note, and replaced.
func TestProfileBroken(t *testing.T) {
	dir := state(t)
	c := Config{Model: storyFile(t), Context: 256, Flash: quick}
	told(t, c, "Once upon a time", 40)
	found, err := filepath.Glob(filepath.Join(dir, "*.profile"))
	if err != nil || len(found) != 1 {
		t.Fatalf("found %q, error %v", found, err)
	}
	other, err := profile.New(profile.Model{Fingerprint: "another", Experts: []int{4}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func() error{
		"of another model": func() error { return writeProfile(found[0], other) },
		"cut off":          func() error { return os.Truncate(found[0], 100) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		e := opened(t, c)
		if notes := strings.Join(e.Notes(), "\n"); !strings.Contains(notes, found[0]) {
			t.Errorf("%s: the notes are %q, want one of %s", name, notes, found[0])
		}
		if _, err := e.Generate(t.Context(), &Request{Prompt: "Once upon a time", MaxTokens: 40}, func(Piece) error { return nil }); err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if p := readKept(t, found[0]); p.Sessions != 1 {
			t.Errorf("%s: %d runs, want the last alone", name, p.Sessions)
		}
	}
}

// TestProfileNotKept: where nothing can be written the answer is the same and
// Close does not fail, but there is a note.
func TestProfileNotKept(t *testing.T) {
	e := opened(t, Config{Model: storyFile(t), Context: 256, Flash: quick}) // TestMain has put a file in its way
	if _, err := e.Generate(t.Context(), &Request{Prompt: "Once upon a time", MaxTokens: 40}, func(Piece) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if note := e.ProfileNote(); !strings.Contains(note, "not kept") {
		t.Errorf("found note %q", note)
	}
}

// TestProfilesAtOnce: none of several runs that end at the same time is lost.
func TestProfilesAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "a.profile")
	m := profile.Model{Fingerprint: "a", Experts: []int{4}}
	var all sync.WaitGroup
	errs := make([]error, 12)
	for i := range errs {
		all.Go(func() {
			run, err := profile.New(m, time.Now())
			if err == nil {
				run.Sessions = 1
				run.Observe(0, 1, []int32{int32(i % 4)}, nil, nil)
				err = keepProfile(path, run, time.Now())
			}
			errs[i] = err
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if p := readKept(t, path); p.Sessions != 12 || p.Seen != 12 {
		t.Errorf("%d runs of %d tokens, want 12 of 12", p.Sessions, p.Seen)
	}
}

// TestCloseWhileWarming: a model can be closed, and its memory changed, at any
// moment of its warming.
func TestCloseWhileWarming(t *testing.T) {
	state(t)
	c := least(t, Config{Model: storyFile(t), Context: 256, Flash: quick}, 0.8)
	told(t, c, "Once upon a time", 60)
	for i := range 20 {
		e, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if err := e.Resize(c.Memory); err != nil {
				t.Error(err)
			}
		}
		if err := kept(e); err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if note := e.ProfileNote(); note != "" {
			t.Error(note)
		}
	}
}

func TestFlashConfigCheck(t *testing.T) {
	for _, c := range []FlashConfig{{Profile: "a b"}, {Profile: "../x"}, {Profile: strings.Repeat("a", 65)},
		{DiskRate: "fast"}, {DiskRate: "0"}, {DiskRate: "50%"}} {
		if err := (&Config{Flash: c}).Check(); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
	for _, c := range []FlashConfig{{Profile: "off"}, {Profile: "work-1_B"}, {DiskRate: "500M"}} {
		if err := (&Config{Flash: c}).Check(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestBenchProfile: a bench begins cold and leaves nothing, unless told to.
func TestBenchProfile(t *testing.T) {
	dir := state(t)
	o := BenchOptions{Config: least(t, Config{Model: storyFile(t), Context: 256, Flash: quick}, 0.5), Tokens: 40}
	bench := func() *BenchResult {
		r, err := Bench(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	cold := bench()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("found %v", left)
	}
	o.Flash.Profile = "bench"
	for range 2 {
		if warm := bench(); cold.Warmed != 0 || warm.Text != cold.Text {
			t.Errorf("%d experts read before they were wanted; texts %q, with a profile %q", cold.Warmed, cold.Text, warm.Text)
		}
	}
	kept, err := filepath.Glob(filepath.Join(dir, "*-bench.profile"))
	if err != nil || len(kept) != 1 || readKept(t, kept[0]).Sessions != 2 {
		t.Errorf("found %q, error %v, want one file of two runs", kept, err)
	}
}

// TestBenchThrottled: the bound on the disk is kept and told.
func TestBenchThrottled(t *testing.T) {
	c := least(t, Config{Model: modelFile(t, routed("olmoe"), "stock"), Context: 256, Flash: FlashConfig{DiskRate: "20M"}}, 0.3)
	r, err := Bench(t.Context(), BenchOptions{Config: c, PromptIDs: []int32{70, 71}, Tokens: 2})
	if err != nil {
		t.Fatal(err)
	}
	if r.Throttled != 0.02 || r.DiskRate > 0.0201 {
		t.Errorf("found %v GB/s, throttled to %v, want at most 0.02", r.DiskRate, r.Throttled)
	}
}
