"""What the tests share: where the relay is, what its hosts are to do, what it has recorded."""
import json
import os
import urllib.error
import urllib.request

URL, KEY = os.environ["RELAY_URL"], os.environ["RELAY_KEY"]
# For packages that add the version themselves.
ROOT = URL.removesuffix("/v1")


def host(name, command, verb=""):
    request = urllib.request.Request(f"{os.environ['RELAY_CONTROL']}/{name}{verb}", command.encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


def received(name):
    """What a host has got so far, oldest first."""
    return [json.loads(line) for line in host(name, "received").splitlines()]


def admin(path, body=None):
    headers = {"Authorization": f"Bearer {os.environ['RELAY_TOKEN']}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{os.environ['RELAY_ADMIN']}/api/v1{path}", data, headers)) as answer:
        return json.load(answer)


def decision(request_id):
    """The decision of a request, once its outcome is written."""
    for _ in range(3000):
        found = admin(f"/decisions/{request_id}")
        if found["verdict"] != "open":
            return found
    raise AssertionError(f"{request_id} is still open")


def until_decided(request_id):
    """Waits until the relay has chosen a host for a request."""
    for _ in range(3000):
        try:
            return admin(f"/decisions/{request_id}")
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
    raise AssertionError(f"{request_id} did not come")


def heal(name):
    """Ends what a host's failures have brought on it, as its operator would."""
    return admin("/health/clear-cooldowns", {"host_id": name, "at_once": True})


def until_left(name, path):
    """Waits until a client has left the last request for `path`."""
    for _ in range(3000):
        last = [request for request in received(name) if request["path"] == path][-1]
        if last["hung_up"]:
            return
    raise AssertionError(f"the last request for {path} still has its client")


def ask(text):
    return [{"role": "user", "content": text}]
