// An installation where everything has happened: what fails, what is refused, what runs out, what somebody has done.
// Every page has something to show of it, and the texts of the control plane come up.

import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { demo } from "./rig.mjs";

//   FAKE_HOST       the simulated host (default: target/release/examples/fake-host)
const program = resolve(process.env.FAKE_HOST ?? "../../target/release/examples/fake-host");

const ADMIN_KEY = `admin-${"7".repeat(64)}`;
const NOBODY = "http://127.0.0.1:1";
const DAY = 86_400_000;
const GROUPS = ["gone", "locked", "keyless", "mixed", "managed", "poor"];

/// Words of the names that this installation gives.
export const NAMES = new Set(["demo", "tokyo", "osaka", "nara", "mini", "spare", "locked", "resting", "failing", "narrow", "away", "bare", "old",
  "ops", "private", "reader", "lost", "pool", "group", "fresh", "made", ...GROUPS]);

/// A host with a panel, that answers as it is told.
function host(name) {
  const child = spawn(program, [name, `sk-${name}`], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${program} ended: is it of this version?`);
    return value;
  };
  const tell = async (command) => {
    child.stdin.write(`${command}\n`);
    await line();
  };
  return { line, tell, stop: () => child.kill() };
}

/// Calls of the admin API; those that do not answer as expected say so.
function api(server) {
  return async (method, path, body, expected = [200, 201, 204]) => {
    const answer = await fetch(`${server.base}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (!expected.includes(answer.status)) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
}

async function chat(server, key, model, conversation, stream = false) {
  const answer = await fetch(`${server.gateway}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "x-relay-conversation": conversation },
    body: JSON.stringify({ model, stream, messages: [{ role: "user", content: "Hello" }] }),
  });
  // A stream that the host cuts ends here in an error.
  await answer.text().catch(() => null);
}

/// The demo with all of that; `viewer` is a token that may only look, `nara` the address of a host, `stop` ends it all.
export async function furnished() {
  const server = await demo();
  const nara = host("nara");
  const stop = async () => {
    nara.stop();
    await server.stop();
  };
  try {
    const call = api(server);
    const address = await nara.line();
    await nara.tell(`panel ${ADMIN_KEY} 7`);
    await fleet(call, address);
    const keys = await issue(call);
    await traffic(server, nara, keys);
    const viewer = await acts(call);
    // The host that is gone is asked once more often than its breaker bears.
    for (const turn of ["three", "four", "five", "six"]) await chat(server, keys.failing, "gone/gpt-5", turn);
    return { ...server, call, viewer, nara: address, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function fleet(call, address) {
  const one = (host_id, base_url, more) => call("POST", "hosts", { host_id, kind: "openai", base_url, allow_private: true, ...more });
  await one("nara", address, { kind: "sub2api", admin_key: ADMIN_KEY, gateway_key: "sk-nara" });
  await one("locked", address, { kind: "sub2api", admin_key: `admin-${"0".repeat(64)}`, gateway_key: "sk-wrong" });
  await one("gone", NOBODY, { gateway_key: "sk-gone" });
  await one("keyless", address);
  await one("resting", address, { gateway_key: "sk-nara", enabled: false });
  for (const id of [...GROUPS, "bare"]) await call("POST", "groups", { logical_group_id: id });
  const route = (group, host_id, more) =>
    call("POST", "routes", { route_id: `${group}-${host_id}`, logical_group_id: group, public_model: "gpt-5", shadow_host_id: host_id, ...more });
  await route("gone", "gone");
  await route("locked", "locked");
  await route("keyless", "keyless", { credential: "caller" });
  await route("mixed", "gone", { priority: 1 });
  await route("mixed", "nara", { priority: 2 });
  await route("mixed", "resting", { priority: 1 });
  await route("managed", "nara", { credential: "managed", shadow_group_id: "7" });
  await route("managed", "locked", { credential: "managed", shadow_group_id: "pool" });
  await route("managed", "nara", { route_id: "lost-pool", credential: "managed", shadow_group_id: "pool", public_model: "gpt-5-mini" });
  await route("poor", "nara", { weight: 0 });
}

async function issue(call) {
  const key = async (key_id, more) => (await call("POST", "keys", { key_id, logical_groups: ["mixed"], ...more })).key;
  await key("old", { expires_at: "2026-01-01T00:00:00Z" });
  return {
    failing: await key("failing", { logical_groups: GROUPS, subscription_user: "team@relay.example" }),
    narrow: await key("narrow", {
      limits: { rpm: 1, tpd: 1000 },
      budgets: [{ money: "0.01", period: "month" }],
      expires_at: new Date(Date.now() + 3 * DAY).toISOString(),
    }),
    away: await key("away", { enabled: false }),
  };
}

async function traffic(server, nara, { failing, narrow, away }) {
  for (const group of GROUPS) {
    for (const turn of ["one", "two"]) await chat(server, failing, `${group}/gpt-5`, `${group}-${turn}`);
  }
  await nara.tell("truncate 2");
  await chat(server, failing, "mixed/gpt-5", "cut", true);
  await nara.tell("error API_KEY_QUOTA_EXHAUSTED");
  for (const turn of [1, 2, 3]) await chat(server, narrow, "gpt-5", `narrow-${turn}`);
  await chat(server, failing, "mixed/gpt-5", "after");
  await chat(server, failing, "mixed/gpt-9", "wrong");
  await chat(server, away, "gpt-5", "away");
}

/// What people do, so that the records have something of each; the token of one who may only look.
async function acts(call) {
  await call("POST", "resolve-route", { logical_group_id: "mixed", public_model: "gpt-5", scope: "conversation", subject_id: "asked" });
  await call("POST", "notifications/channels", { id: "ops", type: "webhook", url: "https://127.0.0.1:1/hook", secret: "a secret of ours" });
  const hook = { type: "webhook", url: `${NOBODY}/hook`, secret: "a secret of ours", allow_private: true, events: ["drift", "host_down"] };
  await call("POST", "notifications/channels", { id: "ops-private", ...hook });
  for (const id of ["ops", "ops-private"]) await call("POST", `notifications/channels/${id}/test`);
  await call("PATCH", "notifications/channels/ops", { enabled: false, quiet_hours: { from: "23:00", to: "08:00" }, min_severity: "warning" });
  const { token } = await call("POST", "tokens", { label: "reader", role: "viewer" });
  const lost = await call("POST", "tokens", { label: "lost", role: "operator" });
  await call("DELETE", `tokens/${lost.token_id}`);
  await call("POST", "managed-resources", { host_id: "nara", type: "group", name: "pool", remote_id: "9" });
  for (const host of ["nara", "locked"]) {
    for (const what of ["probe", "sync", "reconcile"]) {
      const body = what === "reconcile" ? { since: new Date(Date.now() - DAY).toISOString() } : {};
      await call("POST", `hosts/${host}/${what}`, body, host === "nara" ? [200] : [200, 502]);
    }
  }
  await call("PATCH", "routes/mixed-nara", { weight: 50 });
  await call("POST", "keys/failing/rotate", {});
  await call("DELETE", "routes/poor-nara");
  await call("POST", "hosts/resting/drain", {});
  const { items } = await call("GET", "generations");
  await call("POST", `generations/${items[1].generation}/rollback`, {});
  await call("POST", "health/clear-cooldowns", { at_once: true });
  return token;
}
