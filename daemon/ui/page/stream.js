// What the daemon sends, as it arrives. EventSource cannot send a token, so
// streams are read with fetch.

export class Refused extends Error {
  constructor(status, text) { super(text); this.status = status; }
}

export class Daemon {
  constructor(token) { this.token = token; }

  // ask calls a path and returns the response, or throws Refused with the
  // daemon's own text.
  async ask(path, options = {}) {
    const headers = { Authorization: "Bearer " + this.token };
    if (options.body !== undefined) headers["Content-Type"] = "application/json";
    const response = await fetch(path, {
      ...options, headers, cache: "no-store", credentials: "omit",
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
    });
    if (response.ok) return response;
    let text = response.statusText;
    try { text = (await response.json()).error.message; } catch { /* not JSON: the status says it */ }
    throw new Refused(response.status, text);
  }

  // events yields {name, data} of a stream until it ends or the signal aborts.
  async *events(path, options = {}) {
    const response = await this.ask(path, options);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split(/\r?\n\r?\n/);
      rest = blocks.pop();
      for (const block of blocks) {
        const event = parse(block);
        if (event) yield event;
      }
    }
  }
}

// parse reads one event; null for a comment.
function parse(block) {
  let name = "", data = [];
  for (const line of block.split(/\r?\n/)) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
  return data.length ? { name, data: data.join("\n") } : null;
}
