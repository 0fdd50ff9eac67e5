// What pages do beyond links and forms. Without it every page still works: it only shows times in the
// visitor's own time zone, hints in charts, copies, and sends a form when a choice is made.
(() => {
  "use strict";
  const language = document.documentElement.lang;
  const wide = window.matchMedia("(min-width: 56.01rem)");

  // Times come in UTC with a machine's form beside them.
  const toSecond = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  const whole = new Intl.DateTimeFormat(language, { year: "numeric", ...toSecond });
  const clock = new Intl.DateTimeFormat(language, toSecond);
  const offset = new Intl.DateTimeFormat("en", { timeZoneName: "shortOffset" });
  // What browsers call GMT+8 is UTC+8 in fields and texts.
  const zone = (at) => offset.formatToParts(at).find((part) => part.type === "timeZoneName").value.replace("GMT", "UTC");
  const exact = { format: (at) => `${whole.format(at)} (${zone(at)})` };
  const hour = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", timeZone: "UTC" });
  function localize(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      if ("clock" in time.dataset) {
        time.textContent = clock.format(at);
        if (!("told" in time.dataset)) time.title = `${time.title}, ${exact.format(at)}`;
        time.dataset.told = "";
      } else if (time.title) time.title = exact.format(at);
      else if ("exact" in time.dataset) time.textContent = exact.format(at);
      else if (!time.closest(".ends")) time.textContent = hour.format(at);
    }
    for (const chart of root.querySelectorAll("[data-chart]")) {
      // Steps of a day begin with the day of the log, which is UTC's.
      const format = Number(chart.dataset.step) >= 86400 ? day : hour;
      chart.querySelectorAll("tbody th").forEach((head, step) => { head.textContent = format.format(startOf(chart, step)); });
      for (const end of chart.querySelectorAll(".ends time")) end.textContent = format.format(new Date(end.dateTime));
    }
  }

  function toast(text) {
    const box = document.querySelector("[data-toast]");
    if (!box) return;
    box.textContent = text;
    box.hidden = false;
    clearTimeout(toast.timer);
    toast.timer = setTimeout(() => { box.hidden = true; }, 2500);
  }

  // Over plain HTTP from another machine browsers have no clipboard: then the text is selected, and copied as it was of old.
  async function copyText(place) {
    try {
      await navigator.clipboard.writeText(place.textContent);
    } catch {
      getSelection().selectAllChildren(place);
      if (!document.execCommand("copy")) return;
    }
    toast(document.body.dataset.copied);
  }

  // The navigation is open where there is room for it, and a menu where there is none.
  function menu() {
    const details = document.querySelector("[data-menu]");
    if (details) details.open = wide.matches;
  }
  wide.addEventListener("change", menu);

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });

  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) copyText(document.getElementById(copy.dataset.copy));
    const dismiss = event.target.closest("[data-dismiss]");
    if (dismiss) dismiss.closest("[data-notice]").remove();
    for (const pop of document.querySelectorAll("details.pop[open]")) {
      if (!pop.contains(event.target)) pop.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const pop of document.querySelectorAll("details.pop[open]")) {
      pop.open = false;
      pop.querySelector("summary").focus();
    }
    hideTip();
  });

  // Charts: a hint under the pointer, read from the table below the picture; and a span chosen by dragging.
  let tip = null;
  let drag = null;
  function startOf(chart, step) {
    return new Date((Number(chart.dataset.first) + step * Number(chart.dataset.step)) * 1000);
  }
  function under(event) {
    const hit = event.target.closest && event.target.closest(".hit");
    if (!hit) return null;
    const chart = hit.closest("[data-chart]");
    const rows = chart.querySelectorAll("tbody tr");
    const box = hit.getBoundingClientRect();
    const step = Math.floor(((event.clientX - box.left) / box.width) * rows.length);
    return { chart, rows, step: Math.max(0, Math.min(step, rows.length - 1)) };
  }
  function mark(chart, from, to, count) {
    const band = chart.querySelector(".under");
    band.setAttribute("x", (from * 1000) / count);
    band.setAttribute("width", ((to - from + 1) * 1000) / count);
  }
  function hideTip() {
    for (const band of document.querySelectorAll(".under")) band.setAttribute("width", 0);
    if (tip) tip.remove();
    tip = null;
  }
  function showTip({ chart, rows, step }, event) {
    const names = [...chart.querySelectorAll("thead th")].slice(1).map((head) => head.textContent);
    const [time, ...values] = [...rows[step].children].map((cell) => cell.textContent);
    if (!tip) {
      tip = document.createElement("div");
      tip.className = "tip";
    }
    if (tip.parentNode !== chart) chart.append(tip);
    const begin = startOf(chart, step);
    const name = Number(chart.dataset.step) >= 86400 ? "UTC" : zone(begin);
    tip.textContent = [`${time} (${name})`, ...values.map((value, at) => `${names[at]}  ${value}`)].join("\n");
    const box = chart.getBoundingClientRect();
    const room = box.width - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(event.clientX - box.left + 12, room))}px`;
    tip.style.top = `${event.clientY - box.top - tip.offsetHeight - 10}px`;
  }
  document.addEventListener("pointermove", (event) => {
    const at = under(event);
    if (!at) return hideTip();
    showTip(at, event);
    const from = drag && drag.chart === at.chart ? drag.step : at.step;
    mark(at.chart, Math.min(from, at.step), Math.max(from, at.step), at.rows.length);
  });
  document.addEventListener("pointerdown", (event) => {
    const at = under(event);
    if (at && event.button === 0 && event.pointerType === "mouse") {
      drag = at;
      event.preventDefault();
    }
  });
  document.addEventListener("pointerup", (event) => {
    const [from, to] = [drag, under(event)];
    drag = null;
    if (!from || !to || to.chart !== from.chart || to.step === from.step) return;
    const address = new URL(location.href);
    address.searchParams.delete("range");
    address.searchParams.set("from", startOf(to.chart, Math.min(from.step, to.step)).toISOString());
    address.searchParams.set("to", startOf(to.chart, Math.max(from.step, to.step) + 1).toISOString());
    location.assign(address);
  });

  // What a stream of the API tells of is not rendered here: it only says when the part of the page is to be asked
  // for again, at most twice a second. Without the stream it is asked for every three seconds.
  function follow(place) {
    const ask = () => {
      const part = document.getElementById(place.dataset.of);
      if (part && !document.hidden) htmx.trigger(part, "told");
      else place.dataset.behind = "";
    };
    let waiting = null;
    const soon = () => {
      waiting ??= setTimeout(() => { waiting = null; ask(); }, 500);
    };
    const source = new EventSource(place.dataset.stream);
    source.addEventListener("decision", soon);
    source.addEventListener("lagged", soon);
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) setInterval(ask, 3000);
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && "behind" in place.dataset) {
        delete place.dataset.behind;
        ask();
      }
    });
  }

  // Lines that were not there before are marked for a moment.
  let seen = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const rows = event.detail.target.querySelectorAll("[data-row]");
    seen = rows.length ? new Set([...rows].map((row) => row.dataset.row)) : null;
  });
  function markNew(root) {
    if (seen) for (const row of root.querySelectorAll("[data-row]")) row.classList.toggle("new", !seen.has(row.dataset.row));
    seen = null;
  }

  // Parts that refresh themselves rest while nobody looks, while something in them is in use, and say when
  // the server is gone.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt, target } = event.detail;
    if (!/^(every|told)/.test(elt.getAttribute("hx-trigger") ?? "")) return;
    const inUse = drag || target.querySelector("details[open], :focus-visible, .tip");
    if (document.hidden || inUse) event.preventDefault();
  });
  document.addEventListener("htmx:sendError", () => toast(document.body.dataset.offline));
  document.addEventListener("htmx:load", (event) => {
    localize(event.detail.elt);
    markNew(event.detail.elt);
  });
  document.querySelectorAll("[data-stream]").forEach(follow);

  // A secret is shown once: to load its page again must not make another one, but lead to where one goes from there.
  const secret = document.getElementById("secret");
  const here = secret && (secret.closest("[data-here]")?.dataset.here ?? document.querySelector(".head .actions a")?.getAttribute("href"));
  if (here) history.replaceState(null, "", here);

  // One goes on where something is to be corrected, and in the first run where something is to be entered.
  const next = document.querySelector("main [aria-invalid]") ?? document.querySelector(".guide .field input[value='']");
  next?.focus();

  menu();
  localize(document);
})();
