// Follows every link of the console, and says what is on a page that should not be.

import { readFileSync } from "node:fs";
import { read } from "./words.mjs";

/// Addresses that are no pages.
const LEFT_OUT = /^\/(api|docs|metrics|healthz|readyz|logout|assets|status\.json)/;

/// What is named in an address.
const NAMED = /(?<=^\/(?:hosts|groups|routes|keys|generations|audit|tokens|decisions|notifications\/channels|playground\/told)\/)(?!new$)[^/]+/;

/// The form of an address, with what is named in it left open: `/hosts/{}/edit`.
const form = (path) => path.replace(/[?#].*/, "").replace(NAMED, "{}");

/// The pages that the console says it has, by their forms.
function listed() {
  const sources = ["routes.rs", "pages/start/mod.rs"].map((name) => readFileSync(`../../crates/console/src/${name}`, "utf8")).join("\n");
  const paths = [...sources.matchAll(/\.route\(\s*"([^"]+)",\s*get\(/g)].map(([, path]) => path.replace("{what}", "try").replaceAll(/\{[^}]+\}/g, "x"));
  // Those of `fleet/edit.rs` are the same for each noun.
  const edited = ["hosts", "groups", "routes", "keys"].flatMap((noun) => ["new", "x/edit", "x/act/delete"].map((page) => `/${noun}/${page}`));
  return [...new Set([...paths, ...edited].map(form))].filter((path) => !LEFT_OUT.test(path));
}

/// Once the parts that a page asks for after it stands have come.
export async function settled(page) {
  if (await page.$("[hx-trigger=load]")) await page.waitForFunction(() => !document.querySelector("[hx-trigger=load]"));
}

/// Texts of the page that `judge` finds words in, each with those.
export async function judged(page, judge) {
  const texts = await page.evaluate(read);
  const found = texts.map((text) => [judge(text), text]).filter(([words]) => words.length > 0);
  return found.map(([words, text]) => `${new URL(page.url()).pathname}: ${words.join(" ")}: ${text.slice(0, 200)}`);
}

/// Opens the pages of `open`, and what they link to, of each form of address one; several at once. What is wrong with them,
/// once each, and which forms the console has that were not reached.
export async function crawl(context, server, open, judge) {
  const told = new Set(open);
  const [waiting, seen, followed, wrong] = [[...open], new Set(), new Set(), []];
  const next = () => {
    for (let path = waiting.shift(); path; path = waiting.shift()) {
      const is_known = seen.has(path) || (followed.has(form(path)) && !told.has(path));
      if (is_known || LEFT_OUT.test(path)) continue;
      seen.add(path);
      if (!told.has(path)) followed.add(form(path));
      return path;
    }
    return null;
  };
  const tab = async () => {
    const page = await context.newPage();
    for (let path = next(); path; path = next()) {
      const response = await page.goto(server.base + path, { waitUntil: "domcontentloaded" });
      if (response.status() >= 500) wrong.push(`${path}: ${response.status()}`);
      await settled(page);
      wrong.push(...(await judged(page, judge)));
      const links = await page.evaluate(() => [...document.links].filter((link) => link.origin === location.origin).map((link) => link.pathname + link.search));
      waiting.push(...links);
    }
    await page.close();
  };
  await tabs(tab);
  const known = new Set([...seen, "/login"].map(form));
  return { wrong: once(wrong), missed: listed().filter((path) => !known.has(path)) };
}

/// One begins, and finds what the others do.
async function tabs(tab) {
  await Promise.all([tab(), tab(), tab(), tab()]);
}

/// A text that many pages have, such as the navigation, is told of one.
function once(wrong) {
  const firsts = new Map(wrong.toReversed().map((line) => [line.replace(/^[^:]+: /, ""), line]));
  return [...firsts.values()];
}
