"""The short way through a connection says what the long way says, and leaves aiohttp's bookkeeping right."""

import asyncio
import socket
from typing import Any

import pytest
from aiohttp import web

from registry.api.connection import Connection
from registry.content.reads import Reads
from storage_backends.base import Store
from storage_backends.filesystem import FilesystemStore
from storage_backends.memory import MemoryStore
from tests.api.client import Client, Raw, sha256, wait_until
from tests.api.conftest import Connect, Serve
from tests.api.running import Running

# What `Connection` uses of aiohttp without its documentation saying so.
SLOTS = {
    "_waiter",
    "_messages",
    "_request_in_progress",
    "_current_request",
    "_next_keepalive_close_time",
    "_keepalive_timeout",
    "_read_bufsize",
    "_max_msg_queue_size",
    "max_line_size",
    "max_field_size",
    "max_headers",
}
BASE_SLOTS = {"_reading_paused", "_paused", "_buffer_paused", "_upgraded", "_parser", "_loop", "transport"}


def test_aiohttp_has_what_the_connection_leans_on() -> None:
    assert set(web.RequestHandler.__slots__) >= SLOTS
    assert set(web.RequestHandler.__mro__[1].__slots__) >= BASE_SLOTS
    for name in (
        "_resume_transport_reading",
        "_resume_reading_if_drained",
        "_drain_helper",
        "force_close",
        "handle_error",
    ):
        assert callable(getattr(web.RequestHandler, name))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each request that was tried was answered the short way."""
    tried: list[bool] = []
    real = Connection._quickly

    def counted(self: Connection, message: Any, payload: Any) -> bool:
        done = real(self, message, payload)
        tried.append(done)
        return done

    monkeypatch.setattr(Connection, "_quickly", counted)
    return tried


TARGETS = ["/v2/", "/v2/a/manifests/1", "/v2/a/manifests/none", "/v2/none/manifests/1", "/v2/a/manifests/-bad"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_both_ways_say_the_same(serve: Serve, connect: Connect, store: Store, quick: list[bool], method: str) -> None:
    server = serve(store)
    client = connect(server)
    digest = client.image("a", "1")
    blobs = [f"/v2/a/blobs/{sha256(b'layer')}", f"/v2/a/blobs/{sha256(b'none')}"]
    for target in [*TARGETS, *blobs, f"/v2/a/manifests/{digest}"]:
        for headers in ({}, {"If-None-Match": "*"}, {"If-Match": '"x"'}, {"Range": "bytes=0-1"}):
            answers = []
            for long_way in (False, True):
                del quick[:]
                # Whoever asks for the connection's end is sent the long way.
                more = {"Connection": "close"} if long_way else {}
                answer = client.ask(method, target, headers={**headers, **more})
                said = {name: value for name, value in answer.headers.items() if name not in ("Date", "Connection")}
                answers.append((answer.status, said, answer.body))
                assert not (long_way and any(quick))
            assert answers[0] == answers[1]


def test_pulls_go_the_short_way(serve: Serve, connect: Connect, disk: FilesystemStore, quick: list[bool]) -> None:
    client = connect(serve(disk))
    digest = client.image("a", "1")
    blob = client.blob("a", b"small")
    big = client.blob("a", bytes(100_000))

    def short(method: str, target: str) -> bool:
        del quick[:]
        client.ask(method, target)
        return quick == [True]

    for method, target in (
        ("GET", "/v2/"),
        ("GET", "/v2/a/manifests/1"),
        ("HEAD", f"/v2/a/manifests/{digest}"),
        ("HEAD", f"/v2/a/blobs/{blob}"),
        ("HEAD", f"/v2/a/blobs/{sha256(b'none')}"),
        ("GET", f"/v2/a/blobs/{blob}"),
    ):
        # Behind a request of the long way the next may come before aiohttp's task waits again.
        wait_until(f"{method} {target}", lambda method=method, target=target: short(method, target))
    assert not short("GET", f"/v2/a/blobs/{big}")
    assert not short("GET", "/v2/a/tags/list")


def test_rows_of_requests_are_answered_in_order(server: Running, client: Client) -> None:
    """More than aiohttp queues, of both ways, some in one packet and some in pieces."""
    client.image("a", "1")
    manifest = client.get("/v2/a/manifests/1").body
    tags = client.get("/v2/a/tags/list").body
    asked = b"".join(
        b"GET /v2/a/%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"tags/list" if number % 7 == 3 else b"manifests/1")
        for number in range(200)
    )
    for size in (len(asked), 1000, 77):
        raw = Raw(server.port)
        for start in range(0, len(asked), size):
            raw.send(asked[start : start + size])
        for number in range(200):
            assert raw.answer().body == (tags if number % 7 == 3 else manifest)
        raw.close()


def test_a_client_that_reads_nothing_of_many_answers_does_not_fill_the_memory(
    serve: Serve, connect: Connect, memory: MemoryStore
) -> None:
    server = serve(memory, body_timeout=0.5)
    client = connect(server)
    document = client.image_document("a", annotations={"pad": "x" * 50_000})
    client.manifest("a", "1", document)
    raw = Raw(server.port)
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 10)
    request = b"GET /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\n\r\n"
    raw.socket.setblocking(False)
    sent = 0
    with pytest.raises((BlockingIOError, ConnectionError)):
        while sent < 1_000_000:
            sent += raw.socket.send(request) // len(request)

    def most() -> int:
        return max((c.transport.get_write_buffer_size() for c in server._http.connections if c.transport), default=0)

    assert server.call(most) < 1 << 20
    wait_until("it was cut", lambda: server.connections == 1)
    raw.close()


def test_a_connection_is_kept_longer_than_the_time_for_a_head(serve: Serve, memory: MemoryStore) -> None:
    server = serve(memory, header_timeout=0.2, keepalive=20)
    raw = Raw(server.port)
    raw.send(b"GET /v2/_catalog HTTP/1.1\r\nHost: x\r\n\r\n")
    assert raw.answer().status == 200
    server.on_loop(asyncio.sleep(0.5))
    assert raw.send(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n").answer().status == 200
    raw.close()


def test_an_error_of_ours_is_500_without_details_and_the_server_goes_on(
    server: Running, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client.image("a", "1")

    def broken(*_: Any) -> None:
        raise RuntimeError("the secret reason")

    monkeypatch.setattr(Reads, "tags", broken)
    monkeypatch.setattr(Reads, "tagged", broken)
    for target in ("/v2/a/tags/list", "/v2/a/manifests/1"):
        answer = client.get(target)
        assert (answer.status, answer.code) == (500, "UNKNOWN")
        assert b"secret" not in answer.body
    assert caplog.text.count("RuntimeError: the secret reason") == 2
    assert client.get("/v2/").status == 200


def test_what_the_store_says_is_not_told_to_clients(serve: Serve, connect: Connect, memory: MemoryStore) -> None:
    client = connect(serve(memory))
    digest = client.image("a", "1")
    memory.corrupt(f"repos/a/manifests/sha256/{digest[7:9]}/{digest[7:]}", b"rot")
    for target in ("/v2/a/manifests/1", f"/v2/a/manifests/{digest}"):
        answer = client.get(target)
        assert (answer.status, answer.code) == (500, "UNKNOWN")
        assert b"rot" not in answer.body
    assert client.get("/v2/a/tags/list").status == 500  # an error, never absent
