// What the tests share: where the relay is, what its hosts are to do, what it has recorded.
export const { RELAY_URL, RELAY_KEY } = process.env;
const { RELAY_ADMIN, RELAY_TOKEN, RELAY_CONTROL } = process.env;

export async function host(name, command, verb = "") {
  return (await fetch(`${RELAY_CONTROL}/${name}${verb}`, { method: "POST", body: command })).text();
}

async function admin(path, body) {
  const headers = { Authorization: `Bearer ${RELAY_TOKEN}`, "Content-Type": "application/json" };
  const answer = await fetch(`${RELAY_ADMIN}/api/v1${path}`, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  if (answer.status === 404) return undefined;
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

// The decision of a request, once its outcome is written.
export async function decision(requestId) {
  for (let tries = 0; tries < 3000; tries++) {
    const found = await admin(`/decisions/${requestId}`);
    if (found && found.verdict !== "open") return found;
  }
  throw new Error(`${requestId} is still open`);
}

// Waits until the relay has chosen a host for a request.
export async function untilDecided(requestId) {
  for (let tries = 0; tries < 3000; tries++) {
    if (await admin(`/decisions/${requestId}`)) return;
  }
  throw new Error(`${requestId} did not come`);
}

// Ends what a host's failures have brought on it, as its operator would.
export async function heal(name) {
  await admin("/health/clear-cooldowns", { host_id: name, at_once: true });
}

// Waits until a client has left the last request for `path`.
export async function untilLeft(name, path) {
  for (let tries = 0; tries < 3000; tries++) {
    const received = (await host(name, "received")).trim().split("\n").map((line) => JSON.parse(line));
    if (received.filter((request) => request.path === path).at(-1).hung_up) return;
  }
  throw new Error(`the last request for ${path} still has its client`);
}
