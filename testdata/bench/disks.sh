#!/usr/bin/env bash
# Decode speed with experts on one, two and four disks that are made equally slow
# (moed bench --disk-rate, for each file by itself), placed by moed place and dealt
# in turn. Prints testdata/bench/disks.csv. The directories may lie on one disk that
# is faster than all of them together.
#
#   testdata/bench/disks.sh MODEL.gguf MEMORY RATE
set -euo pipefail
cd "$(dirname "$0")/../.."
model=$(realpath "$1") memory=$2 rate=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 go build -o "$work/moed" ./cli/moed
moed=$work/moed
ln "$model" "$work/model.gguf" 2>/dev/null || cp "$model" "$work/model.gguf"
export XDG_DATA_HOME=$work/data XDG_CONFIG_HOME=$work/config
"$moed" trace record "$work/model.gguf" -o "$work/t.trace" --tokens 160 --raw > /dev/null 2>&1

devices() { # N
	echo "devices:"
	for i in $(seq "$1"); do
		mkdir -p "$work/disk$i"
		echo "  - {name: disk$i, path: $work/disk$i, rate: ${rate}B/s, latency: 100us}"
	done
}
for n in 2 4; do
	devices $n > "$work/$n.yaml"
	"$moed" place "$work/model.gguf" --trace "$work/t.trace" --devices "$work/$n.yaml" -o "$work/placed$n.json" > "$work/$n.txt"
	python3 - "$work/placed$n.json" "$n" > "$work/dealt$n.json" << 'P'
import json, sys
f = json.load(open(sys.argv[1]))
f["assignment"] = [[[e % int(sys.argv[2])] for e in range(len(l))] for l in f["assignment"]]
json.dump(f, sys.stdout)
P
done

layout() { # NAME
	rm -f "$work"/model.gguf.disks.json "$work"/disk*/*
	[ "$1" = one ] || "$moed" pack --plan "$work/$1.json" "$work/model.gguf" > /dev/null 2>&1
}
run() { "$moed" bench "$work/model.gguf" --memory "$memory" --disk-rate "$rate" --prompt-tokens 16 --tokens 64 --json 2> /dev/null; }

echo "# testdata/bench/disks.sh $(basename "$1") $memory $rate; tokens per second are medians of three, the layouts in turn; bytes and hits of the second"
for round in 1 2 3; do
	for l in one dealt2 placed2 dealt4 placed4; do
		layout $l
		run > "$work/$l.$round.out"
	done
done
python3 - "$work" << 'P'
import json, statistics, sys
print("layout,tokens per second,of one disk,MB read per token,hit ratio")
base = None
for name, l in [("one disk", "one"), ("two, dealt in turn", "dealt2"), ("two, placed", "placed2"), ("four, dealt in turn", "dealt4"), ("four, placed", "placed4")]:
    runs = [json.load(open(f"{sys.argv[1]}/{l}.{r}.out")) for r in (1, 2, 3)]
    rate = statistics.median(r["decode_tok_s"] for r in runs)
    base = base or rate
    r = runs[1]
    print(f'"{name}",{rate:.2f},{rate/base:.2f},{r["bytes_read_per_token"]/1e6:.1f},{r["hit_ratio"]:.3f}')
P
