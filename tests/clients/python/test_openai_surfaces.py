"""The official `openai` package on the surfaces besides chat completions."""
import io

import openai
import pytest
from openai import OpenAI

from relay import KEY, URL, decision, host, until_left


@pytest.fixture
def client():
    return OpenAI(base_url=URL, api_key=KEY, max_retries=0)


def test_a_response_is_continued_where_it_was_made(client):
    raw = client.responses.with_raw_response.create(model="gpt-5", input="hello")
    first = raw.parse()
    assert first.output_text.endswith("says: hello")
    assert first.model == "gpt-5"
    again = client.responses.with_raw_response.create(model="gpt-5", input="go on", previous_response_id=first.id)
    assert again.headers["x-relay-host"] == raw.headers["x-relay-host"]
    found = decision(raw.headers["x-request-id"])
    assert (found["surface"], found["usage"]["output"]) == ("responses", first.usage.output_tokens)
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="gpt-5", input="go on", previous_response_id="resp_unknown")
    assert caught.value.code == "previous_response_not_found"


def test_a_streamed_response_has_every_word(client):
    with client.responses.stream(model="gpt-5", input="one two 三") as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert text.endswith("says: one two 三")
    assert (final.model, final.status) == ("gpt-5", "completed")


@pytest.mark.parametrize("stream", [False, True])
def test_tools(client, stream):
    host("tokyo", 'tool weather {"city":"Tōkyō"}')
    tools = [{"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}, "strict": False}]
    request = dict(model="gpt-5-solo", input="weather?", tools=tools)
    if stream:
        with client.responses.stream(**request) as stream:
            answer = stream.get_final_response()
    else:
        answer = client.responses.create(**request)
    [call] = [item for item in answer.output if item.type == "function_call"]
    assert (call.name, call.arguments) == ("weather", '{"city":"Tōkyō"}')


def test_a_streamed_response_that_is_cut_raises(client):
    host("tokyo", "truncate 6")
    with pytest.raises(openai.APIError) as caught:
        for _ in client.responses.create(model="gpt-5-solo", input="one two three four", stream=True):
            pass
    assert caught.value.code == "stream_interrupted"


def test_leaving_a_stream_ends_the_request_to_the_host(client):
    host("tokyo", "pace 20 10000")
    with client.responses.create(model="gpt-5-solo", input="x", stream=True) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                break
    until_left("tokyo", "/v1/responses")


def test_embeddings(client):
    answer = client.embeddings.create(model="gpt-5", input="x", encoding_format="float")
    assert (len(answer.data[0].embedding), answer.model) == (3, "gpt-5")


def test_images_from_words_and_from_a_form(client):
    assert client.images.generate(model="gpt-5", prompt="a cat").data[0].b64_json
    picture = io.BytesIO(b"\x89PNG\r\n\r\n--not-a-boundary\r\n")
    picture.name = "cat.png"
    assert client.images.edit(model="gpt-5", prompt="with a hat", image=picture).data[0].b64_json
