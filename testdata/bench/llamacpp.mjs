// One greedy run of llama.cpp, through the library inside the npm package node-llama-cpp, for comparison:
//   npm install --ignore-scripts node-llama-cpp@3.22.1
//   node llamacpp.mjs MODEL PROMPT_TOKENS TOKENS THREADS
// The prompt is the ids 0, 1, 2 and on, over and over from 156 (what routed files know). Prints one line of JSON with the keys
// of `moed bench`. Weights are mapped and not repacked, as they are in the file.
import {getLlama} from "node-llama-cpp";
const [,, modelPath, prompt, tokens, threads] = process.argv;
const llama = await getLlama({gpu: false, build: "never", logLevel: "error", maxThreads: +threads});
const model = await llama.loadModel({modelPath, useMmap: true, checkTensors: false});
const context = await model.createContext({contextSize: 1024, threads: +threads, batchSize: 512});
const ids = Array.from({length: +prompt}, (_, i) => i % 156);
const start = performance.now();
let first = 0, last = start;
const steps = [];
for await (const _ of context.getSequence().evaluate(ids, {temperature: 0})) {
    const now = performance.now();
    if (first === 0) first = now; else steps.push(now - last);
    last = now;
    if (steps.length + 1 >= +tokens) break;
}
steps.sort((a, b) => a - b);
console.log(JSON.stringify({
    prefill_tok_s: ids.length / (first - start) * 1000,
    decode_tok_s: steps.length / (last - first) * 1000,
    decode_p50_ms: steps[steps.length >> 1],
}));
process.exit(0);
