// A small chat, over the same interface that programs use.

export class Chat {
  constructor(daemon, talk, form, input, send) {
    Object.assign(this, { daemon, talk, input, send, messages: [], abort: null });
    form.onsubmit = event => { event.preventDefault(); this.abort ? this.abort.abort() : this.say(input.value); };
  }

  line(kind, text = "") {
    const p = document.createElement("p");
    p.className = kind;
    p.textContent = text;
    this.talk.append(p);
    this.talk.scrollTop = this.talk.scrollHeight;
    return p;
  }

  async say(text) {
    this.input.value = "";
    this.line("mine", text);
    this.messages.push({ role: "user", content: text });
    this.abort = new AbortController();
    this.send.textContent = "Stop";
    let answer = null, thought = null;
    try {
      const body = { messages: this.messages, stream: true, max_completion_tokens: 512 };
      for await (const event of this.daemon.events("/v1/chat/completions", { method: "POST", body, signal: this.abort.signal })) {
        if (event.data === "[DONE]") break;
        const chunk = JSON.parse(event.data);
        if (chunk.error) throw new Error(chunk.error.message);
        const delta = chunk.choices?.[0]?.delta ?? {};
        if (delta.reasoning_content) (thought ??= this.line("thought")).textContent += delta.reasoning_content;
        if (delta.content) (answer ??= this.line("answer")).textContent += delta.content;
        this.talk.scrollTop = this.talk.scrollHeight;
      }
    } catch (error) {
      if (error.name !== "AbortError") this.line("error", error.message);
    }
    if (answer) this.messages.push({ role: "assistant", content: answer.textContent });
    else this.messages.pop();
    this.abort = null;
    this.send.textContent = "Send";
  }
}
