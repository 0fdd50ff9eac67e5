// The official `openai` package for Node, through the relay, as its users use it.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { RELAY_KEY, RELAY_URL, decision, host, untilLeft } from "./relay.mjs";

const client = new OpenAI({ baseURL: RELAY_URL, apiKey: RELAY_KEY, maxRetries: 0 });
const ask = (content) => [{ role: "user", content }];

async function textOf(stream) {
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
  return text;
}

test("an answer, with the public model and its usage", async () => {
  const answer = await client.chat.completions.create({ model: "gpt-5", messages: ask("hello") });
  assert.match(answer.choices[0].message.content, /says: hello$/);
  assert.equal(answer.model, "gpt-5");
  assert.ok(answer.usage.total_tokens > 0);
});

test("a stream has every word", async () => {
  const stream = await client.chat.completions.create({ model: "gpt-5", messages: ask("one two 三"), stream: true });
  assert.match(await textOf(stream), /says: one two 三$/);
});

test("models are those of the key", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.deepEqual(ids.sort(), ["gpt-5", "gpt-5-solo"]);
});

for (const stream of [false, true]) {
  test(`tools, stream ${stream}`, async () => {
    await host("tokyo", 'tool weather {"city":"Tōkyō"}');
    const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } }];
    const answer = await client.chat.completions.create({ model: "gpt-5-solo", messages: ask("weather?"), tools, stream });
    let args = "";
    if (stream) {
      for await (const chunk of answer) args += chunk.choices[0]?.delta?.tool_calls?.[0]?.function?.arguments ?? "";
    } else {
      args = answer.choices[0].message.tool_calls[0].function.arguments;
    }
    assert.deepEqual(JSON.parse(args), { city: "Tōkyō" });
  });
}

test("errors are the classes that the package knows", async () => {
  const call = (model) => client.chat.completions.create({ model, messages: ask("x") });
  await assert.rejects(call("no-such-model"), (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found");
  await host("tokyo", "error CONTEXT_LENGTH_EXCEEDED");
  await assert.rejects(call("gpt-5-solo"), (error) => error instanceof OpenAI.BadRequestError && error.code === "context_length_exceeded");
});

test("a cut stream is an error and never a short answer", async () => {
  await host("tokyo", "truncate 3");
  const stream = await client.chat.completions.create({ model: "gpt-5-solo", messages: ask("one two three four five"), stream: true });
  await assert.rejects(textOf(stream), (error) => error instanceof OpenAI.APIError && error.code === "stream_interrupted");
});

test("cancelling a stream is logged and ends the request to the host", async () => {
  await host("tokyo", "pace 50 2000");
  const call = client.chat.completions.create({ model: "gpt-5-solo", messages: ask("long"), stream: true });
  const { data: stream, response } = await call.withResponse();
  for await (const _ of stream) break;
  assert.equal((await decision(response.headers.get("x-request-id"))).verdict, "client_gone");
  await untilLeft("tokyo", "/v1/chat/completions");
});

test("fifty parallel streams never mix", async () => {
  const one = async (number) => {
    const prompt = `conversation ${number} `.repeat(5).trim();
    const stream = await client.chat.completions.create({ model: "gpt-5", messages: ask(prompt), stream: true });
    const text = await textOf(stream);
    assert.ok(text.endsWith(`says: ${prompt}`), text);
    return text.split(" ")[0];
  };
  const hosts = await Promise.all(Array.from({ length: 50 }, (_, number) => one(number)));
  assert.deepEqual([...new Set(hosts)].sort(), ["osaka", "tokyo"]);
});

test("a conversation survives the death of its host", async () => {
  const where = async () => {
    const headers = { "X-Relay-Conversation": "the-one" };
    const { response } = await client.chat.completions.create({ model: "gpt-5", messages: ask("turn") }, { headers }).withResponse();
    return response.headers.get("x-relay-host");
  };
  const home = await where();
  assert.equal(await where(), home);
  await host(home, "", "/kill");
  assert.notEqual(await where(), home);
});
