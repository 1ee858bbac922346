"""Long bodies that are read from the socket: nothing of them is lost, nothing behind them is taken."""

import errno
import os
import socket
import ssl
from pathlib import Path

import pytest

from registry.api import body_socket
from registry.api.body_socket import LEAST, BodySocket
from registry.content.layout import DataKey
from storage_backends.base import Store
from storage_backends.memory import MemoryStore
from tests.api.client import Client, Raw, sha256, sha512, wait_until
from tests.api.conftest import Connect, Serve
from tests.api.running import Running
from tests.certificates import CertificateAuthority


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes were still to come of each body that was taken over."""
    seen: list[int] = []
    real = BodySocket.__init__

    def noted(self: BodySocket, request, before: bytes, left: int) -> None:  # type: ignore[no-untyped-def]  # a Request
        seen.append(left)
        real(self, request, before, left)

    monkeypatch.setattr(BodySocket, "__init__", noted)
    return seen


def _put(client: Client, data: bytes) -> bytes:
    location = client.begin("a")
    head = f"PUT {location}?digest={sha256(data)} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode()


PING = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("loop_kind", ["uvloop", "asyncio"])
@pytest.mark.parametrize("size", [LEAST - 1, LEAST + (1 << 20), 8 << 20, (8 << 20) + 12345])
def test_a_long_body_arrives_whole_and_the_connection_goes_on(
    serve: Serve, connect: Connect, store: Store, loop_kind: str, size: int, taken: list[int]
) -> None:
    server = serve(store, loop_kind=loop_kind)
    client = connect(server)
    raw = Raw(server.port)
    for number in range(3):
        data = os.urandom(size)
        raw.send(_put(client, data) + data + PING * 2)  # what follows came with it
        answer = raw.answer()
        assert answer.status == 201
        assert raw.answer().status == raw.answer().status == 200
        assert client.get(answer.location).body == data
        assert len(taken) == (number + 1 if size > LEAST else 0)
    raw.close()


@pytest.mark.parametrize("first", [0, 1, 1000, 300_000, 900_000])
def test_a_body_in_parts_of_any_size(server: Running, client: Client, first: int, taken: list[int]) -> None:
    data = os.urandom(3 << 20)
    raw = Raw(server.port)
    raw.send(_put(client, data) + data[:first])
    if first:
        wait_until("the first part is read", lambda: server.service.registry.uploads == 1)
    for start in range(first, len(data), 777_777):
        raw.send(data[start : start + 777_777])
    assert raw.answer().status == 201
    assert raw.send(PING).answer().status == 200
    raw.close()
    assert len(taken) == 1


def test_a_body_that_had_come_before_anybody_read_it(serve: Serve, connect: Connect, memory: MemoryStore) -> None:
    """More than aiohttp holds before it makes the client wait: what it holds back is not forgotten."""
    server = serve(memory)
    client = connect(server)
    data = os.urandom(6 << 20)
    said = _put(client, data) + data + PING
    raw = Raw(server.port)
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)

    def send_what_fits() -> int:
        raw.socket.setblocking(False)
        sent = raw.socket.send(said)
        raw.socket.settimeout(20)
        return sent

    sent = server.call(send_what_fits)  # the loop does nothing else meanwhile
    assert sent > 1 << 20
    raw.send(said[sent:])
    assert (raw.answer().status, raw.answer().status) == (201, 200)
    raw.close()


def test_expect_is_answered_before_the_connection_is_taken_over(
    server: Running, client: Client, taken: list[int]
) -> None:
    data = os.urandom(2 << 20)
    raw = Raw(server.port)
    raw.send(_put(client, data).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
    assert raw.line() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert raw.send(data).answer().status == 201
    assert taken == [len(data)]
    raw.close()


def test_chunked_bodies_and_tls_go_the_other_way(
    serve: Serve, connect: Connect, memory: MemoryStore, tmp_path: Path, taken: list[int]
) -> None:
    import http.client

    data = os.urandom(3 << 20)
    client = connect(serve(memory))
    answer = client.ask("PUT", client.begin("a"), iter([data]), query={"digest": sha256(data)}, chunked=True)
    assert answer.status == 201
    authority = CertificateAuthority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("127.0.0.1"))
    server = serve(memory, tls=context)
    secure = Client(server.port)
    trusted = ssl.create_default_context(cafile=authority.certificate_file)
    secure.connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=20, context=trusted)
    assert secure.blob("b", data) == sha256(data)
    secure.close()
    assert taken == []


def test_another_algorithm_reads_back_what_was_received(client: Client, taken: list[int]) -> None:
    data = os.urandom(4 << 20)
    location = client.begin("a")
    assert client.ask("PATCH", location, data).status == 202
    assert client.ask("PUT", location, query={"digest": sha512(data)}).status == 201
    assert len(taken) == 1


def test_a_failure_in_the_middle_is_told_and_closes_the_connection(
    serve: Serve, connect: Connect, memory: MemoryStore
) -> None:
    server = serve(memory)
    client = connect(server)
    location = client.begin("a")
    length = 20 << 20
    raw = Raw(server.port)
    raw.send(f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode() + bytes(3 << 20))
    key = DataKey(location.rpartition("/")[2]).path
    wait_until("some of it is written", lambda: (memory.bytes.size(key) or 0) >= 2 << 20)
    memory.faults.fail_at(1, errno.ENOSPC)
    raw.send(bytes(4 << 20))
    answer = raw.answer()
    assert (answer.status, answer.code) == (507, "INSUFFICIENT_STORAGE")
    assert answer.header("Connection") == "close"
    raw.close()
    kept = int(client.get(location).header("Range").partition("-")[2]) + 1
    assert kept >= 2 << 20
    assert memory.bytes.size(key) is not None


def test_a_body_that_stops_is_408_and_what_came_is_kept(serve: Serve, connect: Connect, store: Store) -> None:
    server = serve(store, body_timeout=0.4)
    client = connect(server)
    location = client.begin("a")
    came = (1 << 20) + 100
    raw = Raw(server.port)
    raw.send(f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: {8 << 20}\r\n\r\n".encode() + bytes(came))
    answer = raw.answer()
    assert (answer.status, answer.header("Connection")) == (408, "close")
    raw.close()
    assert client.get(location).header("Range") == f"0-{came - 1}"


def test_a_client_that_goes_leaves_no_descriptor(server: Running, client: Client, taken: list[int]) -> None:
    head = f"Host: x\r\nContent-Length: {8 << 20}\r\n\r\n"

    def come_and_go() -> None:
        raw = Raw(server.port)
        raw.send(f"PATCH {client.begin('a')} HTTP/1.1\r\n{head}".encode() + bytes(1 << 20))
        wait_until("it is being read", lambda: server.service.registry.uploads == 1)
        raw.close()
        wait_until("it is over", lambda: server.service.registry.uploads == 0)
        wait_until("only the client is left", lambda: server.connections == 1)

    for _ in range(8):
        come_and_go()  # what a store opens once stays open
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(8):
        come_and_go()
    wait_until("no descriptor is left open", lambda: len(os.listdir("/proc/self/fd")) < before + 8)
    assert len(taken) == 16


def test_there_is_a_least_that_is_worth_it() -> None:
    assert body_socket.LEAST >= 256 << 10
