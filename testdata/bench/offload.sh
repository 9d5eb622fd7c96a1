#!/usr/bin/env bash
# offload.sh MODEL.gguf PACKED.gguf [ROUNDS]: a model larger than its memory, inside a control group of that size that
# counts page cache too, from a cold page cache: layout, backend and memory in turn. MODEL is a routed file of mkrouted
# (its prompt is token 0 and on), PACKED the same through moed pack. Needs root, jq, cgroup v1 or v2 and a built ./moed.
# Prints CSV: 28 prompt tokens, then 127 decoded. WALL= a command that takes a size and a command and runs it so.
# CASES= lines of: size layout backend ahead.
set -euo pipefail
stock=$1 packed=$2 rounds=${3:-3} moed=${MOED:-./moed} wall=${WALL:?a command that runs SIZE COMMAND... inside a wall}
prompt=$(seq -s, 0 27)
cases=${CASES:-"8G stock direct 2
8G packed direct 2
8G stock direct -1
8G packed direct -1
8G stock buffered 2
8G stock mapped 2
4G stock direct 2
4G packed direct 2
4G stock direct -1
4G packed direct -1
4G stock buffered 2
4G stock mapped 2
2G stock direct 2
2G packed direct 2
2G stock direct -1
2G stock buffered 2"}
echo "memory,layout,backend,ahead,load_s,ttft_s,prefill_tok_s,decode_tok_s,decode_p50_ms,hit_ratio,late_ratio,bytes_read_per_token,belady_per_token,stall_s,disk_gb_s,arithmetic_ms,bound_tok_s,peak_rss,group_peak,group_failures"
for _ in $(seq "$rounds"); do
  while read -r size layout backend ahead; do
    file=$stock; if [[ $layout == packed ]]; then file=$packed; fi
    if ! $wall "$size" "$moed" bench "$file" --memory "$size" --prompt-ids "$prompt" --tokens 128 --backend "$backend" \
      --ahead "$ahead" --json > run.json 2> run.err; then echo "$size,$layout,$backend,$ahead,failed"; tail -2 run.err >&2; continue; fi
    group=$(sed -n 's/.*peak \([0-9]*\) .*\(failcnt\|max\) \([0-9]*\).*/\1 \3/p' run.err)
    jq -r --arg m "$size" --argjson a "$ahead" --arg g "$group" '[$m, .layout, .backend, $a, .load_s, .ttft_s, .prefill_tok_s,
      .decode_tok_s, .decode_p50_ms, .hit_ratio, .late_ratio, .bytes_read_per_token, .bytes_belady_per_token, .stall_s, .disk_gb_s,
      .arithmetic_ms_per_token, .bound_tok_s, .peak_rss_bytes] + ($g | split(" ") | map(tonumber))
      | map(if type == "number" then (. * 10000 | round / 10000) else . end) | @csv' run.json | tr -d '"'
  done <<< "$cases"
done
rm -f run.json run.err
