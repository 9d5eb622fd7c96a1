package tokenizer

// pre is how the texts of one family of vocabularies are cut.
type pre struct {
	cuts   cuts
	whole  bool // a piece that is a token is that token, whatever the merges say
	addBOS bool // where the file does not say
}

// preFor finds the pre-tokenizer that a file names, or the default and false. The
// names are those that llama.cpp gives in tokenizer.ggml.pre.
func preFor(name string) (pre, bool) {
	switch name {
	case "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano":
		return pre{cuts: wordCuts(3), whole: true, addBOS: true}, true
	case "glm4", "chatglm-bpe", "dbrx", "smaug-bpe":
		return pre{cuts: wordCuts(3)}, true
	case "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2",
		"bailingmoe", "bailingmoe2", "llada-moe":
		return pre{cuts: wordCuts(1)}, true
	case "qwen35":
		return pre{cuts: cuts{each((&words{contractions: true, letters: letter | mark, digits: 1, tail: true}).next)}}, true
	case "seed-coder":
		return pre{cuts: cuts{each((&words{contractions: true, letters: letter, digits: 1}).next)}}, true
	case "ufakzeka":
		return pre{cuts: cuts{each((&words{letters: letter, digits: 1, tail: true}).next)}}, true
	case "laguna":
		return pre{cuts: append(cuts{lines}, wordCuts(1)...)}, true
	case "minicpm5":
		return pre{cuts: append(cuts{upTo(3, number)}, wordCuts(0)...), whole: true}, true
	case "gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum",
		"modern-bert", "jina-v1-en", "jina-v2-code", "roberta-bpe", "exaone4", "mpt", "olmo", "jais", "trillion",
		"granite-docling":
		return pre{cuts: cuts{each(gpt2)}}, true
	case "starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2":
		return pre{cuts: cuts{single(number), each(gpt2)}}, true
	case "deepseek-llm":
		return pre{cuts: deepseekLLM()}, true
	case "deepseek-coder":
		return pre{cuts: deepseekCoder()}, true
	case "deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4":
		return pre{cuts: deepseekV3()}, true
	}
	return rarePre(name)
}

// rarePre is preFor for the rest.
func rarePre(name string) (pre, bool) {
	switch name {
	case "gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2":
		return pre{cuts: casedCuts(cased{contractions: true, digits: 3, slash: true})}, true
	case "granite-embed-multi-97m":
		return pre{cuts: casedCuts(cased{contractions: true, digits: 3, slash: true}), whole: true}, true
	case "tekken":
		return pre{cuts: casedCuts(cased{digits: 1, slash: true}), whole: true, addBOS: true}, true
	case "kimi-k2":
		return pre{cuts: casedCuts(cased{contractions: true, digits: 3, han: true})}, true
	case "youtu":
		first := runsOfAny("\uac00-\ud7a3\u3131-\u318e", "！…“”‘’—：；，\u3001-\u303f\ufe30-\ufe4f", "\u3105-\u312f",
			"\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff")
		return pre{cuts: append(cuts{first}, casedCuts(cased{contractions: true, digits: 1, slash: true})...), whole: true}, true
	case "tiny_aya", "cohere2moe":
		return pre{cuts: append(cuts{isolatedDigits}, casedCuts(cased{contractions: true, digits: 3, slash: true})...)}, true
	case "falcon":
		return pre{cuts: cuts{runs(punct, "$+<=>^~|`"), each(gpt2), triples}}, true
	case "bloom", "gpt3-finnish", "poro-chat":
		return pre{cuts: cuts{isolate(bloom)}}, true
	case "viking":
		return pre{cuts: cuts{isolate(bloom), single(number)}}, true
	case "superbpe":
		return pre{cuts: cuts{runs(number, ""), thousands}}, true
	case "afmoe":
		return pre{cuts: cuts{fromRight, asian(), isolate(deepseekWord)}}, true
	case "chameleon":
		return pre{cuts: chameleon(), addBOS: true}, true
	case "exaone-moe":
		return pre{cuts: cuts{each(exaoneMoE)}}, true
	case "jais-2":
		return pre{cuts: append(wordCuts(3), powers)}, true
	case "spark2_5":
		return pre{cuts: append(deepseekV3()[:2], isolate(sparkWord), single(number))}, true
	}
	return pre{cuts: cuts{runs(punct, "$+<=>^~|"), each(gpt2), runs(number, ""), triples}}, name == "default" || name == ""
}

func wordCuts(digits int) cuts {
	return cuts{each((&words{contractions: true, letters: letter, digits: digits, tail: true}).next)}
}

func casedCuts(r cased) cuts { return cuts{each(r.next)} }
