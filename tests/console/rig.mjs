// Starts what the tests look at, and the browser they look with.
//
//   RELAY_MANAGER   the binary (default: target/release/relay-manager)
//   CHROMIUM        the browser (default: /usr/bin/chromium)

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const program = resolve(process.env.RELAY_MANAGER ?? "../../target/release/relay-manager");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/// A process that says in JSON where it is; `read` makes its answer of the lines so far, once it can.
function start(args, env, read) {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  const stop = async () => {
    if (child.exitCode !== null) return;
    const gone = new Promise((done) => child.once("exit", done));
    child.kill("SIGINT");
    await gone;
  };
  return new Promise((done, fail) => {
    let text = "";
    child.once("exit", (code) => fail(new Error(`${program} ${args.join(" ")} ended with ${code}: ${text}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      text += `${line}\n`;
      const told = read(text);
      if (told) done({ ...told, stop });
    });
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/// The demo: two simulated hosts, a fleet, a key and a little traffic.
export async function demo() {
  const told = await start(["demo", "--json"], {}, parsed);
  return { base: told.admin, token: told.admin_token, ...told };
}

/// An installation that nobody has touched.
export async function empty() {
  const data = mkdtempSync(join(tmpdir(), "relay-console-"));
  const token = `rma-${"7".repeat(64)}`;
  const args = ["serve", "--json", "--data-dir", data, "--gateway-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
  const env = { RELAY_MANAGER_ADMIN_TOKEN: token, RELAY_MANAGER_STATUS_PAGE_ENABLED: "true", RELAY_MANAGER_STATUS_PAGE_LISTEN: "127.0.0.1:0" };
  const told = await start(args, env, (text) => {
    const lines = text.trim().split("\n").map(parsed);
    return lines.find((line) => line?.admin);
  });
  const stop = async () => {
    await told.stop();
    rmSync(data, { recursive: true, force: true });
  };
  return { base: told.admin, status_page: told.status_page, token, stop };
}

/// What tests look at, begun at once; when one of it does not come up, the others are ended, so that the tests are.
export async function together(...starting) {
  const begun = await Promise.allSettled(starting);
  const failed = begun.find(({ status }) => status === "rejected");
  if (!failed) return begun.map(({ value }) => value);
  await ended(begun.map(({ value }) => value));
  throw failed.reason;
}

/// Ends servers and browsers, those that are there.
export async function ended(all) {
  await Promise.all(all.map((one) => one?.stop?.() ?? one?.close?.()));
}

/// The browser of the system; nothing is downloaded.
export function browser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

/// A window that is logged in. What goes wrong in it is in `faults`: errors of scripts, and what the policy blocked.
export async function visitor(chromium, server, { language = "en", theme = "light", width = 1440, height = 900 } = {}) {
  const context = await chromium.newContext({ viewport: { width, height }, locale: language === "zh" ? "zh-CN" : "en-US", timezoneId: "Asia/Shanghai" });
  await context.addInitScript(axe);
  const url = server.base;
  await context.addCookies([
    { name: "relay_language", value: language, url },
    { name: "relay_theme", value: theme, url },
  ]);
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`${page.url()}: ${error}`));
  await page.goto(`${server.base}/login`);
  await page.fill("#token", server.token);
  await page.press("#token", "Enter");
  await page.waitForURL(`${server.base}/`);
  return { page, context, faults };
}

/// What axe finds that keeps people out. It comes in over the debugger, where a page's policy lets no script in.
export async function barriers(page) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const grave = found.violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return grave.map(({ id, nodes }) => `${page.url()}: ${id}: ${nodes.map(({ html }) => html).slice(0, 3).join(" ")}`);
}
