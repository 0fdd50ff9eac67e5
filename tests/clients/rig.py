#!/usr/bin/env python3
"""Runs real client packages against `relay-manager serve` in front of two fake hosts.

    rig.py RELAY_MANAGER FAKE_HOST -- COMMAND [ARGUMENT ...]

starts hosts `tokyo` and `osaka` and the relay, then the command with

    RELAY_URL       the gateway's base URL, with /v1
    RELAY_KEY       a consumer key for group `pool` (both hosts) and `solo` (tokyo only)
    RELAY_ADMIN     the admin API's base URL
    RELAY_TOKEN     its bearer token
    RELAY_CONTROL   POST a fake host's command to <it>/<host>, its output comes back;
                    POST to <it>/<host>/kill ends that host as a crash would,
                    to <it>/<host>/pause halts it where it is, and to <it>/<host>/resume ends that;

and exits with the command's status. Needs nothing beyond Python's standard library.
"""
import http.server
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PATIENCE = 30.0


class FakeHost:
    def __init__(self, program, name):
        self.program, self.name, self.key = program, name, f"sk-{name}-{secrets.token_hex(8)}"
        self.lock = threading.Lock()
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.program, self.name, self.key], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.base_url = self.process.stdout.readline().strip()

    def command(self, line):
        with self.lock:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = []
            while (text := self.process.stdout.readline().strip()) != "ok":
                if not text:
                    raise RuntimeError(f"{self.name} ended")
                answer.append(text)
            return "\n".join(answer)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)


def fleet(hosts, key):
    text = []
    for host in hosts:
        text.append(f'[[host]]\nhost_id = "{host.name}"\nkind = "sub2api"\nbase_url = "{host.base_url}"\nallow_private = true\n'
                    f'gateway_key = {{ env = "{host.name.upper()}_KEY" }}\n')
    for group in ("pool", "solo"):
        text.append(f'[[group]]\nlogical_group_id = "{group}"\n')
    routes = [(host, "pool", "gpt-5", 1) for host in hosts] + [(hosts[0], "solo", "gpt-5-solo", 1)]
    for host, group, model, priority in routes:
        text.append(f'[[route]]\nroute_id = "{group}-{host.name}"\nlogical_group_id = "{group}"\npublic_model = "{model}"\n'
                    f'shadow_host_id = "{host.name}"\nshadow_group_id = "1"\nshadow_model = "shadow-{host.name}"\npriority = {priority}\n')
    text.append('[[key]]\nkey_id = "clients"\nsecret = { env = "CLIENTS_KEY" }\nlogical_groups = ["pool", "solo"]\nexpose_routing = true\n')
    return "\n".join(text)


def wait_for(path, process):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if path.exists():
            return json.loads(path.read_text())
        if process.poll() is not None:
            sys.exit(f"the relay ended with status {process.returncode}")
        time.sleep(0.02)
    sys.exit("the relay did not start in time")


def control(hosts):
    by_name = {host.name: host for host in hosts}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            _, name, *verb = self.path.split("/")
            host = by_name[name]
            if verb:
                {"kill": host.kill, "pause": host.pause, "resume": host.resume}[verb[0]]()
                answer = ""
            else:
                answer = host.command(body)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def main():
    relay_manager, fake_host, dashes, *command = sys.argv[1:]
    assert dashes == "--" and command, __doc__
    relay_manager = Path(relay_manager).resolve()
    hosts = [FakeHost(fake_host, "tokyo"), FakeHost(fake_host, "osaka")]
    key, token = "sk-clients-" + secrets.token_hex(16), "rma-" + secrets.token_hex(32)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "fleet.toml").write_text(fleet(hosts, key))
        environment = {**os.environ, **{f"{host.name.upper()}_KEY": host.key for host in hosts}, "CLIENTS_KEY": key, "RELAY_MANAGER_ADMIN_TOKEN": token}
        log = open(folder / "relay.log", "w")
        relay = subprocess.Popen([relay_manager, "serve", "--data-dir", folder / "data", "--fleet", folder / "fleet.toml",
                                  "--gateway-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
                                 env=environment, stdout=log, stderr=log, cwd=folder)
        try:
            listening = wait_for(folder / "data" / "listening.json", relay)
            status = subprocess.run(command, env={
                **os.environ,
                "RELAY_URL": f"http://{listening['gateway']}/v1",
                "RELAY_ADMIN": f"http://{listening['admin']}",
                "RELAY_KEY": key,
                "RELAY_TOKEN": token,
                "RELAY_CONTROL": control(hosts),
            }).returncode
            relay.terminate()
            ended = relay.wait(PATIENCE)
            if ended != 0:
                print(f"the relay ended with status {ended}", file=sys.stderr)
                status = status or 1
        finally:
            relay.kill()
            for host in hosts:
                host.kill()
        if status:
            sys.stderr.write((folder / "relay.log").read_text()[-8000:])
    sys.exit(status)


if __name__ == "__main__":
    main()
