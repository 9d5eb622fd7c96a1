// Pictures: lines, the memory bar, and the heat-map of experts.

const colour = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

// fit gives a canvas as many pixels as the screen has for it.
function fit(canvas, height) {
  const scale = window.devicePixelRatio || 1, width = canvas.clientWidth;
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.style.height = height + "px";
  const c = canvas.getContext("2d");
  c.scale(scale, scale);
  return [c, width, height];
}

// line draws values from the right edge on, latest last, from 0 to most.
export function line(canvas, values, most) {
  const [c, width, height] = fit(canvas, 36);
  const top = Math.max(most ?? Math.max(...values, 0), 1e-9), step = width / 239;
  const x = i => width - (values.length - 1 - i) * step, y = v => height - 2 - (height - 4) * Math.min(v / top, 1);
  c.beginPath();
  values.forEach((v, i) => i ? c.lineTo(x(i), y(v)) : c.moveTo(x(i), y(v)));
  c.strokeStyle = colour("main");
  c.lineWidth = 1.5;
  c.lineJoin = "round";
  c.stroke();
  if (values.length < 2) return;
  c.lineTo(width, height);
  c.lineTo(x(0), height);
  c.globalAlpha = .12;
  c.fillStyle = colour("main");
  c.fill();
}

const names = { dense: "dense weights", experts: "experts", kv: "KV cache", prefix: "kept prompts", scratch: "scratch", heap: "rest" };

// bar shows what memory is used for, of the budget.
export function bar(element, list, memory, budget) {
  const parts = Object.keys(names).filter(kind => memory[kind] > 0);
  const whole = Math.max(budget.total, parts.reduce((sum, kind) => sum + memory[kind], 0), 1);
  element.replaceChildren(...parts.map(kind => {
    const span = document.createElement("span");
    span.className = kind;
    span.style.width = 100 * memory[kind] / whole + "%";
    return span;
  }));
  list.replaceChildren(...parts.map(kind => {
    const item = document.createElement("li");
    item.className = kind;
    item.textContent = names[kind] + " " + size(memory[kind]);
    return item;
  }));
  element.ariaLabel = "Memory: " + parts.map(kind => names[kind] + " " + size(memory[kind])).join(", ");
}

// heat draws a cell for each expert: a row for each layer, warmer the more it is
// used, pale where it is on flash.
export function heat(canvas, map) {
  const high = Math.max(3, Math.min(12, Math.floor(420 / map.layers)));
  const [c, width, height] = fit(canvas, high * map.layers);
  const wide = width / map.experts, gap = wide > 4 ? 1 : 0;
  const [cold, warm, hot] = ["cold", "warm", "hot"].map(name => rgb(colour(name)));
  for (let i = 0; i < map.heat.length; i++) {
    const base = map.resident[i] ? warm : cold;
    c.fillStyle = mix(base, hot, Math.pow(map.heat[i] / 255, 2) * (map.resident[i] ? .9 : .45));
    c.fillRect((i % map.experts) * wide, Math.floor(i / map.experts) * high, Math.max(wide - gap, .5), high - (high > 4 ? 1 : 0));
  }
}

// cellAt is the layer and expert under the pointer.
export function cellAt(canvas, map, event) {
  const box = canvas.getBoundingClientRect();
  const expert = Math.floor((event.clientX - box.left) / box.width * map.experts);
  const layer = Math.floor((event.clientY - box.top) / box.height * map.layers);
  return expert >= 0 && expert < map.experts && layer >= 0 && layer < map.layers ? { layer, expert, at: layer * map.experts + expert } : null;
}

const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
const mix = (a, b, t) => "rgb(" + a.map((v, i) => Math.round(v + (b[i] - v) * t)).join(" ") + ")";

// size is bytes for people, in powers of ten, as --memory takes them.
export function size(n) {
  for (const [unit, value] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (n >= value) return (n / value).toFixed(n >= 100 * value ? 0 : n >= 10 * value ? 1 : 2) + " " + unit;
  }
  return n + " B";
}
