// What pages do beyond links and forms. Without it every page still works: it only shows times in the
// visitor's own time zone, hints in charts, copies, and sends a form when a choice is made.
(() => {
  "use strict";
  const language = document.documentElement.lang;
  const wide = window.matchMedia("(min-width: 56.01rem)");

  // Times come in UTC with a machine's form beside them.
  const exact = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
  const hour = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
  function localize(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      if (time.title) time.title = exact.format(at);
      else if ("exact" in time.dataset) time.textContent = exact.format(at);
      else time.textContent = hour.format(at);
    }
    for (const hit of root.querySelectorAll("[data-at][data-tip]")) {
      const lines = hit.dataset.tip.split("\n");
      lines[0] = hour.format(new Date(hit.dataset.at));
      hit.dataset.tip = lines.join("\n");
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
    if (copy) {
      const text = document.getElementById(copy.dataset.copy).textContent;
      navigator.clipboard.writeText(text).then(() => toast(document.body.dataset.copied));
    }
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

  // Charts: a hint under the pointer, and a span chosen by dragging.
  let tip = null;
  let drag = null;
  function hideTip() {
    if (tip) tip.remove();
    tip = null;
  }
  function showTip(hit, event) {
    const chart = hit.closest("[data-chart]");
    if (!tip) {
      tip = document.createElement("div");
      tip.className = "tip";
    }
    if (tip.parentNode !== chart) chart.append(tip);
    tip.textContent = hit.dataset.tip;
    const box = chart.getBoundingClientRect();
    const x = event.clientX - box.left;
    const room = box.width - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(x + 12, room))}px`;
    tip.style.top = `${event.clientY - box.top - tip.offsetHeight - 10}px`;
  }
  function mark(hit) {
    const hits = [...hit.closest("svg").querySelectorAll(".hit")];
    const [from, to] = [hits.indexOf(drag.hit), hits.indexOf(hit)].sort((a, b) => a - b);
    hits.forEach((each, at) => each.classList.toggle("on", at >= from && at <= to));
    return [hits[from], hits[to]];
  }
  document.addEventListener("pointermove", (event) => {
    const hit = event.target.closest && event.target.closest(".hit");
    if (!hit) return hideTip();
    showTip(hit, event);
    if (drag && hit.closest("svg") === drag.hit.closest("svg")) mark(hit);
  });
  document.addEventListener("pointerdown", (event) => {
    const hit = event.target.closest && event.target.closest(".hit");
    if (hit && event.button === 0 && event.pointerType === "mouse") {
      drag = { hit };
      event.preventDefault();
    }
  });
  document.addEventListener("pointerup", (event) => {
    if (!drag) return;
    const hit = event.target.closest && event.target.closest(".hit");
    const start = drag.hit;
    if (hit && hit !== start && hit.closest("svg") === start.closest("svg")) {
      const [first, last] = mark(hit);
      const step = Number(start.closest("[data-chart]").dataset.step) * 1000;
      const to = new Date(new Date(last.dataset.at).getTime() + step);
      const address = new URL(location.href);
      address.searchParams.delete("range");
      address.searchParams.set("from", new Date(first.dataset.at).toISOString());
      address.searchParams.set("to", to.toISOString());
      location.assign(address);
    }
    for (const on of document.querySelectorAll(".hit.on")) on.classList.remove("on");
    drag = null;
  });

  // Parts that refresh themselves rest while nobody looks, while something in them is in use, and say when
  // the server is gone.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const target = event.detail.target;
    const inUse = drag || target.querySelector("details[open], :focus-visible");
    if (document.hidden || inUse) event.preventDefault();
  });
  document.addEventListener("htmx:sendError", () => toast(document.body.dataset.offline));
  document.addEventListener("htmx:load", (event) => localize(event.detail.elt));

  menu();
  localize(document);
})();
