"""What must hold although several processes answer: one collector, tokens that all of them take."""

import http.client
import json
import os
import signal
from pathlib import Path

from tests.credentials import Credentials, write_htpasswd
from tests.serve.clients import children, connection, push_blob, status, until
from tests.servers import RunningRegistry

AT_ONCE = ["--grace", "0", "--trash-time", "0", "--session-time", "0"]


def is_there(server: RunningRegistry, path: str) -> bool:
    code = status(server, path)
    assert code in (200, 404)
    return code == 200


def test_the_collector_runs_inside_the_server(tmp_path):
    with RunningRegistry(tmp_path / "data", "--workers", "2", "--gc-every", "1s", *AT_ONCE) as server:
        path = push_blob(server, "x", os.urandom(1000))
        until("the end of a blob that no manifest names", lambda: not is_there(server, path))
        assert "INFO collected in " in server.log()
        assert server.stop() == 0


def test_the_collector_is_off_unless_asked_for(tmp_path):
    with RunningRegistry(tmp_path / "data", "--workers", "2", *AT_ONCE) as server:
        path = push_blob(server, "x", os.urandom(1000))
        assert not any(
            "collector" in Path(f"/proc/{pid}/task/{task}/comm").read_text()
            for pid in children(server.pid)
            for task in os.listdir(f"/proc/{pid}/task")
        )
        assert is_there(server, path)


def token(server: RunningRegistry) -> str:
    """A token for pulling without a user."""
    client = connection(server)
    client.request("GET", "/token?service=wherry&scope=repository:x:pull")
    answer = client.getresponse()
    assert answer.status == 200
    given = json.loads(answer.read())["token"]
    client.close()
    return str(given)


def taken(server: RunningRegistry, given: str) -> set[int]:
    """The answers of several connections, so of every worker, to a request with this token."""
    clients: list[http.client.HTTPConnection] = []
    codes = set()
    for _ in range(8):
        clients.append(connection(server))
        clients[-1].request("GET", "/v2/x/tags/list", headers={"Authorization": f"Bearer {given}"})
        answer = clients[-1].getresponse()
        answer.read()
        codes.add(answer.status)
    for client in clients:
        client.close()
    return codes


def test_every_worker_takes_the_tokens_of_the_others(tmp_path):
    htpasswd = write_htpasswd(tmp_path / "htpasswd", Credentials("alice", "secret"))
    flags = ["--workers", "2", "--htpasswd", htpasswd, "--anonymous-pull"]
    with RunningRegistry(tmp_path / "data", *flags) as server:
        assert taken(server, token(server)) == {404}
        assert taken(server, "x" + token(server)) == {401}
        given = token(server)
        for pid in children(server.pid):
            os.kill(pid, signal.SIGKILL)
        # Those that replace them have the same key.
        assert taken(server, given) == {404}


def test_a_token_outlives_a_restart_only_under_a_secret_that_stays(tmp_path):
    htpasswd = write_htpasswd(tmp_path / "htpasswd", Credentials("alice", "secret"))
    secret = tmp_path / "secret"
    secret.write_text("0123456789abcdef0123456789abcdef\n")
    flags = ["--workers", "2", "--htpasswd", htpasswd, "--anonymous-pull"]
    kept = {"WHERRY_TOKEN_SECRET_FILE": str(secret)}
    with RunningRegistry(tmp_path / "data", *flags, env=kept) as server:
        given = token(server)
    with RunningRegistry(tmp_path / "data", *flags, env=kept) as server:
        assert taken(server, given) == {404}
    with RunningRegistry(tmp_path / "data", *flags) as server:
        assert taken(server, given) == {401}
