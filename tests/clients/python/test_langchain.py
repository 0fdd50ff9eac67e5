"""LangChain's `langchain-openai` package, through the relay, as its users use it."""
import openai
import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from relay import KEY, URL, host, until_left


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


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("responses", [False, True])
def test_tools(responses, stream):
    host("tokyo", 'tool weather {"city":"Tōkyō"}')
    weather = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": {"type": "object", "properties": {}}}}
    bound = chat("gpt-5-solo", use_responses_api=responses).bind_tools([weather])
    if stream:
        first, second, *more = bound.stream("weather?")
        answer = sum(more, first + second)
    else:
        answer = bound.invoke("weather?")
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("weather", {"city": "Tōkyō"})]


def test_embeddings():
    assert len(OpenAIEmbeddings(base_url=URL, api_key=KEY, model="gpt-5", check_embedding_ctx_length=False).embed_query("x")) == 3


def test_a_model_that_the_relay_does_not_know():
    with pytest.raises(openai.NotFoundError) as caught:
        chat("no-such-model").invoke("x")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("responses", [False, True])
def test_a_stream_that_is_cut_raises(responses):
    host("tokyo", "truncate 6")
    with pytest.raises(openai.APIError) as caught:
        list(chat("gpt-5-solo", use_responses_api=responses).stream("one two three four"))
    assert caught.value.code == "stream_interrupted"


@pytest.mark.parametrize("responses,path", [(False, "/v1/chat/completions"), (True, "/v1/responses")])
def test_leaving_a_stream_ends_the_request_to_the_host(responses, path):
    host("tokyo", "pace 20 10000")
    stream = chat("gpt-5-solo", use_responses_api=responses).stream("x")
    assert any(chunk.text for chunk in stream)
    stream.close()
    until_left("tokyo", path)
