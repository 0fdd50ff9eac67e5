#!/usr/bin/env python3
"""Runs schemathesis against the description that the server gives of itself.

    rig.py RELAY_MANAGER FAKE_HOST -- run.py SCHEMATHESIS [fresh | lived-in]

`fresh` makes ids up and calls everything, what removes the fleet included. `lived-in` first makes one of each thing,
gives a host an admin API, and calls everything with the ids of those, so that calls get beyond "there is no such".
Needs nothing beyond Python's standard library.
"""
import json
import os
import sys
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
ADMIN, TOKEN, CONTROL = (os.environ[name] for name in ("RELAY_ADMIN", "RELAY_TOKEN", "RELAY_CONTROL"))


def call(method, path, body=None):
    request = urllib.request.Request(f"{ADMIN}/api/v1{path}", json.dumps(body).encode() if body is not None else None,
                                     {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or "null")


def furnish():
    """One of each thing; their ids, for the configuration."""
    urllib.request.urlopen(f"{CONTROL}/tokyo", b"panel admin-key-of-tokyo 7")
    call("PATCH", "/hosts/tokyo", {"admin_key": "admin-key-of-tokyo"})
    call("POST", "/notifications/channels", {"id": "ops", "type": "webhook", "url": "http://127.0.0.1:9/", "secret": "s",
                                             "allow_private": True})
    call("POST", "/managed-resources", {"host_id": "tokyo", "type": "group", "name": "group", "remote_id": "7"})
    resolved = call("POST", "/resolve-route", {"request_id": "r-1", "logical_group_id": "pool", "public_model": "gpt-5",
                                               "scope": "user", "subject_id": "team-a", "sync": True})
    call("PUT", "/access/tokyo/team-a@relay.example/7")
    return {"STICKY_KEY": resolved["sticky_key"]}


def main():
    schemathesis, way = sys.argv[1:]
    configuration = HERE / f"{way}.toml"
    environment = {**os.environ, "WAY": way, **(furnish() if way == "lived-in" else {})}
    os.execve(schemathesis, [schemathesis, "--config-file", str(configuration), "run", f"{ADMIN}/api/v1/openapi.json"], environment)


if __name__ == "__main__":
    main()
