"""Large blobs on their way out: sendfile and copies, slow readers, clients that go, TLS, both event loops."""

import http.client
import os
import socket
import ssl
from pathlib import Path

import pytest

from storage_backends.filesystem import FilesystemStore
from storage_backends.memory import MemoryStore
from tests.api.client import Client, Raw, wait_until
from tests.api.conftest import Connect, Serve
from tests.certificates import CertificateAuthority

BIG = 24 << 20


@pytest.mark.parametrize("loop_kind", ["uvloop", "asyncio"])
def test_a_blob_on_disk_goes_by_sendfile(
    serve: Serve, connect: Connect, disk: FilesystemStore, loop_kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = []
    real = os.sendfile

    def counted(out: int, file: int, offset: int, count: int) -> int:
        sent = real(out, file, offset, count)
        moved.append(sent)
        return sent

    monkeypatch.setattr(os, "sendfile", counted)
    client = connect(serve(disk, loop_kind=loop_kind))
    data = os.urandom(BIG)
    digest = client.blob("a", data)
    for _ in range(2):  # the connection goes on
        assert client.get(f"/v2/a/blobs/{digest}").body == data
    assert sum(moved) == 2 * BIG
    assert client.get("/v2/").status == 200


@pytest.mark.parametrize("loop_kind", ["uvloop", "asyncio"])
def test_a_blob_over_tls_is_copied(
    serve: Serve, disk: FilesystemStore, memory: MemoryStore, tmp_path: Path, loop_kind: str
) -> None:
    authority = CertificateAuthority(tmp_path)
    certificate, key = authority.issue("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    trusted = ssl.create_default_context(cafile=authority.certificate_file)
    data = os.urandom(BIG)
    for store in (disk, memory):
        server = serve(store, tls=context, loop_kind=loop_kind)
        client = Client(server.port)
        client.connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=20, context=trusted)
        digest = client.blob("a", data)
        assert client.get(f"/v2/a/blobs/{digest}").body == data
        assert client.get(f"/v2/a/blobs/{digest}", {"Range": "bytes=5-9"}).body == data[5:10]
        client.close()


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_a_client_that_goes_in_the_middle_harms_nobody(
    serve: Serve, connect: Connect, disk: FilesystemStore, memory: MemoryStore, kind: str
) -> None:
    server = serve(disk if kind == "disk" else memory)
    client = connect(server)
    data = os.urandom(BIG)
    digest = client.blob("a", data)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        raw = Raw(server.port)
        raw.send(f"GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert raw.line().startswith(b"HTTP/1.1 200")
        raw.close()
    wait_until("only the first client is left", lambda: server.connections == 1)
    wait_until("no descriptor is left open", lambda: len(os.listdir("/proc/self/fd")) <= before)
    assert client.get(f"/v2/a/blobs/{digest}").body == data


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_a_client_that_reads_nothing_is_cut(
    serve: Serve, connect: Connect, disk: FilesystemStore, memory: MemoryStore, kind: str
) -> None:
    server = serve(disk if kind == "disk" else memory, body_timeout=0.3)
    client = connect(server)
    digest = client.blob("a", bytes(BIG))
    raw = Raw(server.port)
    raw.send(f"GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    wait_until("only the other client is left", lambda: server.connections == 1)
    assert len(raw.rest()) < BIG
    raw.close()
    assert client.get("/v2/").status == 200


def test_a_client_that_reads_slowly_gets_everything(serve: Serve, connect: Connect, disk: FilesystemStore) -> None:
    server = serve(disk, body_timeout=2)
    data = os.urandom(8 << 20)
    digest = connect(server).blob("a", data)
    raw = Raw(server.port)
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
    raw.send(f"GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head = raw.line()
    assert head.startswith(b"HTTP/1.1 200") and b"Connection: close" in head
    received = bytearray()
    while piece := raw.read(16 << 10):
        received += piece
    assert received == data
    raw.close()


def test_requests_in_a_row_on_one_connection_keep_their_order(
    serve: Serve, connect: Connect, disk: FilesystemStore
) -> None:
    """Pipelined: an answer by sendfile waits for the one before, and the next waits for it."""
    server = serve(disk)
    client = connect(server)
    big, small = os.urandom(3 << 20), b"small"
    big_digest, small_digest = client.blob("a", big), client.blob("a", small)
    client.image("a", "1")
    manifest = client.get("/v2/a/manifests/1").body
    raw = Raw(server.port)
    targets = [f"blobs/{small_digest}", f"blobs/{big_digest}", "manifests/1", f"blobs/{big_digest}", "manifests/1"]
    raw.send("".join(f"GET /v2/a/{target} HTTP/1.1\r\nHost: x\r\n\r\n" for target in targets).encode())
    for expected in (small, big, manifest, big, manifest):
        assert raw.answer().body == expected
    raw.close()


def test_a_blob_over_a_unix_socket(serve: Serve, connect: Connect, disk: FilesystemStore, tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    digest = connect(serve(disk)).blob("a", data)
    path = str(tmp_path / "socket")
    serve(disk, unix=path)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(path)
        client.sendall(f"GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        received = bytearray()
        while piece := client.recv(1 << 16):
            received += piece
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and body == data
