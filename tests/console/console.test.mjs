// The console in a real browser: every page at three widths, in both languages, light and dark; what people do there.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { barriers, browser, demo, empty, visitor } from "./rig.mjs";

/// Keeps pictures of every page where this names a directory.
const pictures = process.env.SCREENSHOTS;

const PAGES = [
  "/", "/?range=1h", "/map", "/decisions", "/health", "/usage", "/hosts", "/hosts/tokyo", "/groups", "/groups/demo",
  "/routes", "/routes/gpt-5-tokyo", "/keys", "/keys/demo", "/bindings", "/bindings/purge", "/generations", "/generations/1",
  "/events", "/notifications", "/audit", "/audit/1", "/tokens", "/tokens/new", "/hosts/new", "/groups/new", "/routes/new", "/keys/new", "/routes/gpt-5-tokyo/edit",
  "/routes/gpt-5-tokyo/act/drain", "/hosts/tokyo/act/delete", "/account", "/account/everywhere", "/health/clear", "/nothing-here",
];
const LOOKS = [
  { language: "en", theme: "light", width: 1440 },
  { language: "zh", theme: "dark", width: 1440 },
  { language: "zh", theme: "light", width: 1024 },
  { language: "en", theme: "dark", width: 390 },
  { language: "zh", theme: "light", width: 390 },
];

/// Budgets of a page: time of the server in milliseconds (a debug build is given more), bytes over the wire.
const MOST_MS = Number(process.env.MOST_MS ?? 100);
const MOST_BYTES = 300 * 1024;

let chromium, full, bare;

before(async () => {
  [chromium, full, bare] = await Promise.all([browser(), demo(), empty()]);
});

after(async () => {
  await chromium?.close();
  await Promise.all([full?.stop(), bare?.stop()]);
});

async function story(page) {
  await page.goto(`${full.base}/decisions`);
  return page.getAttribute("td a.id", "href");
}

async function keep(page, name) {
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: `${pictures}/${name.replaceAll(/[^a-z0-9-]+/gi, "_")}.png`, fullPage: true });
}

for (const look of LOOKS) {
  const name = `${look.language} ${look.theme} ${look.width}`;
  for (const kind of ["demo", "empty"]) {
    test(`every page of the ${kind} installation, ${name}`, async () => {
      const server = kind === "demo" ? full : bare;
      const { page, context, faults } = await visitor(chromium, server, look);
      const pages = kind === "demo" ? [...PAGES, await story(page)] : PAGES.filter((path) => !/(tokyo|demo|\/1$)/.test(path));
      const wrong = [];
      for (const path of pages) {
        const response = await page.goto(server.base + path, { waitUntil: "load" });
        const expected = path === "/nothing-here" ? 404 : 200;
        if (response.status() !== expected) wrong.push(`${path}: ${response.status()}`);
        const wide = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
        if (wide > 0) wrong.push(`${path} is ${wide} pixels wider than the window`);
        const timing = response.request().timing();
        const ms = timing.responseStart - timing.requestStart;
        if (ms > MOST_MS) wrong.push(`${path} took ${ms} ms`);
        const sizes = await response.request().sizes();
        if (sizes.responseBodySize > MOST_BYTES) wrong.push(`${path} has ${sizes.responseBodySize} bytes`);
        wrong.push(...(await barriers(page)));
        await keep(page, `${kind} ${name} ${path}`);
      }
      await context.close();
      assert.deepEqual([...wrong, ...faults.filter((fault) => !fault.includes("404"))], []);
    });
  }
}

test("a wrong token is refused in words, and the right one opens the page that was wanted", async () => {
  const context = await chromium.newContext({ locale: "en-US" });
  const page = await context.newPage();
  await page.goto(`${full.base}/decisions?verdict=complete`);
  assert.equal(new URL(page.url()).pathname, "/login");
  await page.fill("#token", "rma-wrong");
  await page.press("#token", "Enter");
  await page.waitForSelector("[role=alert]");
  await page.fill("#token", full.token);
  await page.press("#token", "Enter");
  await page.waitForURL("**/decisions?verdict=complete");
  await context.close();
});

test("everything can be reached by keyboard, the content first", async () => {
  const { page, context } = await visitor(chromium, full);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "content");
  const reached = new Set();
  await page.goto(`${full.base}/`);
  for (let step = 0; step < 60; step += 1) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => document.activeElement.getAttribute("href") ?? document.activeElement.name));
  }
  for (const wanted of ["/decisions", "/health", "/hosts", "/audit", "language", "theme", "/?range=7d"]) {
    assert.ok(reached.has(wanted), `${wanted} is not among ${[...reached]}`);
  }
  await context.close();
});

test("language and colors are switched from any page and remembered", async () => {
  const { page, context } = await visitor(chromium, full);
  await page.goto(`${full.base}/hosts`);
  await page.selectOption("select[name=language]", "zh");
  await page.waitForSelector("html[lang=zh-CN]");
  await page.selectOption("select[name=theme]", "dark");
  await page.waitForSelector("html[data-theme=dark]");
  assert.equal(new URL(page.url()).pathname, "/hosts");
  assert.match(await page.textContent("h1"), /主机/);
  await context.close();
});

test("on a phone the navigation is a menu", async () => {
  const { page, context } = await visitor(chromium, full, { width: 390 });
  assert.equal(await page.isVisible("nav a[href='/hosts']"), false);
  await page.click("details.menu > summary");
  await page.click("nav a[href='/hosts']");
  await page.waitForURL("**/hosts");
  await context.close();
});

test("the live tail shows a request that comes while one looks", async () => {
  const { page, context, faults } = await visitor(chromium, full);
  await page.goto(`${full.base}/decisions?live=1`);
  const before = await page.getAttribute("td a.id", "href");
  const answer = await fetch(`${full.gateway}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${full.consumer_key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-5", messages: [{ role: "user", content: "While one looks" }] }),
  });
  const id = answer.headers.get("x-request-id");
  await answer.text();
  await page.waitForSelector(`td a.id[href='/decisions/${id}']`);
  assert.notEqual(before, `/decisions/${id}`);
  assert.deepEqual(faults, []);
  await context.close();
});

test("a decision tells what was tried, and its text is copied", async () => {
  const { page, context } = await visitor(chromium, full);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto(`${full.base}/decisions?host_id=osaka`);
  await page.goto(full.base + (await story(page)));
  assert.ok((await page.locator(".waterfall tr").count()) > 0);
  await page.click("[data-copy]");
  await page.waitForSelector("[data-toast]:not([hidden])");
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(copied, /^Request /);
  await context.close();
});

test("a chart says its values under the pointer, and a span dragged across it is zoomed into", async () => {
  const { page, context } = await visitor(chromium, full);
  const hits = page.locator("[data-chart] .hit");
  const [first, last] = [await hits.nth(4).boundingBox(), await hits.nth(9).boundingBox()];
  const y = first.y + first.height / 2;
  await page.mouse.move(first.x + 2, y);
  await page.waitForSelector(".tip");
  await page.mouse.down();
  await page.mouse.move(last.x + 2, y, { steps: 5 });
  await page.mouse.up();
  await page.waitForURL(/from=.*to=/);
  await context.close();
});

test("clearing says what it will do first, and what was done", async () => {
  const { page, context } = await visitor(chromium, full);
  await page.goto(`${full.base}/health`);
  await page.click("a[href='/health/clear']");
  await page.click("form.confirm button");
  await page.waitForURL(/\/health\?done=/);
  assert.ok(await page.isVisible("[data-notice]"));
  await context.close();
});

test("logging out everywhere ends the other window too", async () => {
  const one = await visitor(chromium, bare);
  const two = await visitor(chromium, bare);
  await one.page.goto(`${bare.base}/account/everywhere`);
  await one.page.click("form.confirm button");
  await one.page.waitForURL(/\/login/);
  await two.page.goto(`${bare.base}/hosts`);
  assert.equal(new URL(two.page.url()).pathname, "/login");
  await one.context.close();
  await two.context.close();
});
