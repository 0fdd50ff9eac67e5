"""The last file: a host is killed, and stays so."""
from openai import OpenAI

from relay import KEY, URL, ask, host


def test_a_conversation_stays_and_survives_the_death_of_its_host():
    client = OpenAI(base_url=URL, api_key=KEY, max_retries=0)

    def where(turn):
        headers = {"X-Relay-Conversation": "the-one"}
        raw = client.chat.completions.with_raw_response.create(model="gpt-5", messages=ask(turn), extra_headers=headers)
        assert raw.parse().choices[0].message.content.endswith("says: " + turn)
        return raw.headers["x-relay-host"], raw.headers["x-relay-sticky"]

    home, action = where("first")
    assert action == "bind"
    assert {where(f"turn {number}") for number in range(5)} == {(home, "hit")}
    host(home, "", "/kill")
    other = {"tokyo": "osaka", "osaka": "tokyo"}[home]
    assert where("after") == (other, "rebind")
    assert where("again") == (other, "hit")
