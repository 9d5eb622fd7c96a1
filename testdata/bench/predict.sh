#!/usr/bin/env bash
# predict.sh MODEL.gguf [PAIRS]: decode with and without reading ahead, in turn. MODEL is a routed file of mkrouted
# (its prompt is token 0 and on). Needs jq and a built ./moed.
# CASES= lines of: memory disk-rate, - for the disk as it is. TOKENS= how many are made. WALL= a command that takes a size
# and a command and runs it so; without it the budget alone bounds the memory.
# Prints CSV: a row per case, medians of the pairs; ratio is the median of each pair's.
set -euo pipefail
model=$1 pairs=${2:-20} moed=${MOED:-./moed} tokens=${TOKENS:-64}
prompt=$(seq -s, 0 27)
cases=${CASES:?lines of: memory disk-rate}
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
bench() { # ahead
  local disk=(); if [[ $rate != - ]]; then disk=(--disk-rate "$rate"); fi
  ${WALL:+$WALL "$size"} "$moed" bench "$model" --memory "$size" "${disk[@]}" --prompt-ids "$prompt" --tokens "$tokens" --ahead "$1" --json 2> "$work/err" \
    || { tail -2 "$work/err" >&2; exit 1; }
}
echo "memory,disk_rate,pairs,with_tok_s,without_tok_s,ratio,worst_ratio,with_bytes_per_token,without_bytes_per_token,precision,predict_ms"
while read -r size rate; do
  for ((i = 0; i < pairs; i++)); do
    if ((i % 2)); then bench 2 > "$work/w$i"; bench -1 > "$work/o$i"; else bench -1 > "$work/o$i"; bench 2 > "$work/w$i"; fi
  done
  jq -rn --arg m "$size" --arg r "$rate" --argjson n "$pairs" --slurpfile w <(cat "$work"/w*) --slurpfile o <(cat "$work"/o*) '
    def median: sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2;
    def round4: . * 10000 | round / 10000;
    [range($n)] | map($w[.].decode_tok_s / $o[.].decode_tok_s) as $ratios |
    [$m, $r, $n, ($w | map(.decode_tok_s) | median | round4), ($o | map(.decode_tok_s) | median | round4), ($ratios | median | round4),
     ($ratios | min | round4), ($w | map(.bytes_read_per_token) | median | round), ($o | map(.bytes_read_per_token) | median | round),
     ($w | map(.prefetched_useful / ([.prefetched_useful + .prefetched_wasted, 1] | max)) | median | round4),
     ($w | map(.predict_s * 1000 / .tokens) | median | round4)] | @csv' | tr -d '"'
  rm -f "$work"/[wo]*
done <<< "$cases"
