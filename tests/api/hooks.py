"""What schemathesis cannot know of this API by its description."""
import io
import os

import requests
import schemathesis
import urllib3


@schemathesis.hook
def before_call(context, case, kwargs):
    if os.environ["WAY"] == "lived-in":
        # A place in one list, which nobody can make up; fresh.toml shows that those are refused.
        for given, name in ((case.query, "cursor"), (case.headers, "Last-Event-ID")):
            if given:
                given.pop(name, None)
    if context.operation.definition.raw["operationId"] == "streamDecisions":
        kwargs["hooks"] = {"response": end_after_the_first_bytes}


def end_after_the_first_bytes(response: requests.Response, **_):
    """The stream of decisions has no end: it is judged by its head, and by the first bytes that come at once with it."""
    if response.headers.get("Content-Type", "").startswith("text/event-stream"):
        first = response.raw.read1(65536)
        response.raw.close()
        response.raw = urllib3.HTTPResponse(io.BytesIO(first), response.raw.headers, response.raw.status, preload_content=False)
