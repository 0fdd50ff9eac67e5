"""Clients that leave before an answer that is not streamed. Those that are not asynchronous can leave it only by their timeout."""
import asyncio

import anthropic
import openai
import pytest
from google import genai
from google.genai import types
from langchain_openai import ChatOpenAI

from relay import KEY, ROOT, URL, ask, decision, host, until_decided

MODEL = "gpt-5-solo"


async def openai_chat(headers):
    async with openai.AsyncOpenAI(base_url=URL, api_key=KEY, max_retries=0) as client:
        await client.chat.completions.create(model=MODEL, messages=ask("x"), extra_headers=headers)


async def openai_responses(headers):
    async with openai.AsyncOpenAI(base_url=URL, api_key=KEY, max_retries=0) as client:
        await client.responses.create(model=MODEL, input="x", extra_headers=headers)


async def anthropic_messages(headers):
    async with anthropic.AsyncAnthropic(base_url=ROOT, api_key=KEY, max_retries=0) as client:
        await client.messages.create(model=MODEL, max_tokens=100, messages=ask("x"), extra_headers=headers)


async def google(headers):
    async with genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=ROOT, headers=headers)).aio as client:
        await client.models.generate_content(model=MODEL, contents="x")


async def langchain(headers, responses=False):
    await ChatOpenAI(base_url=URL, api_key=KEY, model=MODEL, max_retries=0, default_headers=headers, use_responses_api=responses).ainvoke("x")


async def langchain_responses(headers):
    await langchain(headers, responses=True)


@pytest.mark.parametrize("call", [openai_chat, openai_responses, anthropic_messages, google, langchain, langchain_responses])
def test_leaving_ends_the_attempt(call):
    request_id = f"left-{call.__name__}"

    async def leave():
        answering = asyncio.create_task(call({"X-Request-ID": request_id}))
        await asyncio.to_thread(until_decided, request_id)
        answering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await answering

    host("tokyo", "", "/pause")
    try:
        asyncio.run(leave())
        found = decision(request_id)
    finally:
        host("tokyo", "", "/resume")
    assert found["verdict"] == "client_gone"
    assert [attempt["class"] for attempt in found["attempts"]] == ["client_gone"]
