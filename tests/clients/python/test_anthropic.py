"""The official `anthropic` package, through the relay, as its users use it."""
import anthropic
import pytest

from relay import KEY, ROOT, ask, decision, host, until_left


@pytest.fixture
def client():
    return anthropic.Anthropic(base_url=ROOT, api_key=KEY, max_retries=0)


def test_an_answer_with_its_usage(client):
    raw = client.messages.with_raw_response.create(model="gpt-5", max_tokens=100, messages=ask("hello"))
    answer = raw.parse()
    assert answer.content[0].text.endswith("says: hello")
    assert (answer.model, answer.stop_reason) == ("gpt-5", "end_turn")
    found = decision(raw.headers["x-request-id"])
    assert (found["surface"], found["verdict"]) == ("messages", "complete")
    assert found["usage"]["input"] == answer.usage.input_tokens + answer.usage.cache_read_input_tokens
    assert found["usage"]["output"] == answer.usage.output_tokens


def test_a_stream_has_every_word(client):
    with client.messages.stream(model="gpt-5", max_tokens=100, messages=ask("one two 三")) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text.endswith("says: one two 三")
    assert (message.model, message.stop_reason) == ("gpt-5", "end_turn")


@pytest.mark.parametrize("stream", [False, True])
def test_tools(client, stream):
    host("tokyo", 'tool weather {"city":"Tōkyō"}')
    request = dict(model="gpt-5-solo", max_tokens=100, messages=ask("weather?"), tools=[{"name": "weather", "input_schema": {"type": "object"}}])
    if stream:
        with client.messages.stream(**request) as stream:
            answer = stream.get_final_message()
    else:
        answer = client.messages.create(**request)
    [call] = [block for block in answer.content if block.type == "tool_use"]
    assert (call.name, call.input) == ("weather", {"city": "Tōkyō"})


def test_counting_tokens(client):
    assert client.messages.count_tokens(model="gpt-5", messages=ask("one two")).input_tokens == 3


def test_models(client):
    assert {model.id for model in client.models.list()} == {"gpt-5", "gpt-5-solo"}
    assert client.models.retrieve("gpt-5").type == "model"


def test_a_model_that_the_relay_does_not_know(client):
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.create(model="no-such-model", max_tokens=1, messages=ask("x"))
    assert caught.value.body["error"]["type"] == "not_found_error"


def test_a_stream_that_is_cut_raises(client):
    host("tokyo", "truncate 6")
    with pytest.raises(anthropic.APIError) as caught:
        for _ in client.messages.create(model="gpt-5-solo", max_tokens=100, messages=ask("one two three four"), stream=True):
            pass
    assert "stream_interrupted" in str(caught.value.body)


def test_leaving_a_stream_ends_the_request_to_the_host(client):
    host("tokyo", "pace 20 10000")
    with client.messages.create(model="gpt-5-solo", max_tokens=100, messages=ask("x"), stream=True) as stream:
        for event in stream:
            if event.type == "content_block_delta":
                break
    until_left("tokyo", "/v1/messages")
