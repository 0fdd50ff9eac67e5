// The playground, settings, channels and the public status page in a real browser.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { barriers, browser, demo, empty, ended, together, visitor } from "./rig.mjs";

const pictures = process.env.SCREENSHOTS;

const LOOKS = [
  { language: "en", theme: "light", width: 1440 },
  { language: "zh", theme: "dark", width: 1440 },
  { language: "zh", theme: "light", width: 1024 },
  { language: "en", theme: "dark", width: 390 },
  { language: "zh", theme: "light", width: 390 },
];

let chromium, full, bare;

before(async () => {
  [chromium, full, bare] = await together(browser(), demo(), empty());
});

after(() => ended([chromium, full, bare]));

async function keep(page, name) {
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: `${pictures}/${name.replaceAll(/[^a-z0-9-]+/gi, "_")}.png`, fullPage: true });
}

/// What a page must not do: be wider than the window, keep people out.
async function sound(page, name, look) {
  const wide = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${name} is ${wide} pixels wider than the window of ${look.width}`);
  assert.deepEqual(await barriers(page), []);
  await keep(page, `${name} ${look.language} ${look.theme} ${look.width}`);
}

async function ask(page, message, { key = "demo", model = "gpt-5" } = {}) {
  await page.fill("#key", key);
  await page.fill("#model", model);
  await page.fill("#message", message);
  await page.click("[data-send]");
}

test("an answer is written while it comes, its plan stands beside it, and the next message follows it", async () => {
  const { page, context, faults } = await visitor(chromium, full);
  await page.goto(`${full.base}/playground`);
  await ask(page, "Tell me something");
  await page.waitForSelector("[data-state][data-is=streaming]");
  const early = (await page.textContent(".turn.assistant .said")).length;
  await page.waitForSelector("[data-state][data-is=done]");
  const whole = await page.textContent(".turn.assistant .said");
  assert.ok(whole.length > early, "it grew");
  assert.match(await page.textContent("[data-first]"), /\d/);
  assert.match(await page.textContent("[data-total]"), /\d/);
  await page.waitForSelector("#told dl.facts");
  const told = await page.textContent("#told");
  for (const part of ["complete", "gpt-5-tokyo", "Output tokens", "Cost", "bound"]) assert.ok(told.includes(part), `${part} in ${told}`);
  await ask(page, "And more?");
  await page.waitForFunction(() => document.querySelectorAll(".turn.assistant").length === 2);
  await page.waitForSelector("[data-state][data-is=done]");
  const said = JSON.parse(await page.inputValue("[data-history]"));
  assert.deepEqual(said.map(({ role }) => role), ["user", "assistant", "user", "assistant"]);
  await page.waitForFunction(() => document.querySelector("#told").textContent.includes("hit"));
  await page.click("[data-story]");
  await page.waitForURL(/\/decisions\/[0-9a-f]{32}$/);
  assert.match(await page.textContent("main"), /demo/);
  assert.deepEqual(faults, []);
  await context.close();
});

test("stopping drops the upstream, and the decision says that the client left", async () => {
  const { page, context, faults } = await visitor(chromium, full);
  await page.goto(`${full.base}/playground`);
  await ask(page, "A long one");
  await page.waitForSelector("[data-state][data-is=streaming]");
  await page.click("[data-stop]");
  await page.waitForSelector("[data-state][data-is=stopped]");
  await page.waitForFunction(() => document.querySelector("#told .badge")?.textContent === "client left");
  assert.equal(await page.isVisible("[data-stop]"), false);
  assert.deepEqual(faults, []);
  await context.close();
});

test("an error is told as the gateway tells it, with its class", async () => {
  const { page, context } = await visitor(chromium, full);
  await page.goto(`${full.base}/playground`);
  await ask(page, "Hello", { model: "no-such-model" });
  await page.waitForSelector("[data-state][data-is=failed]");
  assert.match(await page.textContent(".turn.error"), /404 model_not_found/);
  await page.waitForFunction(() => document.querySelector("#told .fault")?.textContent.includes("model_not_found"));
  await page.uncheck("input[name=stream]");
  await ask(page, "Hello, whole");
  await page.waitForSelector("[data-state][data-is=done]");
  assert.ok((await page.textContent(".turn.assistant .said")).length > 0, "an answer in one piece is shown, too");
  await context.close();
});

test("without scripts one resolves, runs the actions, and gets an answer", async () => {
  const context = await chromium.newContext({ javaScriptEnabled: false, locale: "en-US" });
  const page = await context.newPage();
  await page.goto(`${full.base}/login`);
  await page.fill("#token", full.token);
  await page.click("main button.primary");
  await page.goto(`${full.base}/playground`);
  await page.fill("#key", "demo");
  await page.fill("#model", "gpt-5");
  await page.click("button[formaction]");
  assert.match(await page.textContent("#told"), /It would go over route/);
  await page.fill("#message", "Hello");
  await page.click("[data-send]");
  assert.match(await page.textContent("#told"), /complete/);
  assert.ok((await page.textContent(".turn.assistant .said")).length > 0);
  await page.goto(`${full.base}/playground/actions`);
  await page.fill("#a-logical_group_id", "demo");
  await page.fill("#a-model", "gpt-5");
  await page.fill("#a-subject_id", "thread-1");
  await page.click("main button.primary");
  assert.equal(JSON.parse(await page.textContent("#answer")).logical_group_id, "demo");
  assert.match(await page.textContent("#command"), /^curl http:\/\/127\.0\.0\.1:\d+\/api\/v1\/resolve-route/);
  await page.selectOption("#action", "route-chat-completions");
  await page.fill("#a-gateway_api_key", "sk-demo-tokyo");
  await page.click("main button.primary");
  const answer = JSON.parse(await page.textContent("#answer"));
  assert.equal(answer.forward.upstream_path, "/v1/chat/completions");
  assert.equal((await page.content()).includes("sk-demo-tokyo"), false, "the key is not shown again");
  await context.close();
});

test("a channel is made by form, tested, and its outcome told", async () => {
  const { page, context, faults } = await visitor(chromium, bare);
  await page.goto(`${bare.base}/notifications`);
  await page.click("a[href='/notifications/new']");
  await page.selectOption("#type", "webhook");
  await page.click("main button.primary");
  await page.fill("#id", "ops");
  await page.click("main button.primary");
  await page.waitForSelector("[aria-invalid=true]");
  await page.fill("#c-url", "https://127.0.0.1:1/hook");
  await page.fill("#c-secret", "a secret of ours");
  await page.uncheck("input[name='event.drift']");
  await page.click("main button.primary");
  await page.waitForURL("**/notifications/channels/ops?done=saved");
  await page.click("a[href$='/test']");
  await page.click("main form button.primary, main form button");
  await page.waitForURL(/tested=/);
  assert.ok(await page.isVisible("main .badge.bad"));
  await sound(page, "a channel after its test", { language: "en", theme: "light", width: 1440 });
  assert.deepEqual(faults.filter((fault) => !fault.includes("422")), []);
  await context.close();
});

for (const look of LOOKS) {
  const name = `${look.language} ${look.theme} ${look.width}`;
  test(`the new pages are sound, ${name}`, async () => {
    const { page, context, faults } = await visitor(chromium, full, look);
    const paths = ["/playground", "/playground/actions", "/settings", "/notifications/new", "/notifications/new?type=email", "/notifications/new?type=dingtalk"];
    for (const path of paths) {
      await page.goto(full.base + path);
      await sound(page, path, look);
    }
    await page.goto(`${full.base}/playground`);
    await ask(page, "Tell me something");
    await page.waitForSelector("[data-state][data-is=done]");
    await page.waitForSelector("#told dl.facts");
    await sound(page, "/playground answered", look);
    await page.click("button[formaction]");
    await page.waitForSelector("#told table");
    await sound(page, "/playground resolved", look);
    await page.goto(`${full.base}/playground/actions`);
    await page.fill("#a-logical_group_id", "demo");
    await page.fill("#a-model", "gpt-5");
    await page.fill("#a-subject_id", "thread-2");
    await page.click("main button.primary");
    await page.waitForSelector("#answer");
    await sound(page, "/playground/actions answered", look);
    assert.deepEqual(faults, []);
    await context.close();
  });

  test(`anybody reads the status page, ${name}`, async () => {
    const context = await chromium.newContext({ viewport: { width: look.width, height: 900 }, locale: look.language === "zh" ? "zh-CN" : "en-US", colorScheme: look.theme });
    const page = await context.newPage();
    const faults = [];
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    for (const [kind, url] of [["demo", `${full.base}/status`], ["alone", bare.status_page]]) {
      const answer = await page.goto(url);
      assert.equal(answer.status(), 200);
      assert.equal((await context.cookies()).length, 0, "nobody is followed");
      assert.equal(await page.getAttribute("html", "lang"), look.language === "zh" ? "zh-CN" : "en");
      await sound(page, `status ${kind}`, look);
    }
    for (const hidden of ["tokyo", "osaka"]) {
      await page.goto(`${full.base}/status`);
      assert.equal((await page.content()).includes(hidden), false, hidden);
    }
    const alone = new URL(bare.status_page);
    for (const path of ["/", "/login", "/api/v1/hosts", "/metrics", "/docs"]) {
      const answer = await fetch(new URL(path, alone), { redirect: "manual" });
      assert.equal(answer.status, path === "/" ? 200 : 404, path);
    }
    assert.deepEqual(faults, []);
    await context.close();
  });
}
