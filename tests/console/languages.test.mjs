// Every page in each language, of an installation where everything has happened: nothing on it is in the other one but
// names, and the terms that Chinese operators write as they are.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { crawl, judged, settled } from "./crawl.mjs";
import { furnished, NAMES } from "./furnish.mjs";
import { browser, empty, ended, together, visitor } from "./rig.mjs";
import { chinese, english } from "./words.mjs";

/// What of a text is not in this language.
const FOREIGN = { zh: (text) => english(text, NAMES), en: chinese };

/// What no link leads to, or only one of its kind.
const OPEN = [
  "/", "/start", "/start/host", "/start/group", "/start/route", "/start/key", "/start/request", "/start/first?key=demo", "/start/first?key=failing", "/start/models?host=gone",
  "/start/models?host=locked", "/start/models?host=nara", "/status", "/nothing-here", "/notifications/new", "/playground/actions",
  ...["webhook", "email", "telegram", "dingtalk", "feishu", "wecom", "bark"].map((type) => `/notifications/new?type=${type}`),
  ...["cleared", "rolled_back", "purged", "tested", "ended", "saved", "deleted", "nothing"].map((done) => `/account?done=${done}`),
  "/decisions?cursor=wrong", "/usage?from=never", "/audit?cursor=wrong", "/keys?logical_group_id=bare", "/decisions?consumer=bare",
  ...["consumer", "route", "host", "group", "model", "day"].map((by) => `/usage?by=${by}`),
];

/// Forms that are refused, or say what they would do: the page, what is entered, the button.
const FORMS = [
  ["/hosts/new", { host_id: "fresh!", base_url: "ftp://x", gateway_key: "a b" }, "button[value=look]"],
  ["/hosts/new", { host_id: "nara", base_url: "https://nara.example" }, "button[value=look]"],
  ["/hosts/new", { host_id: "fresh", base_url: "http://fresh.example" }, "button[value=look]"],
  ["/groups/new", { logical_group_id: "fresh", "sticky.ttl": "soon", price_ratio: "cheap", drain_limit: "30s", "limits.rpm": "many", budgets: "lots" }, "button[value=look]"],
  ["/routes/new", { route_id: "fresh", logical_group_id: "mixd", shadow_host_id: "nar", public_model: "*", weight: "-1", priority: "x", "cost.multiplier": "x" }, "button[value=look]"],
  ["/routes/new", { route_id: "fresh", logical_group_id: "mixed", shadow_host_id: "nara", public_model: "gpt-5", "cost.multiplier": "0" }, "button[value=look]"],
  ["/keys/new", { key_id: "fresh", logical_groups: "mixd, nothing", models: "*x", allowed_ips: "here", expires_at: "tomorrow" }, "button[value=look]"],
  ["/keys/new", { key_id: "demo", logical_groups: "mixed" }, "button[value=look]"],
  ["/routes/mixed-nara/edit", { weight: "0" }, "button[value=look]"],
  ["/notifications/new?type=webhook", { id: "fresh!", url: "nowhere", repeat: "1s", time_zone: "Mars", quiet_from: "23:00" }, "button.primary"],
  ["/notifications/new?type=email", { id: "mail", smtp_host: "a b", smtp_port: "x", to: "nobody", from: "nobody" }, "button.primary"],
  ["/notifications/new?type=webhook", { id: "ops", url: "https://x.example/hook" }, "button.primary"],
  ["/tokens/new", { label: "reader" }, "button.primary"],
  ["/start/host", { host_id: "fresh", base_url: "http://127.0.0.1:1", gateway_key: "sk-x" }, "button.primary"],
  ["/start/group", { logical_group_id: "demo" }, "button.primary"],
  ["/start/key", { key_id: "demo" }, "button.primary"],
  ["/playground", { key: "nobody", model: "gpt-5" }, "button[value=resolve]"],
  ["/playground", { key: "failing", group: "gone", model: "gpt-5" }, "button[value=resolve]"],
  ["/playground/actions", { logical_group_id: "mixed", model: "gpt-5" }, "button.primary"],
  ["/tokens/new", { label: "made" }, "button.primary"],
];

let chromium, full, bare;

before(async () => {
  [chromium, full, bare] = await together(browser(), furnished(), empty());
});

after(() => ended([chromium, full, bare]));

/// One decision of each kind, and what came of asking hosts.
async function open() {
  const { items } = await full.call("GET", "decisions?limit=100");
  const kinds = new Map(items.map((decision) => [[decision.verdict, decision.error_class, decision.sticky_action].join(), decision.request_id]));
  const work = ["nara", "locked"].flatMap((host) => ["try", "probe", "sync", "reconcile"].map((ask) => `/hosts/${host}/work/${ask}`));
  const entries = ["/hosts/locked", "/hosts/gone", "/hosts/nara", "/routes/gone-gone", "/routes/locked-locked", "/routes/managed-nara",
    "/keys/failing", "/keys/narrow", "/keys/away", "/keys/old", "/groups/mixed", "/groups/bare", "/groups/mixed/act/delete", "/keys/away/act/enable"];
  return [...OPEN, ...work, ...entries, ...[...kinds.values()].map((id) => `/decisions/${id}`), `/playground/told/${items[0].request_id}`];
}

for (const language of ["zh", "en"]) {
  test(`every page is in ${language} alone, whatever has happened`, async () => {
    const { context, faults } = await visitor(chromium, full, { language });
    const { wrong, missed } = await crawl(context, full, await open(), FOREIGN[language]);
    await context.close();
    assert.deepEqual({ wrong, missed }, { wrong: [], missed: [] });
    assert.deepEqual(faults.filter((fault) => !/status of 40[04]/.test(fault)), []);
  });
}

test("every page of an empty installation is in zh alone", async () => {
  const { context } = await visitor(chromium, bare, { language: "zh" });
  const { wrong } = await crawl(context, bare, ["/", "/status", "/start/request"], FOREIGN.zh);
  await context.close();
  assert.deepEqual(wrong, []);
});

test("what forms refuse and announce is in zh alone", async () => {
  const { page, context } = await visitor(chromium, full, { language: "zh" });
  const wrong = [];
  for (const [path, entered, button] of FORMS) {
    await page.goto(full.base + path);
    for (const [name, text] of Object.entries(entered)) await page.fill(`[name="${name}"]`, text, { timeout: 5000 });
    await Promise.all([page.waitForNavigation({ timeout: 5000 }), page.click(button)]);
    await settled(page);
    wrong.push(...(await judged(page, FOREIGN.zh)));
  }
  await context.close();
  assert.deepEqual(wrong, []);
});

test("who may not come in is told so in their language", async () => {
  const viewer = { ...full, token: full.viewer };
  const visits = await Promise.all(["zh", "en"].map(async (language) => ({ judge: FOREIGN[language], ...(await visitor(chromium, viewer, { language })) })));
  const wrong = [];
  for (const { page, judge } of visits) {
    for (const path of ["/tokens", "/hosts/new", "/playground", "/notifications", "/hosts/nara"]) {
      await page.goto(full.base + path);
      wrong.push(...(await judged(page, judge)));
    }
    await Promise.all([page.waitForNavigation(), page.click("form[action='/logout'] button")]);
  }
  // In turns: after some attempts both are told to wait.
  for (let attempt = 0; attempt < 4; attempt += 1) {
    for (const { page, judge } of visits) {
      await page.fill("#token", "rma-wrong");
      await Promise.all([page.waitForNavigation(), page.press("#token", "Enter")]);
      wrong.push(...(await judged(page, judge)));
    }
  }
  for (const { context } of visits) await context.close();
  assert.deepEqual([...new Set(wrong)], []);
});

test("a text in the other language is found, and a name is none", () => {
  for (const [text, found] of [
    ["无法连接主机：Connection refused (os error 111)", ["Connection", "refused", "os", "error"]],
    ["路由 “mixed-nara” 的 key 已停用，请设置 allow_private = true", []],
    ["主机 nara 返回 401 INVALID_ADMIN_KEY：Invalid admin API key", []],
    ["rate-limited", ["rate", "limited"]],
    ["E-mail", ["E", "mail"]],
    ["用量 1.2 MiB，TTFT p50 80 ms", []],
  ]) {
    assert.deepEqual(english(text, NAMES), found, text);
  }
  assert.deepEqual(chinese("The host is 已停用."), ["已停用"]);
  assert.deepEqual(chinese("Tick “May have a private address”."), []);
});
