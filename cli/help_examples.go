package cli

// examples are command lines that the help of a command shows, by its path.
func examples() map[string]string {
	return map[string]string{
		"prompt": `moed "Once upon a time" --max-tokens 40
git diff | moed -m qwen3-30b -s "You review code." "Find the bug"
moed "two dogs" --schema-multi "name, age int, bio: a sentence"
moed -f notes.txt "Summarize this" -o temperature 0.2 -u
moed -c "Shorter"`,
		"chat": `moed chat -m qwen3-30b -s "Answer in French."
moed chat -c`,
		"models": `moed models
moed models default qwen3-30b
moed models options set qwen3-30b temperature 0.6`,
		"templates": `moed -s "Summarize this in $about words" --save summary
moed -t summary < article.txt`,
		"logs": `moed logs -n 1 -r
moed logs -q "blue sky" --json
moed logs purge --older 30d`,
		"fragments": `moed fragments set style style.txt
moed -f style -f chapter.txt "Does it follow the style?"`,
		"aliases": `moed aliases set fast -q qwen3 -q q4_k_m
moed -m fast "hello"`,
		"schemas": `moed schemas dsl "name, age int, bio: a sentence"
moed "a dog" --schema "name, age int"
moed logs --schema "name, age int" --data -n 0`,
		"tools": `moed tools
moed -T weather "Do I need a coat in Oslo?" --td`,
		"inspect": `moed inspect qwen3-30b.gguf
moed show qwen3-30b`,
		"plan": `moed plan qwen3-30b.gguf --memory 8G
moed plan qwen3-30b.gguf --memory 4G --ctx 8192 --json`,
		"bench": `moed bench
moed bench qwen3-30b.gguf --memory 4G --prompt-tokens 512 --tokens 64`,
		"place": `moed place qwen3-30b.gguf --trace qwen3-30b.trace --devices disks.yaml -o plan.json --svg plan.svg
moed place --trace qwen3-30b.trace --devices boxes.yaml --simulate --hosts 1,2,3,4,8
moed place --measure /mnt/disk1 /mnt/disk2 -o disks.yaml`,
		"pull": `moed pull https://example.org/qwen3-30b.gguf
moed pull /media/stick/qwen3-30b.gguf --name qwen`,
		"verify": `moed verify
moed verify qwen3-30b --repair https://example.org/qwen3-30b.gguf`,
		"serve": `moed serve --memory 8G --keep-alive 30m
moed serve --listen tcp://127.0.0.1:11435 --listen unix:///run/user/1000/moed/moed.sock`,
		"service": `sudo moed service install --now
moed service install --user --now`,
		"token": `moed token create editor
moed token revoke editor`,
		"load": `moed load qwen3-30b --keep-alive forever --wait`,
		"top":  `moed top --once --json`,
	}
}
