"""Large uploads and downloads leave the memory of all server processes small."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.faults.scenario import Client
from tests.servers import RunningRegistry

MIB = 1 << 20
LIMIT = 300 * MIB
PIECE = bytes(range(256)) * (MIB // 256)


def processes(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def pss(pid: int) -> int:
    """Proportional set size of a process and its descendants, in bytes."""
    total = 0
    for each in processes(pid):
        for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


class Peak:
    """The highest PSS while it is entered, asked ten times a second."""

    def __init__(self, pid: int) -> None:
        self.pid, self.bytes, self.asked = pid, 0, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._over.is_set():
            self.bytes, self.asked = max(self.bytes, pss(self.pid)), self.asked + 1
            self._over.wait(0.1)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def content(n: int, mebibytes: int) -> tuple[bytes, str]:
    """(first 16 bytes, digest) of bytes that differ with n and are then all alike."""
    head = n.to_bytes(16, "big")
    digest = hashlib.sha256(head)
    digest.update(PIECE[16:])
    for _ in range(mebibytes - 1):
        digest.update(PIECE)
    return head, f"sha256:{digest.hexdigest()}"


def upload(port: int, repository: str, n: int, mebibytes: int) -> str:
    """POST, then one PUT with all bytes, as containerd does it; the digest."""
    head, digest = content(n, mebibytes)
    client = Client(port)
    status, _, headers = client.ask("POST", f"/v2/{repository}/blobs/uploads/")
    client.close()
    assert status == 202
    path = f"{headers['location']}{'&' if '?' in headers['location'] else '?'}digest={digest}"
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.sendall(
            f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Length: {mebibytes * MIB}\r\nConnection: close\r\n\r\n".encode()
        )
        connection.sendall(head + PIECE[16:])
        for _ in range(mebibytes - 1):
            connection.sendall(PIECE)
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 201"), answer[:300]
    return digest


def download(port: int, repository: str, digest: str, mebibytes: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.sendall(
            f"GET /v2/{repository}/blobs/{digest} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        )
        stream = connection.makefile("rb", buffering=MIB)
        assert stream.readline().startswith(b"HTTP/1.1 200")
        while stream.readline() not in (b"\r\n", b""):
            pass
        found, size = hashlib.sha256(), 0
        while piece := stream.read(MIB):
            found.update(piece)
            size += len(piece)
    assert size == mebibytes * MIB
    assert f"sha256:{found.hexdigest()}" == digest


def peak_of(tmp_path: Path, one: int, many: int) -> tuple[int, int]:
    """(bytes at rest, at the peak): one blob of `one` MiB up and down, then 8 of `many` MiB up at once, 2 workers."""
    with RunningRegistry(tmp_path / "store", "--workers", "2", "--free-floor", "0") as server:
        port = urlsplit(server.url).port
        assert port is not None
        rest = pss(server.pid)
        with Peak(server.pid) as peak:
            digest = upload(port, "large", 0, one)
            download(port, "large", digest, one)
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda n: upload(port, "many", n, many), range(1, 9)))
        assert peak.asked > 3
    return rest, peak.bytes


def test_large_bodies_leave_memory_small(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    rest, peak = peak_of(tmp_path, 512, 64)
    record_property("peak MiB", peak // MIB)
    print(f"PSS of all server processes: {rest // MIB} MiB at rest, {peak // MIB} MiB at the peak")
    assert peak < LIMIT


@pytest.mark.soak
def test_two_gibibytes_leave_memory_small(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    rest, peak = peak_of(tmp_path, 2048, 256)
    record_property("peak MiB", peak // MIB)
    print(f"PSS of all server processes: {rest // MIB} MiB at rest, {peak // MIB} MiB at the peak")
    assert peak < LIMIT
