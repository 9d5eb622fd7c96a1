// Models and requests, as rows. Texts are set as text, never as HTML.
import { size } from "./charts.js";

function cell(content, kind) {
  const td = document.createElement("td");
  if (kind) td.className = kind;
  td.append(content ?? "");
  return td;
}

function row(...cells) {
  const tr = document.createElement("tr");
  tr.append(...cells);
  return tr;
}

function none(text, columns) {
  const td = cell(text, "empty");
  td.colSpan = columns;
  return row(td);
}

function button(text, act) {
  const b = document.createElement("button");
  b.type = "button";
  b.textContent = text;
  b.onclick = async () => { b.disabled = true; await act(); };
  return b;
}

function part(done, whole) {
  const p = document.createElement("progress");
  p.max = Math.max(whole, 1);
  p.value = done;
  p.title = done + " of " + whole;
  return p;
}

const rate = n => n ? n.toFixed(1) : "";

export function requests(body, status, cancel) {
  const rows = (status.requests ?? []).map(r => row(
    cell(r.id), cell(r.model), cell(r.phase),
    cell(r.phase === "decode" ? r.prompt_tokens + " tokens" : part(r.read_tokens, r.prompt_tokens)),
    cell(r.generated_tokens ? r.generated_tokens + " tokens" : ""), cell(rate(r.tokens_per_second), "n"),
    cell(button("Cancel", () => cancel(r.id))),
  ));
  keep(body, rows.length ? rows : [none("Nothing is asked at the moment.", 7)]);
}

export function models(body, list, status, load, unload) {
  const running = new Map((status.models ?? []).map(m => [m.name, m]));
  const rows = list.map(m => {
    const r = running.get(m.name);
    const state = m.problem ? "cannot run: " + m.problem : r?.state === "loading" ? part(r.loaded, 1) : r?.state ?? "on disk";
    let act = "";
    if (status.admin && !m.problem) act = r ? button("Unload", () => unload(m.name)) : button("Load", () => load(m.name));
    return row(cell(m.name), cell(size(m.size), "n"), cell(state),
      cell(r?.hit_ratio ? (100 * r.hit_ratio).toFixed(1) + " %" : "", "n"), cell(rate(r?.tokens_per_second), "n"), cell(act));
  });
  keep(body, rows.length ? rows : [none("No models: moed pull fetches one.", 6)]);
}

// keep leaves the rows alone while a button in them is in use.
function keep(body, rows) {
  if (body.contains(document.activeElement) && document.activeElement.matches(":active")) return;
  const at = body.contains(document.activeElement) ? [...body.querySelectorAll("button")].indexOf(document.activeElement) : -1;
  body.replaceChildren(...rows);
  if (at >= 0) body.querySelectorAll("button")[at]?.focus();
}
