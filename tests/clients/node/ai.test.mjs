// The Vercel AI SDK with `@ai-sdk/openai-compatible`, through the relay, as its users use it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embed, generateText, jsonSchema, streamText, tool } from "ai";
import { RELAY_KEY, RELAY_URL, host, untilLeft } from "./relay.mjs";

const relay = createOpenAICompatible({ name: "relay", baseURL: RELAY_URL, apiKey: RELAY_KEY, includeUsage: true });
const ask = (model, prompt, more = {}) => ({ model: relay(model), prompt, maxRetries: 0, ...more });

test("an answer with its usage", async () => {
  const { text, usage } = await generateText(ask("gpt-5", "hello"));
  assert.match(text, /says: hello$/);
  assert.ok(usage.totalTokens > 0);
});

test("a stream has every word and its usage", async () => {
  const answer = streamText(ask("gpt-5", "one two 三"));
  let text = "";
  for await (const word of answer.textStream) text += word;
  assert.match(text, /says: one two 三$/);
  assert.ok((await answer.usage).totalTokens > 0);
});

for (const stream of [false, true]) {
  test(`tools, stream ${stream}`, async () => {
    await host("tokyo", 'tool weather {"city":"Tōkyō"}');
    const tools = { weather: tool({ description: "The weather.", inputSchema: jsonSchema({ type: "object", properties: { city: { type: "string" } } }) }) };
    const answer = stream ? streamText(ask("gpt-5-solo", "weather?", { tools })) : await generateText(ask("gpt-5-solo", "weather?", { tools }));
    if (stream) await answer.consumeStream();
    const [call] = await answer.toolCalls;
    assert.deepEqual([call.toolName, call.input], ["weather", { city: "Tōkyō" }]);
  });
}

test("embeddings", async () => {
  const { embedding } = await embed({ model: relay.embeddingModel("gpt-5"), value: "x" });
  assert.equal(embedding.length, 3);
});

test("a model that the relay does not know", async () => {
  await assert.rejects(generateText(ask("no-such-model", "x")), (error) => error.statusCode === 404 && error.data.error.code === "model_not_found");
});

test("a cut stream is an error", async () => {
  await host("tokyo", "truncate 3");
  const errors = [];
  const answer = streamText(ask("gpt-5-solo", "one two three four five", { onError: ({ error }) => errors.push(error) }));
  await answer.consumeStream();
  assert.deepEqual(errors.map((error) => error.code), ["stream_interrupted"]);
});

test("leaving a stream ends the request to the host", async () => {
  await host("tokyo", "pace 20 10000");
  const leaving = new AbortController();
  const answer = streamText(ask("gpt-5-solo", "x", { abortSignal: leaving.signal, onError: () => {} }));
  for await (const _ of answer.textStream) break;
  leaving.abort();
  await untilLeft("tokyo", "/v1/chat/completions");
});
