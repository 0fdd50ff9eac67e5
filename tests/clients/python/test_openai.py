"""The official `openai` package for Python, through the relay, as its users use it."""
import asyncio
import json

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from relay import KEY, URL, ask, decision, heal, host


def wait_until_hung_up(name):
    """The relay lets go of a host's request when its client leaves; the host sees it a moment later."""
    for _ in range(3000):
        if json.loads(host(name, "received").splitlines()[-1])["hung_up"]:
            return
    raise AssertionError(f"{name} goes on working for nobody")


@pytest.fixture
def client():
    return OpenAI(base_url=URL, api_key=KEY, max_retries=0)


def test_an_answer_and_its_routing_headers(client):
    raw = client.chat.completions.with_raw_response.create(model="gpt-5", messages=ask("hello"))
    answer = raw.parse()
    assert answer.choices[0].message.content.endswith("says: hello")
    assert answer.model == "gpt-5"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert raw.headers["x-relay-host"] in ("tokyo", "osaka")
    assert raw.headers["x-request-id"]


def test_a_stream_has_every_word_the_public_model_and_its_usage(client):
    stream = client.chat.completions.create(model="gpt-5", messages=ask("one two three"), stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.endswith("says: one two three")
    assert {chunk.model for chunk in chunks} == {"gpt-5"}
    assert chunks[-1].usage.total_tokens > 0


def test_models_are_those_of_the_key(client):
    assert {model.id for model in client.models.list()} == {"gpt-5", "gpt-5-solo"}
    assert client.models.retrieve("gpt-5").id == "gpt-5"


@pytest.mark.parametrize("stream", [False, True])
def test_tools(client, stream):
    host("tokyo", 'tool weather {"city":"Tōkyō"}')
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]
    answer = client.chat.completions.create(model="gpt-5-solo", messages=ask("weather?"), tools=tools, stream=stream)
    if stream:
        calls = [call for chunk in answer if chunk.choices for call in chunk.choices[0].delta.tool_calls or []]
        name = calls[0].function.name
        arguments = "".join(call.function.arguments or "" for call in calls)
    else:
        [call] = answer.choices[0].message.tool_calls
        name, arguments = call.function.name, call.function.arguments
    assert (name, json.loads(arguments)) == ("weather", {"city": "Tōkyō"})


def test_errors_are_the_classes_that_the_package_knows(client):
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="no-such-model", messages=ask("x"))
    assert unknown.value.code == "model_not_found" and unknown.value.param == "model"
    with pytest.raises(openai.AuthenticationError):
        OpenAI(base_url=URL, api_key="sk-wrong", max_retries=0).models.list()
    host("tokyo", "error CONTEXT_LENGTH_EXCEEDED")
    with pytest.raises(openai.BadRequestError) as too_long:
        client.chat.completions.create(model="gpt-5-solo", messages=ask("x"))
    assert too_long.value.code == "context_length_exceeded"


def test_a_refused_host_key_rests_until_the_operator_has_mended_it(client):
    host("tokyo", "error INVALID_API_KEY")
    for code in ("upstream_auth", "no_eligible_route"):
        with pytest.raises(openai.InternalServerError) as refused:
            client.chat.completions.create(model="gpt-5-solo", messages=ask("x"))
        assert refused.value.code == code
    assert heal("tokyo")["routes"]
    assert client.chat.completions.create(model="gpt-5-solo", messages=ask("well again")).choices[0].message.content


def test_a_cut_stream_is_an_error_and_never_a_short_answer(client):
    host("tokyo", "truncate 3")
    stream = client.chat.completions.create(model="gpt-5-solo", messages=ask("one two three four five"), stream=True)
    with pytest.raises(openai.APIError) as cut:
        list(stream)
    assert cut.value.code == "stream_interrupted"


def test_cancelling_a_stream_is_logged_and_harmless(client):
    host("tokyo", "pace 50 2000")
    raw = client.chat.completions.with_raw_response.create(model="gpt-5-solo", messages=ask("long"), stream=True)
    stream = raw.parse()
    next(iter(stream))
    stream.close()
    assert decision(raw.headers["x-request-id"])["verdict"] == "client_gone"
    wait_until_hung_up("tokyo")
    assert client.chat.completions.create(model="gpt-5-solo", messages=ask("still there")).choices[0].message.content


def test_fifty_parallel_streams_never_mix():
    async def one(client, number):
        prompt = f"conversation {number} " * 5
        stream = await client.chat.completions.create(model="gpt-5", messages=ask(prompt.strip()), stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
        assert text.endswith("says: " + prompt.strip())
        return text.split()[0]

    async def all_of_them():
        async with AsyncOpenAI(base_url=URL, api_key=KEY, max_retries=0) as client:
            return await asyncio.gather(*(one(client, number) for number in range(50)))

    assert set(asyncio.run(all_of_them())) == {"tokyo", "osaka"}
