"""/healthz, /readyz, /metrics, draining, and what an observer is told."""

import errno
import threading
from typing import Any

import pytest

from registry.api import readiness
from registry.api.request import Request
from registry.api.response import Response
from storage_backends.base import Store
from storage_backends.errors import StoreFailed
from storage_backends.memory import MemoryStore
from tests.api.client import Client, Raw, sha256, wait_until
from tests.api.conftest import Connect, Serve


def test_a_server_that_is_well_says_so(client: Client) -> None:
    for target in ("/healthz", "/readyz"):
        answer = client.get(target)
        assert (answer.status, answer.body) == (200, b"ok\n")


def test_after_a_failed_sync_it_is_alive_but_not_ready(
    serve: Serve, connect: Connect, memory: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "KEPT_SECONDS", 0.0)
    client = connect(serve(memory))
    step = 1
    while memory.faults.fired is None or not memory.faults.fired.startswith("sync"):
        memory.faults.fail_at(step, errno.EIO)
        client.ask("POST", "/v2/a/blobs/uploads/", b"x", query={"digest": sha256(b"x")})
        step += 1
        assert step < 100
    memory.faults.disarm()
    answer = client.get("/readyz")
    assert (answer.status, answer.code) == (503, "UNAVAILABLE")
    assert client.get("/healthz").status == 200


def test_readiness_is_asked_of_the_store_once_for_many(
    serve: Serve, connect: Connect, memory: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(memory, "check", lambda: asked.append(1))
    client = connect(serve(memory))
    for _ in range(20):
        assert client.get("/readyz").status == 200
    assert 1 <= len(asked) < 5


def test_why_it_is_not_ready_is_for_the_log_alone_and_told_once(
    serve: Serve,
    connect: Connect,
    memory: MemoryStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(readiness, "KEPT_SECONDS", 0.0)
    wrong = "check /srv/store/tmp/1: [Errno 30] Read-only file system"
    broken = True

    def check() -> None:
        if broken:
            raise StoreFailed(wrong)

    monkeypatch.setattr(memory, "check", check)
    client = connect(serve(memory))
    for _ in range(3):
        answer = client.get("/readyz")
        assert (answer.status, answer.code) == (503, "UNAVAILABLE")
        assert b'"the store takes no writes"' in answer.body
        assert b"srv" not in answer.body and b"rrno" not in answer.body
    broken = False
    assert [client.get("/readyz").status for _ in range(3)] == [200] * 3
    told = [record.getMessage() for record in caplog.records if "ready" in record.getMessage()]
    assert told == [f"not ready: the store takes no writes: {wrong}", "ready again: the store takes writes"]


def test_a_store_that_hangs_makes_it_not_ready(
    serve: Serve, connect: Connect, memory: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "PATIENCE_SECONDS", 0.1)
    released = threading.Event()
    monkeypatch.setattr(memory, "check", lambda: released.wait(20))
    client = connect(serve(memory))
    assert client.get("/readyz").status == 503
    assert client.get("/healthz").status == 200
    released.set()
    wait_until("it is ready again", lambda: client.get("/readyz").status == 200)


def test_while_draining_it_is_not_ready_and_every_answer_closes(serve: Serve, connect: Connect, store: Store) -> None:
    server = serve(store)
    client = connect(server)
    client.image("a", "1")
    raw = Raw(server.port).send(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
    assert raw.answer().headers["Connection"] is None
    server.service.draining = True
    assert raw.send(b"GET /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\n\r\n").answer().header("Connection") == "close"
    assert raw.rest() == b""
    raw.close()
    assert client.get("/readyz").status == 503
    answer = client.get("/healthz")
    assert (answer.status, answer.header("Connection")) == (200, "close")


class Told:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        self.uploads: list[str] = []
        self.failures: list[Exception] = []

    def request_id(self, request: Request) -> str | None:
        return request.headers.get("X-Request-Id")

    def answered(self, request: Request, response: Response, **more: Any) -> None:
        line = {"method": request.method, "target": request.target, "remote": request.remote}
        self.answers.append({**line, "status": response.status, "sent": response.body_length, **more})

    def upload_began(self) -> None:
        self.uploads.append("began")

    def upload_ended(self) -> None:
        self.uploads.append("ended")

    def store_failed(self, error: Exception) -> None:
        self.failures.append(error)

    def metrics(self) -> bytes | None:
        return b"up 1\n"

    def close(self) -> None:
        pass


def test_an_observer_is_told_of_every_answer(serve: Serve, connect: Connect, store: Store) -> None:
    told = Told()
    server = serve(store, observer=told)
    client = connect(server)
    data = bytes(3 << 20)
    digest = client.blob("a", data)
    for target in (f"/v2/a/blobs/{digest}", "/v2/", "/v2/a/manifests/1", "/nothing"):
        client.get(target, {"X-Request-Id": "me"})
    Raw(server.port).send(b"nonsense\r\n\r\n").rest()
    wait_until("all was told", lambda: len(told.answers) == 6)
    assert [(line["route"], line["status"]) for line in told.answers] == [
        ("uploads", 201),
        ("blob", 200),
        ("base", 200),
        ("manifest", 404),
        ("none", 404),
        ("none", 400),
    ]
    assert told.answers[0]["received"] == len(data)
    assert told.answers[1]["sent"] == len(data)
    assert all(line["request_id"] == "me" for line in told.answers[1:5])
    assert all(line["seconds"] >= 0 and line["remote"] == "127.0.0.1" for line in told.answers)
    assert told.uploads == ["began", "ended"]


@pytest.mark.parametrize("target", ["/v2/", "/v2/_catalog", "/nothing"])
def test_a_request_id_is_sent_back(serve: Serve, connect: Connect, memory: MemoryStore, target: str) -> None:
    client = connect(serve(memory, observer=Told()))
    assert client.get(target, {"X-Request-Id": "abc-1"}).header("X-Request-Id") == "abc-1"
    assert client.get(target).headers["X-Request-Id"] is None


def test_an_observer_is_told_of_a_store_that_fails(serve: Serve, connect: Connect, memory: MemoryStore) -> None:
    told = Told()
    client = connect(serve(memory, observer=told))
    memory.faults.fail_at(1, errno.EIO)
    answer = client.ask("POST", "/v2/a/blobs/uploads/")
    assert (answer.status, answer.code) == (503, "UNAVAILABLE")
    assert int(answer.header("Retry-After")) > 0
    assert [type(error) for error in told.failures] == [StoreFailed]


def test_metrics_are_the_observers(serve: Serve, connect: Connect, memory: MemoryStore) -> None:
    answer = connect(serve(memory, observer=Told())).get("/metrics")
    assert answer.body == b"up 1\n"
    assert answer.header("Content-Type").startswith("text/plain; version=0.0.4")
    assert connect(serve(memory)).get("/metrics").code == "NOT_FOUND"
