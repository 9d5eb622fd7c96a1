// What is known of the daemon: its latest status, rates of the last minutes, and
// the experts of each model.

const kept = 240; // two a second: two minutes

export class State {
  status = null;
  rates = [];
  hits = [];
  flash = [];
  experts = new Map(); // by model: {layers, experts, heat, resident}

  take(event) {
    const value = JSON.parse(event.data);
    if (event.name === "status") this.takeStatus(value);
    if (event.name === "experts") this.takeExperts(value);
  }

  takeStatus(status) {
    this.status = status;
    push(this.rates, status.totals.tokens_per_second);
    push(this.hits, status.totals.hit_ratio);
    push(this.flash, status.totals.flash_bytes_per_second);
    const loaded = new Set((status.models ?? []).map(m => m.name));
    for (const name of this.experts.keys()) if (!loaded.has(name)) this.experts.delete(name);
  }

  // takeExperts takes a whole map, or the places of it that have changed.
  takeExperts(e) {
    const heat = bytes(e.heat), resident = bytes(e.resident);
    if (!e.at) {
      this.experts.set(e.model, { layers: e.layers, experts: e.experts, heat, resident });
      return;
    }
    const whole = this.experts.get(e.model);
    if (!whole) return;
    e.at.forEach((place, i) => { whole.heat[place] = heat[i]; whole.resident[place] = resident[i]; });
  }
}

function push(list, value) {
  list.push(value ?? 0);
  if (list.length > kept) list.shift();
}

const bytes = base64 => Uint8Array.from(atob(base64), c => c.charCodeAt(0));
