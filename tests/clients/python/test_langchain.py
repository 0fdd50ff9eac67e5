"""LangChain's `langchain-openai` package, through the relay, as its users use it."""
import openai
import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from relay import KEY, URL, host


def chat(model="gpt-5", **more):
    return ChatOpenAI(base_url=URL, api_key=KEY, model=model, max_retries=0, **more)


@pytest.mark.parametrize("responses", [False, True])
def test_an_answer_with_its_usage(responses):
    answer = chat(use_responses_api=responses).invoke("hello")
    assert answer.text.endswith("says: hello")
    assert answer.usage_metadata["total_tokens"] > 0


@pytest.mark.parametrize("responses", [False, True])
def test_a_stream_has_every_word(responses):
    chunks = list(chat(use_responses_api=responses, stream_usage=True).stream("one two 三"))
    assert "".join(chunk.text for chunk in chunks).endswith("says: one two 三")
    assert any(chunk.usage_metadata for chunk in chunks)


@pytest.mark.parametrize("responses", [False, True])
def test_tools(responses):
    host("tokyo", 'tool weather {"city":"Tōkyō"}')
    weather = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": {"type": "object", "properties": {}}}}
    answer = chat("gpt-5-solo", use_responses_api=responses).bind_tools([weather]).invoke("weather?")
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("weather", {"city": "Tōkyō"})]


def test_embeddings():
    assert len(OpenAIEmbeddings(base_url=URL, api_key=KEY, model="gpt-5", check_embedding_ctx_length=False).embed_query("x")) == 3


def test_errors_and_cuts_are_raised():
    with pytest.raises(openai.NotFoundError):
        chat("no-such-model").invoke("x")
    host("tokyo", "truncate 2")
    with pytest.raises(openai.APIError):
        list(chat("gpt-5-solo").stream("one two three four"))
