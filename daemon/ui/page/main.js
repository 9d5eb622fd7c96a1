import { Daemon, Refused } from "./stream.js";
import { State } from "./state.js";
import { bar, cellAt, heat, line, size } from "./charts.js";
import * as tables from "./tables.js";
import { Chat } from "./chat.js";

const $ = id => document.getElementById(id);
const kept = "moed token";

// A token in the fragment is taken out of the address before anything else.
const brought = new URLSearchParams(location.hash.slice(1)).get("token");
if (brought) {
  sessionStorage.setItem(kept, brought);
  history.replaceState(null, "", location.pathname);
}

const state = new State();
let daemon = null, list = [], known = "";

function ask(text = "") {
  $("refused").textContent = text;
  $("board").hidden = $("leave").hidden = true;
  $("ask").hidden = false;
  $("token").focus();
}

$("ask").onsubmit = event => {
  event.preventDefault();
  sessionStorage.setItem(kept, $("token").value.trim());
  $("token").value = "";
  connect();
};

$("leave").onclick = () => {
  sessionStorage.removeItem(kept);
  location.reload();
};

// connect watches the daemon until the token is refused; a daemon that is away
// may come back.
async function connect() {
  const token = sessionStorage.getItem(kept);
  if (!token) return ask();
  daemon = new Daemon(token);
  $("ask").hidden = true;
  new Chat(daemon, $("talk"), $("say"), $("prompt"), $("send"));
  for (;;) {
    try {
      for await (const event of daemon.events("/moed/v1/events")) {
        live("connected", "live");
        state.take(event);
        if (event.name === "status") await refresh();
        draw();
      }
    } catch (error) {
      if (error instanceof Refused && (error.status === 401 || error.status === 403)) {
        sessionStorage.removeItem(kept);
        return ask(error.message);
      }
    }
    live("connection lost, trying again", "lost");
    await new Promise(done => setTimeout(done, 1000));
  }
}

function live(text, kind) {
  $("state").textContent = text;
  $("state").className = kind;
}

// refresh asks for the list of models where what is loaded has changed.
async function refresh() {
  const now = (state.status.models ?? []).map(m => m.name + m.state).join();
  if (now === known && list.length) return;
  known = now;
  list = (await (await daemon.ask("/moed/v1/models")).json()).models ?? [];
}

async function act(path, options) {
  try { await daemon.ask(path, options); } catch (error) { live(error.message, "lost"); }
  known = "";
}

const post = (path, body) => act(path, { method: "POST", body });

function draw() {
  const s = state.status;
  if (!s) return;
  $("board").hidden = $("leave").hidden = false;
  $("version").textContent = s.version;
  $("rate").value = s.totals.tokens_per_second.toFixed(1);
  $("hits").value = state.experts.size ? (100 * s.totals.hit_ratio).toFixed(1) + " %" : "–";
  $("flash").value = (s.totals.flash_bytes_per_second / 1e6).toFixed(0);
  $("underway").value = (s.requests ?? []).length;
  $("others").textContent = s.others ? "and " + s.others + " of others" : "";
  line($("rates"), state.rates);
  line($("hitline"), state.hits, 1);
  line($("flashline"), state.flash);
  $("used").textContent = size(s.budget.used) + " of " + size(s.budget.total);
  bar($("bar"), $("parts"), s.memory, s.budget);
  tables.requests($("requestrows"), s, id => post("/moed/v1/cancel", { id }));
  tables.models($("modelrows"), list, s, model => post("/moed/v1/load", { model }), model => post("/moed/v1/unload", { model }));
  drawExperts();
}

// drawExperts shows the chosen model's map, or the only one.
function drawExperts() {
  const names = [...state.experts.keys()], pick = $("which");
  $("noexperts").hidden = names.length > 0;
  $("heat").parentElement.hidden = names.length === 0;
  pick.parentElement.hidden = names.length < 2;
  if ([...pick.options].map(o => o.value).join() !== names.join()) pick.replaceChildren(...names.map(name => new Option(name)));
  const map = state.experts.get(pick.value || names[0]);
  if (!map) return;
  heat($("heat"), map);
  const there = map.resident.reduce((n, r) => n + r, 0);
  $("resident").textContent = there + " of " + map.resident.length + " in memory";
}

$("heat").onpointermove = event => {
  const map = state.experts.get($("which").value || state.experts.keys().next().value);
  const at = map && cellAt($("heat"), map, event);
  $("cell").value = at ? "layer " + at.layer + ", expert " + at.expert + (map.resident[at.at] ? ", in memory" : ", on flash") : "";
};
$("heat").onpointerleave = () => { $("cell").value = ""; };
window.addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

connect();
