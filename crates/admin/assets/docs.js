// Search in the page. Without this script everything is shown, and the browser's own search works.
"use strict";

const field = document.getElementById("search");
const menu = document.getElementById("menu");
const none = document.getElementById("none");
const articles = [...document.querySelectorAll("main article")].map((element) => ({
  element,
  text: element.textContent.toLowerCase(),
}));

const search = () => {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const { element, text } of articles) {
    const fits = words.every((word) => text.includes(word));
    element.hidden = !fits;
    found += fits;
    const entry = document.querySelector(`nav li[data-for="${element.id}"]`);
    if (entry) entry.hidden = !fits;
  }
  for (const section of document.querySelectorAll("main section, nav section")) {
    const entries = [...section.querySelectorAll("article, li")];
    section.hidden = entries.length > 0 && entries.every((entry) => entry.hidden);
  }
  none.hidden = found > 0;
};

// A link may lead to what the search has hidden.
const show = () => {
  const target = document.getElementById(location.hash.slice(1));
  if (!target || !target.closest("[hidden]")) return;
  field.value = "";
  search();
  target.scrollIntoView();
};

// On a narrow screen the list of endpoints is long and in the way.
if (matchMedia("(max-width: 60rem)").matches) menu.open = false;

field.closest("label").hidden = false;
field.addEventListener("input", search);
addEventListener("hashchange", show);
addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== field && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    field.focus();
  } else if (event.key === "Escape" && document.activeElement === field) {
    field.value = "";
    search();
    field.blur();
  }
});
