#!/usr/bin/env bash
# versus-llamacpp.sh MODEL.gguf [PAIRS]: moed and llama.cpp in turn on the same file, 2 threads, all weights in RAM.
# Needs a built ./moed and, in the current folder, node-llama-cpp (see llamacpp.mjs). Each pair runs a prompt of 512
# tokens with 2 decoded, and one of 8 with 64 decoded. Prints CSV: medians of the steps, tokens per second.
set -euo pipefail
here=$(dirname "$0") model=$1 pairs=${2:-5} moed=${MOED:-./moed}
ids() { seq 0 $(($1 - 1)) | awk '{print $1 % 156}' | paste -sd,; }
cat "$model" > /dev/null # into the page cache
echo "engine,prefill_512_tok_s,decode_p50_ms,decode_tok_s"
row() { jq -r -s --arg engine "$1" '[$engine, .[0].prefill_tok_s, .[1].decode_p50_ms, .[1].decode_tok_s] | @csv'; }
cmp -s "$here/llamacpp.mjs" llamacpp.mjs || cp "$here/llamacpp.mjs" .
for _ in $(seq "$pairs"); do
  { $moed bench "$model" --ctx 1024 --prompt-ids "$(ids 512)" --tokens 2 --threads 2 --json
    $moed bench "$model" --ctx 1024 --prompt-ids "$(ids 8)" --tokens 64 --threads 2 --json; } | row moed
  { node llamacpp.mjs "$model" 512 2 2; node llamacpp.mjs "$model" 8 64 2; } | row llama.cpp
done
