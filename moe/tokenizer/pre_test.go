package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/dlclark/regexp2/v2"
)

// The regular expressions that the hand-written cuts must equal.
const (
	wordsPattern = `(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|` +
		`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	gpt2Pattern  = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	suffix       = `(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?`
	casedPattern = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+` + suffix +
		`|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*` + suffix +
		`|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	deepseekPattern = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|" +
		`[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	eastPattern   = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
	kanaPattern   = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
	bloomPattern  = ` ?[^(\s|.,!?…。，、।۔،)]+`
	exaonePattern = `(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|` +
		`[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+`
	jaisPattern = `(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|` +
		`[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|` +
		`\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}`
	sparkPattern = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|" +
		`[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+`
)

// hanWords is the expression of Kimi K2, whose sets without Han are written here
// with a lookahead.
var hanWords = `\p{Han}+|` + strings.NewReplacer(
	`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, `(?:(?!\p{Han})[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])`,
	`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`, `(?:(?!\p{Han})[\p{Ll}\p{Lm}\p{Lo}\p{M}])`,
	`[\r\n/]`, `[\r\n]`).Replace(casedPattern)

// expressions are for each name the regular expressions that say the same.
var expressions = []struct {
	name  string
	exprs []string
}{
	{"llama-bpe", []string{wordsPattern}},
	{"qwen2", []string{strings.Replace(wordsPattern, `\p{N}{1,3}`, `\p{N}`, 1)}},
	{"bailingmoe", []string{`'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`}},
	{"qwen35", []string{`(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`}},
	{"seed-coder", []string{`(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+`}},
	{"ufakzeka", []string{`[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`}},
	{"laguna", []string{`[^\n]+|[\n]+`, strings.Replace(wordsPattern, `\p{N}{1,3}`, `\p{N}`, 1)}},
	{"minicpm5", []string{`\p{N}{1,3}`, strings.Replace(wordsPattern, `\p{N}{1,3}`, `\p{N}+`, 1)}},
	{"gpt-2", []string{gpt2Pattern}},
	{"starcoder", []string{`\p{N}`, gpt2Pattern}},
	{"falcon", []string{"[\\p{P}\\$\\+<=>\\^~\\|`]+", gpt2Pattern, `[0-9][0-9][0-9]`}},
	{"default", []string{`[\p{P}\$\+<=>\^~\|]+`, gpt2Pattern, `\p{N}+`, `[0-9][0-9][0-9]`}},
	{"deepseek-llm", []string{`[\r\n]`, `\s?[` + deepseekLetters + `]+`, "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", `\s+$`, eastPattern, `\p{N}+`}},
	{"deepseek-coder", []string{`[\r\n]`, `\s?\p{L}+`, `\s?\p{P}+`, eastPattern, `\p{N}`}},
	{"deepseek-v3", []string{`\p{N}{1,3}`, kanaPattern, deepseekPattern}},
	{"gpt-4o", []string{casedPattern}},
	{"tekken", []string{strings.Replace(strings.ReplaceAll(casedPattern, suffix, ``), `\p{N}{1,3}`, `\p{N}`, 1)}},
	{"kimi-k2", []string{hanWords}},
	{"youtu", []string{
		"[\uac00-\ud7a3\u3131-\u318e]+|[！…“”‘’—：；，\u3001-\u303f\ufe30-\ufe4f]+|[\u3105-\u312f]+|" + kanaPattern,
		strings.Replace(casedPattern, `\p{N}{1,3}`, `\p{N}`, 1)}},
	{"tiny_aya", []string{`\d{1,3}(?=(?:\d{3})*\b)`, casedPattern}},
	{"bloom", []string{bloomPattern}},
	{"viking", []string{bloomPattern, `\p{N}`}},
	{"superbpe", []string{`\p{N}+`, `(?=(\d{3})+(?!\d))`}},
	{"afmoe", []string{`\p{N}+`, `\p{N}{1,3}(?=(?:\p{N}{3})*$)`, `[` + asian + `]+`, deepseekPattern}},
	{"chameleon", []string{
		`<sentinel:[0-9]+>`, `(?:IMGIMG)(?:A|B|C|D|E|F|G|H|I){1,4}Z`, `[\t\n]|    |  `, `\p{N}`,
		"[\\p{P}!-/:-@\\[-`{-~]", gpt2Pattern}},
	{"exaone-moe", []string{exaonePattern}},
	{"jais-2", []string{jaisPattern}},
	{"spark2_5", []string{`\p{N}{1,3}`, kanaPattern, sparkPattern, `\p{N}`}},
}

// pool is what random texts are made of: traps for the expressions above.
var pool = []string{
	" ", " ", "  ", "   ", strings.Repeat(" ", 300), "\t", "\n", "\n\n", "\r", "\r\n", " \n", "\n ", "\u00a0", "\u3000", "\u2028", "\u0085", "\v",
	"'s", "'S", "'re", "'RE", "'vE", "'ll", "'L", "'", "''", "don't", "I'M", "a", "B", "Ab", "aB", "ABC", "hello", "World", "HTMLParser",
	"ǅ", "ʰ", "ñ", "É", "e\u0301", "\u0301", "\u0301\u0302", "ß", "ſ", "K", "Ω", "привет", "Привет", "ΑΒΓ", "שלום", "नमस्ते", "ไทย",
	"你好", "世界", "〇", "々", "一", "龥", "鿿", "ひらがな", "カタカナ", "한국어", "ㄱㄴ", "ㄅㄆ", "𐐀", "𝒳", "𠀀",
	"1", "12", "123", "1234567", "٣", "१२३", "½", "Ⅷ", "①", "3.14", "0x1F", ".", ",", "!", "?!", "...", "…", "-", "--", "_", "/", "//", "/\n",
	"(", ")", "[", "]", "{", "}", "<", ">", "=", "==", "+", "$", "^", "`", "|", "~", "\\", "\"", "#", "@", "&", "*", "%", ";", ":",
	"。", "，", "、", "।", "！", "「", "”", "—", "€", "→", "😀", "👩‍👩‍👧", "\u200d", "\ufe0f", "\ufffd", "\x00", "\x1b", "\u200b", "\xff", "\xe4\xbd", "\xf0\x9f",
	"func main() {\n\tx := 1\n}\n", "IMGIMGABZ", "<sentinel:12>", "https://a.b/c?d=1", "\ue000", "\U000e0100", "\U000f0000",
}

func randomText(rng *rand.Rand, parts int) string {
	var b strings.Builder
	for range parts {
		switch rng.IntN(12) {
		case 0:
			b.WriteRune(rune(rng.IntN(0x3000)))
		case 1:
			b.WriteRune(rune(rng.IntN(unicode.MaxRune)))
		case 2:
			b.WriteByte(byte(rng.IntN(256)))
		default:
			b.WriteString(pool[rng.IntN(len(pool))])
		}
	}
	return b.String()
}

func compiled(exprs []string) cuts {
	c := make(cuts, len(exprs))
	for i, e := range exprs {
		re := regexp2.MustCompile(e)
		c[i] = func(ends []int, s string) []int { return match(re, ends, s) }
	}
	return c
}

// match appends the ends of the matches in s and of what lies between.
func match(re *regexp2.Regexp, ends []int, s string) []int {
	runes, offsets := make([]rune, 0, len(s)), make([]int, 0, len(s)+1)
	for i, r := range s {
		runes, offsets = append(runes, r), append(offsets, i)
	}
	offsets = append(offsets, len(s))
	found, err := re.FindAllRunesIndex(runes, -1)
	if err != nil {
		panic(err)
	}
	gap := 0
	for _, m := range found {
		start, end := offsets[m[0]], offsets[m[1]]
		if start > gap {
			ends = append(ends, start)
		}
		if end > start {
			ends = append(ends, end)
		}
		gap = end
	}
	if gap < len(s) {
		ends = append(ends, len(s))
	}
	return ends
}

func pieces(s string, ends []int) []string {
	var out []string
	start := 0
	for _, end := range ends {
		out = append(out, s[start:end])
		start = end
	}
	return out
}

// sameCuts compares a cut with its expressions on one text.
func sameCuts(t *testing.T, name string, got, want cuts, text string) {
	t.Helper()
	if text == "" {
		return
	}
	a, b := pieces(text, got.split(new(work), text)), pieces(text, want.split(new(work), text))
	if strings.Join(a, "") != text {
		t.Fatalf("%s: pieces of %q do not add up: %q", name, text, a)
	}
	if !slices.Equal(a, b) {
		t.Fatalf("%s: %q\ngot  %q\nwant %q", name, text, a, b)
	}
}

func TestCutsEqualExpressions(t *testing.T) {
	for _, e := range expressions {
		t.Run(e.name, func(t *testing.T) {
			p, known := preFor(e.name)
			if !known {
				t.Fatal("unknown name")
			}
			want := compiled(e.exprs)
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range 3000 {
				sameCuts(t, e.name, p.cuts, want, randomText(rng, 1+i%24))
			}
		})
	}
}

func FuzzCuts(f *testing.F) {
	for _, s := range pool {
		f.Add(s)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		f.Add(randomText(rng, 10))
	}
	type both struct{ got, want cuts }
	all := make([]both, len(expressions))
	for i, e := range expressions {
		p, _ := preFor(e.name)
		all[i] = both{p.cuts, compiled(e.exprs)}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<12 {
			return
		}
		for i, e := range expressions {
			sameCuts(t, e.name, all[i].got, all[i].want, text)
		}
	})
}

func TestClassTable(t *testing.T) {
	for r := rune(0); r < tableEnd; r += 7 {
		if got, want := wide()[r], slowClass(r); got != want {
			t.Fatalf("class of %U is %b, want %b", r, got, want)
		}
	}
}
