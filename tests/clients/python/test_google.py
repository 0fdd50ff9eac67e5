"""The official `google-genai` package, through the relay, as its users use it."""
import pytest
from google import genai
from google.genai import errors, types

from relay import KEY, ROOT, decision, host, until_left


@pytest.fixture
def client():
    return genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=ROOT))


def test_an_answer_with_its_usage(client):
    answer = client.models.generate_content(model="gpt-5", contents="hello")
    assert answer.text.endswith("says: hello")
    assert answer.model_version == "gpt-5"
    headers = {name.lower(): value for name, value in answer.sdk_http_response.headers.items()}
    found = decision(headers["x-request-id"])
    assert (found["surface"], found["verdict"]) == ("gemini", "complete")
    assert found["usage"]["input"] == answer.usage_metadata.prompt_token_count
    assert found["usage"]["output"] == answer.usage_metadata.candidates_token_count


def test_a_stream_has_every_word(client):
    text = "".join(chunk.text or "" for chunk in client.models.generate_content_stream(model="gpt-5", contents="one two 三"))
    assert text.endswith("says: one two 三")


def test_a_silent_stream_is_kept_alive_without_harm(client):
    # The relay that these tests run against says something after 15 s of silence.
    host("tokyo", "pace 16000 1")
    chunks = list(client.models.generate_content_stream(model="gpt-5-solo", contents="x"))
    assert "".join(chunk.text or "" for chunk in chunks) == "word "


@pytest.mark.parametrize("stream", [False, True])
def test_tools(client, stream):
    host("tokyo", 'tool weather {"city":"Tōkyō"}')
    weather = types.FunctionDeclaration(name="weather", description="The weather.")
    automatic = types.AutomaticFunctionCallingConfig(disable=True)
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[weather])], automatic_function_calling=automatic)
    request = dict(model="gpt-5-solo", contents="weather?", config=config)
    answers = list(client.models.generate_content_stream(**request)) if stream else [client.models.generate_content(**request)]
    [call] = [call for answer in answers for call in answer.function_calls or []]
    assert (call.name, call.args) == ("weather", {"city": "Tōkyō"})


def test_counting_and_embedding(client):
    assert client.models.count_tokens(model="gpt-5", contents="one two").total_tokens == 3
    assert len(client.models.embed_content(model="gpt-5", contents="x").embeddings[0].values) == 3


def test_models(client):
    assert {model.name for model in client.models.list()} == {"models/gpt-5", "models/gpt-5-solo"}
    assert client.models.get(model="gpt-5").name == "models/gpt-5"


def test_a_model_that_the_relay_does_not_know(client):
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model="no-such-model", contents="x")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")


def test_a_stream_that_is_cut_raises(client):
    host("tokyo", "truncate 2")
    with pytest.raises(errors.ServerError) as caught:
        list(client.models.generate_content_stream(model="gpt-5-solo", contents="one two three four"))
    assert "stream_interrupted" in str(caught.value.details)


def test_leaving_a_stream_ends_the_request_to_the_host(client):
    host("tokyo", "pace 20 10000")
    stream = client.models.generate_content_stream(model="gpt-5-solo", contents="x")
    next(stream)
    stream.close()
    client.close()
    until_left("tokyo", "/v1beta/models/shadow-tokyo:streamGenerateContent")
