"""The access log: one line an answer, no secret in it, no line that a client could forge."""

import json
import os

import pytest

from registry.observe.access_log import AccessLog, shown
from tests.credentials import Credentials, write_htpasswd
from tests.serve.clients import connection, raw, read_all, until
from tests.servers import RunningRegistry


def json_lines(server: RunningRegistry) -> list[dict[str, object]]:
    return [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]


@pytest.fixture
def server(tmp_path):
    htpasswd = write_htpasswd(tmp_path / "htpasswd", Credentials("alice", "secret-password"))
    with RunningRegistry("memory:", "--access-log", "json", "--htpasswd", htpasswd) as running:
        yield running


def test_a_json_line_says_who_asked_for_what_and_what_came_of_it(server):
    client = connection(server)
    client.request("GET", "/v2/x/tags/list?n=5", headers={"User-Agent": "t/1", **basic("alice", "secret-password")})
    answer = client.getresponse()
    body = answer.read()
    until("the line", lambda: any(line["target"] == "/v2/x/tags/list?n=5" for line in json_lines(server)))
    line = json_lines(server)[-1]
    assert line["method"] == "GET"
    assert line["user"] == "alice"
    assert line["remote"] == "127.0.0.1"
    assert line["status"] == answer.status == 404
    assert line["sent"] == len(body)
    assert line["received"] == 0
    assert line["agent"] == "t/1"
    assert isinstance(line["seconds"], float)
    assert line["request_id"] == answer.getheader("X-Request-Id")


def basic(user: str, password: str) -> dict[str, str]:
    import base64

    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_no_credentials_are_logged(server):
    client = connection(server)
    client.request("GET", "/v2/", headers=basic("alice", "wrong-password"))
    assert client.getresponse().read()
    client.request("GET", "/v2/?access_token=abc123def&n=1", headers={"Authorization": "Bearer abc123def"})
    assert client.getresponse().read()
    until("the lines", lambda: any("access_token" in str(line["target"]) for line in json_lines(server)))
    assert json_lines(server)[-1]["target"] == "/v2/?access_token=...&n=1"
    assert "abc123def" not in server.log()
    assert "password" not in server.log()
    assert basic("alice", "wrong-password")["Authorization"][6:] not in server.log()


def test_a_request_id_of_the_client_is_kept_if_it_is_sane(server):
    client = connection(server)
    ids = []
    for given in ("trace-1.2_3", "x" * 128, "x" * 129, "with blank", 'a"b', "", None):
        client.request("GET", "/healthz", headers={} if given is None else {"X-Request-Id": given})
        answer = client.getresponse()
        answer.read()
        ids.append(answer.getheader("X-Request-Id"))
    assert ids[:2] == ["trace-1.2_3", "x" * 128]
    assert len(set(ids)) == 7
    assert all(made.isalnum() and len(made) == 20 for made in ids[2:])
    until("the lines", lambda: {line["request_id"] for line in json_lines(server)} >= set(ids))


def test_a_plain_line_has_its_fields_and_no_others(tmp_path):
    with RunningRegistry(tmp_path / "data", "--workers", "2") as server:
        with raw(server) as client:
            client.sendall(b"GET /v2/a%0a%20b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            read_all(client)
        until("the line", lambda: "GET /v2/" in server.log())
        (line,) = [line for line in server.log().splitlines() if " GET /v2/" in line]
        time, remote, user, method, target, status, received, sent, seconds = line.split(" ")
        assert (remote, user, method, status, received) == ("127.0.0.1", "-", "GET", "404", "0")
        assert time.endswith("Z")
        assert int(sent) > 0
        assert float(seconds) < 5
        assert target == "/v2/a%0a%20b"


def test_nothing_is_logged_when_it_is_off(tmp_path):
    with RunningRegistry(tmp_path / "data", "--access-log", "off") as server:
        client = connection(server)
        client.request("GET", "/v2/", headers={"X-Request-Id": "a"})
        answer = client.getresponse()
        answer.read()
        assert answer.getheader("X-Request-Id") is None
        assert len(server.log().splitlines()) == 1


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/v2/x?digest=sha256:a", "/v2/x?digest=sha256:a"),
        ("/token?service=s&scope=repository:x:pull", "/token?service=s&scope=repository:x:pull"),
        ("/x?X-Amz-Signature=abc&X-Amz-Credential=def&n=1", "/x?X-Amz-Signature=...&X-Amz-Credential=...&n=1"),
        ("/x?refresh_token=abc", "/x?refresh_token=..."),
        ("/x?PASSWORD=abc&password=def", "/x?PASSWORD=...&password=..."),
        ("/token=abc", "/token=abc"),
        ("/x?%74oken=abc&n=1", "/x?%74oken=...&n=1"),
        ("/x?pass%77ord=abc", "/x?pass%77ord=..."),
        ("/x?a%26sig=abc", "/x?a%26sig=..."),
        ("/x?sig=a&Auth=b&key=c&passwd=d&signature=e", "/x?sig=...&Auth=...&key=...&passwd=...&signature=..."),
        ("/x?X-Amz-Date=2026&x%2Damz-expires=5&n=1", "/x?X-Amz-Date=...&x%2Damz-expires=...&n=1"),
        ("/x?n=1;token=a;b&last=c?secret=d&e=f", "/x?n=1;token=...&last=c?secret=...&e=f"),
        ("/x?n&&=1&%zz=2", "/x?n&&=1&%zz=2"),
        ("http://alice:s3cret@host:5000/v2/?n=1", "http://...@host:5000/v2/?n=1"),
        ("HTTPS://alice@host", "HTTPS://...@host"),
        ("http://a@b:s3cret@host/", "http://...@host/"),
        ("alice:s3cret@host:443", "...@host:443"),
        ("//alice:s3cret@host/v2/", "//...@host/v2/"),
        ("http://host/v2/a@b?c=d@e", "http://host/v2/a@b?c=d@e"),
        ("/v2/a@b?account=a@b", "/v2/a@b?account=a@b"),
        ("/" + "a" * 3000, "/" + "a" * 2047 + "..."),
    ],
)
def test_what_sounds_like_a_secret_is_not_shown(target, expected):
    assert shown(target) == expected


class _Request:
    """What the log reads of a request, with a target that no parser would let through."""

    method = "GET"
    remote = None
    headers = {"User-Agent": "x\ny"}
    target = '/a b\n127.0.0.1 - GET /forged 200 "\udc80\x1b[31m'


@pytest.mark.parametrize("form", ["plain", "json"])
def test_no_client_can_forge_a_line(form):
    read, write = os.pipe()
    log = AccessLog(form, write)
    answer = {"status": 200, "seconds": 0.1, "received": 0, "sent": 0, "request_id": None}
    log.answered(_Request(), user="eve\nbob x", **answer)  # type: ignore[arg-type]  # stands in for a request
    os.close(write)
    with os.fdopen(read, "rb") as file:
        written = file.read()
    assert written.count(b"\n") == 1
    assert b"\x1b" not in written
    if form == "plain":
        assert len(written.split(b" ")) == 9


def test_a_reader_that_is_gone_ends_the_log_and_nothing_else():
    read, write = os.pipe()
    os.close(read)
    log = AccessLog("plain", write)
    answer = {"status": 200, "seconds": 0.1, "received": 0, "sent": 0, "request_id": None, "user": None}
    for _ in range(2):
        log.answered(_Request(), **answer)  # type: ignore[arg-type]  # stands in for a request
    os.close(write)


def test_a_reader_that_does_not_keep_up_loses_lines_and_holds_nobody_up():
    read, write = os.pipe()
    os.set_blocking(write, False)
    log = AccessLog("plain", write)
    answer = {"status": 200, "seconds": 0.1, "received": 0, "sent": 0, "request_id": None, "user": None}
    for _ in range(2000):
        log.answered(_Request(), **answer)  # type: ignore[arg-type]  # stands in for a request
    assert len(os.read(read, 1 << 20)) >= 1 << 15
    log.answered(_Request(), **answer)  # type: ignore[arg-type]  # stands in for a request
    assert os.read(read, 1 << 20).endswith(b" 0 0 0.1000\n")
    os.close(read)
    os.close(write)
