// Errors of the relay and of a host: each package's own class, with the words that tell what is wrong, streamed and not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, streamText } from "ai";
import OpenAI from "openai";
import { RELAY_KEY, RELAY_URL, heal, host } from "./relay.mjs";

const model = "gpt-5-solo";

async function openai(apiKey, stream) {
  const client = new OpenAI({ baseURL: RELAY_URL, apiKey, maxRetries: 0 });
  await client.chat.completions.create({ model, messages: [{ role: "user", content: "x" }], stream });
}

async function ai(apiKey, stream) {
  const relay = createOpenAICompatible({ name: "relay", baseURL: RELAY_URL, apiKey });
  const request = { model: relay(model), prompt: "x", maxRetries: 0 };
  if (!stream) return generateText(request);
  // It raises nothing by itself.
  const errors = [];
  await streamText({ ...request, onError: ({ error }) => errors.push(error) }).consumeStream();
  assert.equal(errors.length, 1);
  throw errors[0];
}

const classes = { 400: OpenAI.BadRequestError, 401: OpenAI.AuthenticationError, 429: OpenAI.RateLimitError, 502: OpenAI.InternalServerError };
const clients = [
  ["openai", openai, (error, status) => error instanceof classes[status] && error.status === status],
  ["ai", ai, (error, status) => APICallError.isInstance(error) && error.statusCode === status && error.isRetryable === status > 401],
];

// The request's own fault is told in the host's words, the host's in ours.
const ofTheHost = [
  ["UPSTREAM_BAD_REQUEST", 400, "This model's maximum context length is 400000 tokens."],
  ["UPSTREAM_RATE_LIMITED", 429, "The upstream rate limit was reached."],
  ["UPSTREAM_UNAVAILABLE", 502, "The upstream host failed to serve the request."],
];

for (const [name, call, is] of clients) {
  for (const stream of [false, true]) {
    const fails = (key, status, words) => assert.rejects(call(key, stream), (error) => is(error, status) && error.message.includes(words));

    test(`${name}, stream ${stream}: a key that the relay does not know`, async () => {
      await fails("sk-wrong", 401, "Incorrect API key provided.");
    });

    for (const [error, status, words] of ofTheHost) {
      test(`${name}, stream ${stream}: an error of the host, ${status}`, async () => {
        await host("tokyo", `error ${error}`);
        try {
          await fails(RELAY_KEY, status, words);
        } finally {
          await heal("tokyo");
        }
      });
    }
  }
}
