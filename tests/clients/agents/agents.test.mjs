// Claude Code and Codex, one prompt each, through the relay, without any other network.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const { RELAY_URL, RELAY_KEY, RELAY_CONTROL, PATH } = process.env;
const bin = new URL("node_modules/.bin/", import.meta.url).pathname;

// A home of its own: no settings, sessions or credentials of whoever runs this.
function home() {
  return mkdtempSync(join(tmpdir(), "relay-agents-"));
}

function run(program, options, env) {
  const folder = home();
  const child = spawn(join(bin, program), options, { cwd: folder, env: { PATH, HOME: folder, ...env }, stdio: ["ignore", "pipe", "pipe"], timeout: 90_000 });
  let output = "", errors = "";
  child.stdout.on("data", (text) => (output += text));
  child.stderr.on("data", (text) => (errors += text));
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ status: -1, output, errors: String(error) }));
    child.on("close", (status) => resolve({ status, output, errors }));
  });
}

// Why a program cannot be tried here, if it cannot.
async function absent(program) {
  const { status, errors } = await run(program, ["--version"], {});
  return status === 0 ? undefined : `${program} does not start: ${errors.trim().replace(/\s+/g, " ")}`;
}

async function paths() {
  const received = await Promise.all(["tokyo", "osaka"].map(async (name) => (await fetch(`${RELAY_CONTROL}/${name}`, { method: "POST", body: "received" })).text()));
  return received.join("\n").split("\n").filter(Boolean).map((line) => JSON.parse(line).path);
}

test("Claude Code answers a prompt", async (t) => {
  const reason = await absent("claude");
  if (reason) return t.skip(reason);
  const models = Object.fromEntries(["ANTHROPIC_MODEL", "ANTHROPIC_SMALL_FAST_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL"].map((name) => [name, "gpt-5"]));
  const { status, output, errors } = await run("claude", ["-p", "say hello"], {
    ANTHROPIC_BASE_URL: RELAY_URL.replace(/\/v1$/, ""), ANTHROPIC_AUTH_TOKEN: RELAY_KEY, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1", ...models,
  });
  assert.equal(status, 0, errors);
  assert.match(output, /says: [^]*say hello/);
  assert.ok((await paths()).includes("/v1/messages"));
});

test("Codex answers a prompt", async (t) => {
  const reason = await absent("codex");
  if (reason) return t.skip(reason);
  const folder = home();
  writeFileSync(join(folder, "config.toml"), `model = "gpt-5"
model_provider = "relay"
[model_providers.relay]
name = "Relay Manager"
base_url = "${RELAY_URL}"
env_key = "RELAY_KEY"
wire_api = "responses"
`);
  const { status, output, errors } = await run("codex", ["exec", "--skip-git-repo-check", "say hello"], { RELAY_KEY, CODEX_HOME: folder });
  assert.equal(status, 0, errors);
  assert.match(output, /says: say hello/);
  assert.ok((await paths()).includes("/v1/responses"));
});
