"""Bytes that no good client sends, on a raw socket: the right status, JSON, and a server that goes on."""

import select

import pytest

from storage_backends.memory import MemoryStore
from tests.api.client import OCI_CONFIG, OCI_MANIFEST, Client, Raw, descriptor, image_of, wait_until
from tests.api.conftest import Connect, Serve
from tests.api.running import Running

HEAD = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def server(serve: Serve, memory: MemoryStore) -> Running:
    return serve(memory, header_limit=4096)


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "BAD_REQUEST"),
        (b"nonsense\r\n\r\n", 400, "BAD_REQUEST"),
        (b"GET /v2/ HTTP/9.9\r\nHost: x\r\n\r\n", 400, "BAD_REQUEST"),
        (b"GET /v2/ HTTP/1.1\r\n\r\n", 400, "BAD_REQUEST"),
        (b"GET /v2/" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "URI_TOO_LONG"),
        (HEAD + b"X: " + b"a" * 5000 + b"\r\n\r\n", 431, "HEADER_TOO_LONG"),
        (HEAD + b"X" * 5000 + b": a\r\n\r\n", 431, "HEADER_TOO_LONG"),
        (HEAD + b"X: y\r\n" * 200 + b"\r\n", 431, "HEADER_TOO_LONG"),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "BAD_REQUEST"),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400, "BAD_REQUEST"),
        (HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "BAD_REQUEST"),
        (HEAD + b"Transfer-Encoding: gzip, chunked, gzip\r\n\r\n", 400, "BAD_REQUEST"),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400, "BAD_REQUEST"),
        (HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n", 400, "BAD_REQUEST"),
        (HEAD + b"Host: y\r\n\r\n", 400, "BAD_REQUEST"),
        (HEAD + b"X y: z\r\n\r\n", 400, "BAD_REQUEST"),
        (HEAD + b"X: a\x00b\r\n\r\n", 400, "BAD_REQUEST"),
        (HEAD + b" folded: x\r\n\r\n", 400, "BAD_REQUEST"),
        (b"GET v2 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BAD_REQUEST"),
        (b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BAD_REQUEST"),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BAD_REQUEST"),
        (b"GET ftp://x/v2/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BAD_REQUEST"),
        (b"GET /v2/_catalog?n=%ff HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BAD_REQUEST"),
        (b"GET /v2/\xc3\xa9/tags/list HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BAD_REQUEST"),
        (b"GET /v2/\xff\xfe/tags/list HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BAD_REQUEST"),
    ],
    ids=lambda value: str(value[:50]) if isinstance(value, bytes) else None,
)
def test_what_cannot_be_read_is_told_as_json(
    server: Running, client: Client, data: bytes, status: int, code: str
) -> None:
    raw = Raw(server.port).send(data)
    answer = raw.answer()
    assert (answer.status, answer.code) == (status, code)
    assert answer.header("Docker-Distribution-Api-Version") == "registry/2.0"
    raw.close()
    assert client.get("/v2/").status == 200


def test_a_query_of_too_many_fields_is_400(serve: Serve, memory: MemoryStore, connect: Connect) -> None:
    client = connect(serve(memory))
    assert client.get("/v2/_catalog?" + "&".join(["a=1"] * 1001)).code == "BAD_REQUEST"


def test_smuggled_requests_are_not_answered(server: Running) -> None:
    raw = Raw(server.port)
    raw.send(
        b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /v2/_catalog HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    assert raw.answer().status == 400
    assert raw.rest() == b""
    raw.close()


def test_a_body_with_a_get_is_not_the_next_request(server: Running, client: Client) -> None:
    client.image("a", "1")
    inner = b"GET /v2/_catalog HTTP/1.1\r\nHost: x\r\n\r\n"
    raw = Raw(server.port)
    head = b"GET /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(inner)
    raw.send(head + inner + HEAD + b"\r\n")
    assert b"schemaVersion" in raw.answer().body
    assert raw.answer().body == b"{}"
    raw.close()


def test_a_head_in_single_bytes_is_read(server: Running) -> None:
    raw = Raw(server.port)
    for byte in HEAD + b"\r\n":
        raw.send(bytes([byte]))
    assert raw.answer().status == 200
    raw.close()


def test_a_chunked_body_in_single_bytes_is_read(server: Running, client: Client) -> None:
    location = client.begin("a")
    raw = Raw(server.port)
    raw.send(f"PATCH {location} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    for byte in b"1\r\na\r\n" * 20 + b"3;ext=1\r\nxyz\r\n0\r\nTrailer: t\r\n\r\n":
        raw.send(bytes([byte]))
    assert raw.answer().header("Range") == "0-22"
    raw.close()


@pytest.mark.parametrize("coding", ["gzip, chunked", "x, Chunked"])
def test_a_body_in_a_coding_that_is_not_undone_is_501(server: Running, client: Client, coding: str) -> None:
    location = client.begin("a")
    for method, target in (("PATCH", location), ("PUT", "/v2/a/manifests/1")):
        raw = Raw(server.port)
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {coding}\r\n\r\n"
        answer = raw.send(head.encode() + b"1\r\na\r\n0\r\n\r\n").answer()
        assert (answer.status, answer.code, answer.header("Connection")) == (501, "UNSUPPORTED", "close")
        raw.close()
    assert client.get(location).header("Range") == "0-0"


def test_a_head_that_does_not_end_is_408(serve: Serve, memory: MemoryStore, connect: Connect) -> None:
    server = serve(memory, header_timeout=0.3)
    raw = Raw(server.port).send(HEAD)
    answer = raw.answer()
    assert (answer.status, answer.code) == (408, "TIMEOUT")
    assert raw.rest() == b""
    raw.close()
    again = Raw(server.port).send(HEAD + b"\r\n")
    assert again.answer().status == 200
    again.send(HEAD)  # the second head on a connection has no more time than the first
    assert again.answer().status == 408
    again.close()


def test_a_connection_that_says_nothing_is_closed(serve: Serve, memory: MemoryStore) -> None:
    raw = Raw(serve(memory, header_timeout=0.2).port)
    assert raw.rest() == b""
    raw.close()


def test_an_idle_connection_is_kept_for_as_long_as_is_set(serve: Serve, memory: MemoryStore) -> None:
    server = serve(memory, keepalive=0.4, header_timeout=0.2)
    raw = Raw(server.port)
    for _ in range(3):
        assert raw.send(HEAD + b"\r\n").answer().status == 200
    assert raw.rest() == b""
    wait_until("it is gone", lambda: server.connections == 0)
    raw.close()


def test_a_client_that_dribbles_its_head_is_not_given_more_time(serve: Serve, memory: MemoryStore) -> None:
    server = serve(memory, header_timeout=0.4)
    raw = Raw(server.port)
    with pytest.raises((ConnectionError, AssertionError)):
        for number in range(200):
            raw.send(b"GET / HTTP/1.1\r\n" if not number else b"X: y\r\n")
            assert not _has_answer(raw)
    raw.close()


def _has_answer(raw: Raw) -> bool:
    readable, _, _ = select.select([raw.socket], [], [], 0.05)
    return bool(readable)


def test_old_clients_are_answered_and_closed_unless_they_ask(server: Running) -> None:
    raw = Raw(server.port).send(b"GET /v2/ HTTP/1.0\r\n\r\n")
    assert raw.answer().header("Connection") == "close"
    assert raw.rest() == b""
    raw.close()
    raw = Raw(server.port).send(b"GET /v2/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert raw.answer().header("Connection") == "keep-alive"
    raw.send(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert raw.answer().header("Connection") == "close"
    assert raw.rest() == b""
    raw.close()


def test_an_upgrade_is_ignored(server: Running) -> None:
    raw = Raw(server.port).send(HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert raw.answer().status == 200
    raw.close()
    raw = Raw(server.port).send(
        HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n"
    )
    assert raw.answer().status == 200
    raw.close()


def test_many_broken_connections_leave_nothing(server: Running, client: Client) -> None:
    digest = client.blob("a", bytes(1 << 20))
    for number in range(100):
        raw = Raw(server.port)
        raw.send((HEAD, b"GET", f"GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())[number % 3])
        raw.close()
    wait_until("only the client is left", lambda: server.connections == 1)
    assert client.get(f"/v2/a/blobs/{digest}").header("Content-Length") == str(1 << 20)


def test_deep_json_is_refused_quickly(client: Client) -> None:
    for body in (b"[" * 4_000_000, b'{"a":' * 700_000 + b"1" + b"}" * 700_000):
        answer = client.manifest("a", "1", body, OCI_MANIFEST)
        assert answer.code == "MANIFEST_INVALID"


def test_a_manifest_that_names_another_repositorys_blob_gets_it_nowhere(client: Client) -> None:
    digest = client.blob("private", b"secret")
    client.blob("public", b"x")
    image = image_of(config=descriptor(b"secret", OCI_CONFIG), layers=[])
    assert client.manifest("public", "1", image).code == "MANIFEST_BLOB_UNKNOWN"
    assert client.get(f"/v2/public/blobs/{digest}").status == 404
