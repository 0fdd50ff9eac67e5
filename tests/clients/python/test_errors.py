"""Errors of the relay and of a host: each package's own class, with the words that tell what is wrong, streamed and not."""
import anthropic
import openai
import pytest
from google import genai
from google.genai import errors, types
from langchain_openai import ChatOpenAI

from relay import KEY, ROOT, URL, ask, heal, host

MODEL = "gpt-5-solo"


def openai_chat(key, stream):
    return openai.OpenAI(base_url=URL, api_key=key, max_retries=0).chat.completions.create(model=MODEL, messages=ask("x"), stream=stream)


def openai_responses(key, stream):
    return openai.OpenAI(base_url=URL, api_key=key, max_retries=0).responses.create(model=MODEL, input="x", stream=stream)


def anthropic_messages(key, stream):
    client = anthropic.Anthropic(base_url=ROOT, api_key=key, max_retries=0)
    return client.messages.create(model=MODEL, max_tokens=100, messages=ask("x"), stream=stream)


def google(key, stream):
    client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=ROOT))
    if stream:
        # Asks when it is iterated, for which its client must still be there.
        yield from client.models.generate_content_stream(model=MODEL, contents="x")
    else:
        yield client.models.generate_content(model=MODEL, contents="x")


def langchain(key, stream, responses=False):
    chat = ChatOpenAI(base_url=URL, api_key=key, model=MODEL, max_retries=0, use_responses_api=responses)
    return chat.stream("x") if stream else chat.invoke("x")


def langchain_responses(key, stream):
    return langchain(key, stream, responses=True)


# LangChain's errors are also OpenAI's.
OPENAI = {400: openai.BadRequestError, 401: openai.AuthenticationError, 429: openai.RateLimitError, 502: openai.InternalServerError}
ANTHROPIC = {400: anthropic.BadRequestError, 401: anthropic.AuthenticationError, 429: anthropic.RateLimitError, 502: anthropic.InternalServerError}
GOOGLE = {400: errors.ClientError, 401: errors.ClientError, 429: errors.ClientError, 502: errors.ServerError}
CLIENTS = [(openai_chat, OPENAI), (openai_responses, OPENAI), (anthropic_messages, ANTHROPIC), (google, GOOGLE), (langchain, OPENAI), (langchain_responses, OPENAI)]


def check(call, classes, key, stream, status, words):
    with pytest.raises(classes[status]) as caught:
        # What is streamed may fail only when it is read.
        list(call(key, stream))
    error = caught.value
    assert (error.code if call is google else error.status_code) == status
    assert words in str(error)


every_client = pytest.mark.parametrize("call,classes", CLIENTS, ids=[call.__name__ for call, _ in CLIENTS])
whole_and_streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@whole_and_streamed
@every_client
def test_a_key_that_the_relay_does_not_know(call, classes, stream):
    check(call, classes, "sk-wrong", stream, 401, "Incorrect API key provided.")


@pytest.mark.parametrize("error,status,words", [
    # The request's own fault is told in the host's words, the host's in ours.
    ("UPSTREAM_BAD_REQUEST", 400, "This model's maximum context length is 400000 tokens."),
    ("UPSTREAM_RATE_LIMITED", 429, "The upstream rate limit was reached."),
    ("UPSTREAM_UNAVAILABLE", 502, "The upstream host failed to serve the request."),
], ids=["400", "429", "502"])
@whole_and_streamed
@every_client
def test_an_error_of_the_host(call, classes, stream, error, status, words):
    host("tokyo", f"error {error}")
    try:
        check(call, classes, KEY, stream, status, words)
    finally:
        heal("tokyo")
