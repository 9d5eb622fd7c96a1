package tokenizer

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/dlclark/regexp2/v2"
)

// Parts of the expressions below.
const (
	apostrophes = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
	rest        = `\s*[\r\n]+|\s+(?!\S)|\s+`
	words1      = `[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|` + rest
	words3      = `[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|` + rest
	small       = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	marked      = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|" + `[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+`
	upperSet    = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
	lowerSet    = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
)

// camel is a word that may end before a capital, with contractions as its end.
func camel(end string) string {
	if end != "" {
		end += "?"
	}
	return `[^\r\n\p{L}\p{N}]?` + upperSet + `*` + lowerSet + `+` + end + `|[^\r\n\p{L}\p{N}]?` + upperSet + `+` + lowerSet + `*` + end
}

// published are the regular expressions of the makers of the models, applied one
// after the other, for the names of tokenizer.ggml.pre that mean them.
var published = []struct {
	names string
	exprs []string
}{
	{"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano dbrx smaug-bpe glm4 chatglm-bpe",
		[]string{apostrophes + `|` + words3}},
	{"qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2",
		[]string{apostrophes + `|` + words1}},
	{"bailingmoe bailingmoe2 llada-moe",
		[]string{`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`}},
	{"qwen35",
		[]string{apostrophes + `|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|` + rest}},
	{"jais-2",
		[]string{apostrophes + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|` +
			`\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}`}},
	{"seed-coder",
		[]string{apostrophes + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|` + rest}},
	{"ufakzeka", []string{words1}},
	{"laguna", []string{`[^\n]+|[\n]+`, apostrophes + `|` + words1}},
	{"minicpm5",
		[]string{`\p{N}{1,3}`, apostrophes + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|` + rest}},
	{"exaone-moe",
		[]string{apostrophes + `|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+`}},
	{"gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de jina-v1-en jina-v2-code gigachat a.x-4.0 mellum modern-bert " +
		"roberta-bpe exaone4 mpt olmo jais trillion granite-docling",
		[]string{small}},
	{"starcoder refact command-r smollm codeshell exaone minerva-7b mellum2", []string{`\p{N}`, small}},
	{"falcon", []string{"[\\p{P}\\$\\+<=>\\^~\\|`]+", small, `[0-9][0-9][0-9]`}},
	{"default", []string{`[\p{P}\$\+<=>\^~\|]+`, small, `\p{N}+`, `[0-9][0-9][0-9]`}},
	{"chameleon",
		[]string{`<sentinel:[0-9]+>`, `(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z`, `([\t\n]|    |  )`, `\p{N}`, "[\\p{P}!-/:-@\\[-`{-~]", small}},
	{"deepseek-llm",
		[]string{`[\r\n]`, `\s?[` + deepseekLetters + `]+`, `\s?[!-/:-~！-／：-～‘-‟　-。]+`, `\s+$`, `[一-龥ࠀ-一가-퟿]+`, `\p{N}+`}},
	{"deepseek-coder", []string{`[\r\n]`, `\s?\p{L}+`, `\s?\p{P}+`, `[一-龥ࠀ-一가-퟿]+`, `\p{N}`}},
	{"deepseek-v3 hunyuan-dense joyai-llm hy_v4",
		[]string{`\p{N}{1,3}`, `[一-龥぀-ゟ゠-ヿ]+`, marked + `| ?[\p{P}\p{S}]+[\r\n]*|` + rest}},
	{"spark2_5",
		[]string{`\p{N}{1,3}`, `[一-龥぀-ゟ゠-ヿ]+`, marked + `| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+`, `\p{N}`}},
	{"afmoe", // the first two say in the language of this engine: digits by three from the right
		[]string{`\p{Nd}+`, `\p{Nd}{1,3}(?=(?:\p{Nd}{3})*$)`,
			`(?:[\u4E00-\u9FFF\u3040-\u309F\u30A0-\u30FF\u3400-\u4DBF\uF900-\uFAFF\uFF65-\uFF9F\u2F00-\u2FDF]+|[\u0E00-\u0E7F]+|` +
				`[\u0E80-\u0EFF]+|[\u1780-\u17FF]+|[\u1000-\u109F\uAA60-\uAA7F\uA9E0-\uA9FF]+|[\uAC00-\uD7AF\u1100-\u11FF]+)`,
			marked + `| ?[\p{P}\p{S}]+[\r\n]*|` + rest}},
	{"gpt-4o llama4 kanana2 talkie minimax-m2 granite-embed-multi-97m",
		[]string{camel(apostrophes) + `|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|` + rest}},
	{"tekken", []string{camel("") + `|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|` + rest}},
	{"youtu",
		[]string{`[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+`,
			camel(apostrophes) + `|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|` + rest}},
	{"tiny_aya cohere2moe", // (?! ... ) stands for \b behind a digit, which this engine defines otherwise
		[]string{`\d{1,3}(?=(?:\d{3})*(?![\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}Ⓐ-ⓩ🄰-🅉🅐-🅩🅰-🆉]))`,
			camel(apostrophes) + `|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|` + rest}},
	{"kimi-k2", // (?!\p{Han}) stands for the intersection with [^\p{Han}], which this engine lacks
		[]string{`[\p{Han}]+|` + strings.NewReplacer(upperSet, `(?:(?!\p{Han})`+upperSet+`)`, lowerSet, `(?:(?!\p{Han})`+lowerSet+`)`).
			Replace(camel(apostrophes)) + `|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|` + rest}},
	{"superbpe", []string{`\p{N}+`, `(?=(\d{3})+(?!\d))`}},
	{"bloom poro-chat gpt3-finnish", []string{` ?[^(\s|.,!?…。，、।۔،)]+`}},
	{"viking", []string{` ?[^(\s|.,!?…。，、।۔،)]+`, `\p{N}`}},
}

// oracle is a pre-tokenizer made of regular expressions.
type oracle []*regexp2.Regexp

// oracles are those of published, in its order.
var oracles = sync.OnceValue(func() []oracle {
	all := make([]oracle, len(published))
	for i, p := range published {
		for _, e := range p.exprs {
			all[i] = append(all[i], regexp2.MustCompile(e, regexp2.OptionMaxBacktrackingStackSize(-1)))
		}
	}
	return all
})

// split returns the pieces of s. A byte that is no UTF-8 is one character, U+FFFD.
func (o oracle) split(t *testing.T, s string) []string {
	parts := []string{s}
	for _, re := range o {
		var next []string
		for _, part := range parts {
			next = append(next, isolated(t, re, part)...)
		}
		parts = next
	}
	return parts
}

// isolated are the matches of re in s and what lies between them.
func isolated(t *testing.T, re *regexp2.Regexp, s string) []string {
	var offsets []int
	var runes []rune
	for i, r := range s {
		offsets, runes = append(offsets, i), append(runes, r)
	}
	offsets = append(offsets, len(s))
	var parts []string
	gap := 0
	found, err := re.FindAllRunesIndex(runes, -1)
	for _, m := range found {
		start, end := offsets[m[0]], offsets[m[1]]
		if start > gap {
			parts = append(parts, s[gap:start])
		}
		if end > start {
			parts = append(parts, s[start:end])
		}
		gap = end
	}
	if err != nil {
		t.Fatal(err)
	}
	if gap < len(s) {
		parts = append(parts, s[gap:])
	}
	return parts
}

// scanned are the pieces of s by the hand-written functions.
func scanned(t *testing.T, c cuts, s string) []string {
	t.Helper()
	if s == "" {
		return nil
	}
	var parts []string
	start := 0
	for _, end := range c.split(new(work), s) {
		if end <= start || end > len(s) {
			t.Fatalf("piece of %q from %d to %d", s, start, end)
		}
		parts = append(parts, s[start:end])
		start = end
	}
	if start != len(s) {
		t.Fatalf("pieces of %q end at %d, want %d", s, start, len(s))
	}
	return parts
}

// compare holds the scanner of one family against its expressions.
func compare(t *testing.T, i int, c cuts, s string) {
	t.Helper()
	got, want := scanned(t, c, s), oracles()[i].split(t, s)
	if s != "" && !slices.Equal(got, want) {
		k := 0
		for k < len(got) && k < len(want) && got[k] == want[k] {
			k++
		}
		t.Fatalf("%s: pieces differ from number %d on\ngot  %.300q\nwant %.300q", published[i].names, k, got[k:], want[k:])
	}
}

// eachFamily runs f for each of published, with the cuts of its first name.
func eachFamily(t *testing.T, f func(t *testing.T, i int, c cuts)) {
	for i, p := range published {
		name, _, _ := strings.Cut(p.names, " ")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := preFor(name)
			f(t, i, p.cuts)
		})
	}
}

func TestScannersOnVectors(t *testing.T) {
	data, err := os.ReadFile("../../testdata/tokenizers/ggml-vocab-qwen2.gguf.inp")
	if err != nil {
		t.Fatal(err)
	}
	eachFamily(t, func(t *testing.T, i int, c cuts) {
		compare(t, i, c, string(data))
		for _, s := range strings.Split(string(data), "\n__ggml_vocab_test__\n") {
			compare(t, i, c, s)
		}
	})
}

func TestScannersOnSource(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d source files, %v", len(files), err)
	}
	if testing.Short() {
		files = files[:4]
	}
	var b strings.Builder
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(data)
	}
	eachFamily(t, func(t *testing.T, i int, c cuts) { compare(t, i, c, b.String()) })
}

// TestScannersOnCharacters compares at each border between two classes of
// characters, so that no range of any table is left out.
func TestScannersOnCharacters(t *testing.T) {
	var texts []string
	var b strings.Builder
	last := class(0)
	for r := rune(1); r <= unicode.MaxRune; r++ {
		c := slowClass(r)
		if c == last || r >= 0xd800 && r < 0xe000 {
			continue
		}
		last = c
		for _, x := range []rune{r - 1, r} {
			for _, frame := range []string{"a_", "_a", " _", "_ ", "1_1", "A__b", "._\n", "_'s"} {
				b.WriteString(strings.ReplaceAll(frame, "_", string(x)))
			}
		}
		if b.Len() > 4000 {
			texts = append(texts, b.String())
			b.Reset()
		}
	}
	texts = append(texts, b.String())
	eachFamily(t, func(t *testing.T, i int, c cuts) {
		for k, s := range texts {
			if testing.Short() && k%8 != 0 {
				continue
			}
			compare(t, i, c, s)
		}
	})
}

// alphabets are what random texts are made of. Characters of one alphabet often
// follow each other, as in real text.
var alphabets = []string{
	"abcdefstvrmlld", "ABCDSTVRML", "aAbBsS", "0123456789", "٣४½Ⅷ①〇", "     ", " \t\n\r\v\f\u00a0\u0085\u2028\u3000", "\r\n",
	"'sStTrReEvVmMlLdDſ", ".,!?-_/\\()[]{}<>", "$+=^`|~#@&*%;:\"", "éñßÉÑЖжΩωǅʰªſK", "\u0301\u0302\u093f\u20dd", "世界一龥鿿々丏㐀豈",
	"ひらがなカタカナ・ー", "한국어ㄱㅎㅏ", "ㄅㄆ", "نعرपाठไทยลาวខ្មែရ", "。，、।！「」”—…：", "😀👍🏽👩‍👧€→∑", "\u200b\u200c\u200d\ufeff\x00\x1b\ufffd", "\ue000\U000e0100\U000f0000\U0003ffff𠀀𐐀𝒳",
}

func randomScripts(rng *rand.Rand, parts int) string {
	var b strings.Builder
	for range parts {
		if rng.IntN(16) == 0 {
			b.WriteByte(byte(0x80 + rng.IntN(0x80)))
			continue
		}
		chars := []rune(alphabets[rng.IntN(len(alphabets))])
		for range 1 + rng.IntN(5)*rng.IntN(3) {
			b.WriteRune(chars[rng.IntN(len(chars))])
		}
	}
	return b.String()
}

func TestScannersOnRandomText(t *testing.T) {
	rounds := 2000
	if testing.Short() {
		rounds = 300
	}
	eachFamily(t, func(t *testing.T, i int, c cuts) {
		rng := rand.New(rand.NewPCG(5, uint64(i)))
		for k := range rounds {
			compare(t, i, c, randomScripts(rng, 1+k%20))
		}
	})
}

func TestNamesOfOneFamilyCutTheSame(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	text := randomScripts(rng, 2000)
	for _, p := range published {
		names := strings.Fields(p.names)
		first, _ := preFor(names[0])
		for _, name := range names {
			other, known := preFor(name)
			if !known {
				t.Errorf("%s is not known", name)
			}
			if !slices.Equal(scanned(t, first.cuts, text), scanned(t, other.cuts, text)) {
				t.Errorf("%s cuts otherwise than %s", name, names[0])
			}
		}
	}
	unknown, known := preFor("no-such-name")
	fallback, _ := preFor("default")
	if known || !slices.Equal(scanned(t, unknown.cuts, text), scanned(t, fallback.cuts, text)) {
		t.Error("an unknown name is not cut by default")
	}
}

// TestLongRuns guards against work that grows with the square of the text.
func TestLongRuns(t *testing.T) {
	units := []string{
		" ", "\n", " \n", "\r\n", "\u00a0", "a", "A", "Aa", "a ", "1", "٣", "1a", ".", "/\n", "'s", "ª", "\u0301", "世", "か", "\xff", "\x00", " \x00",
		"\U000f0000", "😀", "|", "IMGIMGA", "<sentinel:1", "a\u0301",
	}
	var texts []string
	for _, u := range units {
		run := strings.Repeat(u, 1<<17/len(u))
		texts = append(texts, run)
		if len(u) == 1 {
			texts = append(texts, "ª"+run+"x", "<sentinel:"+run+"\n")
		}
	}
	w := new(work)
	for _, p := range published {
		name, _, _ := strings.Cut(p.names, " ")
		p, _ := preFor(name)
		for _, s := range texts {
			start := time.Now()
			p.cuts.split(w, s)
			if d := time.Since(start); d > 2*time.Second {
				t.Errorf("%s: %.12q... of %d bytes took %v", name, s, len(s), d)
			}
		}
	}
}

func FuzzScanners(f *testing.F) {
	rng := rand.New(rand.NewPCG(9, 10))
	for k := range 100 {
		f.Add(randomScripts(rng, 1+k%12))
	}
	for _, a := range alphabets {
		f.Add(a)
	}
	all := make([]cuts, len(published))
	for i, p := range published {
		name, _, _ := strings.Cut(p.names, " ")
		p, _ := preFor(name)
		all[i] = p.cuts
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 1<<10 {
			return
		}
		for i, c := range all {
			compare(t, i, c, s)
		}
	})
}

func BenchmarkScanners(b *testing.B) {
	data, err := os.ReadFile("../../LICENSE")
	if err != nil {
		b.Fatal(err)
	}
	prose := strings.Repeat(string(data), 1<<20/len(data))
	for _, name := range []string{"qwen2", "llama-bpe", "gpt-2", "gpt-4o", "tekken", "deepseek-llm", "deepseek-v3", "kimi-k2", "default"} {
		p, _ := preFor(name)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(prose)))
			w := new(work)
			for b.Loop() {
				p.cuts.split(w, prose)
			}
		})
	}
}
