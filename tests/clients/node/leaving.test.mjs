// Clients that leave before an answer that is not streamed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText } from "ai";
import OpenAI from "openai";
import { RELAY_KEY, RELAY_URL, decision, host, untilDecided } from "./relay.mjs";

const model = "gpt-5-solo";

function openai(headers, signal) {
  const client = new OpenAI({ baseURL: RELAY_URL, apiKey: RELAY_KEY, maxRetries: 0 });
  return client.chat.completions.create({ model, messages: [{ role: "user", content: "x" }] }, { headers, signal });
}

function ai(headers, abortSignal) {
  const relay = createOpenAICompatible({ name: "relay", baseURL: RELAY_URL, apiKey: RELAY_KEY });
  return generateText({ model: relay(model), prompt: "x", maxRetries: 0, headers, abortSignal });
}

for (const call of [openai, ai]) {
  test(`${call.name}: leaving ends the attempt`, async () => {
    const id = `left-${call.name}`;
    const leaving = new AbortController();
    await host("tokyo", "", "/pause");
    try {
      const answer = assert.rejects(call({ "X-Request-ID": id }, leaving.signal), /abort/i);
      await untilDecided(id);
      leaving.abort();
      await answer;
      const { verdict, attempts } = await decision(id);
      assert.deepEqual([verdict, attempts.map((attempt) => attempt.class)], ["client_gone", ["client_gone"]]);
    } finally {
      await host("tokyo", "", "/resume");
    }
  });
}
