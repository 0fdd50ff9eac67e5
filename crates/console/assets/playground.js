// The playground: sends the form by itself and writes the answer while it comes. Without it the form is sent as any
// other, and the answer is waited for.
(() => {
  "use strict";
  const form = document.querySelector("[data-play]");
  const send = form && form.querySelector("[data-send]");
  if (!send) return;
  const find = (name) => form.querySelector(`[data-${name}]`);
  const [turns, state, stop, history] = ["turns", "state", "stop", "history"].map(find);
  const [now, first, total] = ["now", "first", "total"].map(find);
  const seconds = new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  let running = null;

  function element(name, className, text) {
    const made = document.createElement(name);
    made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  function turn(role, who) {
    const nothing = find("nothing");
    if (nothing) nothing.remove();
    const box = element("div", `turn ${role}`);
    const said = element("div", "said");
    box.append(element("p", "who", who), said);
    turns.append(box);
    return said;
  }

  function clock(place, since) {
    place.textContent = `${place.dataset.name} ${seconds.format((performance.now() - since) / 1000)} s`;
  }

  function say(what) {
    state.hidden = false;
    state.dataset.is = what;
    now.textContent = state.dataset[what];
  }

  // The plan comes as a part of a page, as all live parts do.
  async function tell(id) {
    const answer = await fetch(form.dataset.told + encodeURIComponent(id), { headers: { accept: "text/html", "hx-request": "true" } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const told = page.querySelector("#told");
    if (!told) return;
    document.getElementById("told").replaceWith(document.adoptNode(told));
    window.htmx.process(told);
  }

  // Events of a stream, whole ones only; a rest is kept for the next piece.
  function events(text) {
    const parts = text.split(/\r?\n\r?\n/);
    const rest = parts.pop();
    const data = parts.map((part) => part.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n"));
    return [data.filter(Boolean), rest];
  }

  function parsed(text) {
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  }

  function refuse(status, error) {
    const said = turn("error", state.dataset.failed);
    said.previousSibling.append(" ", element("code", "", `${status} ${error.code ?? error.type ?? ""}`));
    said.textContent = error.message ?? "";
  }

  // What was said goes into the form, so that the next message follows it.
  function remember(message, answer) {
    const said = parsed(history.value) ?? [];
    said.push({ role: "user", content: message }, { role: "assistant", content: answer });
    history.value = JSON.stringify(said);
    form.elements.message.value = "";
  }

  // Both forms of an answer, piece by piece.
  function writer(since) {
    const box = { text: "", error: null, said: null, thought: null };
    const begin = () => {
      if (box.said) return;
      clock(first, since);
      say("streaming");
      box.said = turn("assistant", turns.dataset.assistant);
    };
    box.take = (value) => {
      if (!value) return;
      if (value.error) {
        box.error = value.error;
        return;
      }
      const choice = value.choices && value.choices[0];
      const part = choice && (choice.delta ?? choice.message);
      if (!part) return;
      const thought = part.reasoning_content ?? part.reasoning;
      if (thought) {
        begin();
        if (!box.thought) {
          const details = element("details", "thought");
          details.append(element("summary", "", turns.dataset.reasoning), element("div", "said"));
          box.said.before(details);
          box.thought = details.lastChild;
        }
        box.thought.append(thought);
      }
      if (typeof part.content === "string" && part.content) {
        begin();
        box.text += part.content;
        box.said.append(part.content);
      }
    };
    return box;
  }

  async function read(answer, box) {
    if (!(answer.headers.get("content-type") ?? "").startsWith("text/event-stream")) {
      box.take(parsed(await answer.text()) ?? { error: { message: answer.statusText } });
      return true;
    }
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let isDone = false;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return isDone;
      let data;
      [data, rest] = events(rest + value);
      for (const event of data) {
        if (event === "[DONE]") isDone = true;
        else box.take(parsed(event));
      }
    }
  }

  async function run(fields, id, message) {
    const since = performance.now();
    const abort = new AbortController();
    running = abort;
    let asked = false;
    let end = "done";
    const box = writer(since);
    const ticking = setInterval(() => clock(total, since), 100);
    try {
      const headers = { accept: "application/json, text/event-stream", "content-type": "application/x-www-form-urlencoded" };
      const answer = await fetch("/playground/send", { method: "POST", body: fields, headers, signal: abort.signal });
      if (answer.redirected) return location.assign(answer.url);
      asked = answer.status !== 422 || answer.headers.has("x-request-id");
      if (asked) tell(id).catch(() => {});
      const isWhole = await read(answer, box);
      if (!answer.ok && !box.error) box.error = { message: answer.statusText };
      if (box.error) end = "failed";
      else if (!isWhole) end = "broken";
      if (box.error) refuse(answer.status, box.error);
    } catch {
      end = abort.signal.aborted ? "stopped" : "broken";
      asked = true;
    } finally {
      clearInterval(ticking);
    }
    clock(total, since);
    say(end);
    running = null;
    send.disabled = false;
    stop.hidden = true;
    if (box.text) remember(message, box.text);
    if (asked) await tell(id).catch(() => {});
  }

  form.addEventListener("submit", (event) => {
    if (event.submitter && event.submitter !== send) return;
    event.preventDefault();
    if (running) return;
    const fields = new URLSearchParams(new FormData(form));
    const id = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    fields.set("request_id", id);
    const message = form.elements.message.value.trim();
    if (message) turn("user", turns.dataset.user).textContent = message;
    first.textContent = "";
    total.textContent = "";
    say("waiting");
    send.disabled = true;
    stop.hidden = false;
    run(fields, id, message);
  });

  stop.addEventListener("click", () => running && running.abort());
  form.elements.message.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(send);
  });
})();
