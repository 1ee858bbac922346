"""GET of blobs whose bytes are dropped in the kernel, so that the client copies nothing."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Sequence
from functools import partial

from benchmarks.http_wire import Address, Connection, LoadFailed
from benchmarks.load.work import Work, timed


def verify(address: Address, target: str, digest: str) -> None:
    """One GET whose bytes are read and hashed. Raises LoadFailed when they are not those of `digest`."""
    with contextlib.closing(Connection(address)) as connection:
        body = connection.get(target.encode()).expect(200, "GET").body
    got = "sha256:" + hashlib.sha256(body).hexdigest()
    if got != digest:
        raise LoadFailed(f"GET {target} gave {len(body)} bytes of {got}")


def download_for(address: Address, targets: Sequence[str], seconds: float, connections: int) -> Work:
    """Each connection takes one of `targets` after the other for `seconds`; the amount is in bytes."""

    def task(first: int) -> float:
        taken = 0
        turn = first
        with contextlib.closing(Connection(address)) as connection:
            requests = [connection.request(b"GET", target.encode()) for target in targets]
            deadline = time.perf_counter() + seconds
            while time.perf_counter() < deadline:
                taken += _take(connection, requests[turn % len(requests)])
                turn += 1
        return taken

    return timed([partial(task, number) for number in range(connections)])


def download_times(address: Address, target: str, times: int) -> Work:
    """`times` GETs one after the other on one connection; the amount is in bytes."""

    def task() -> float:
        with contextlib.closing(Connection(address)) as connection:
            request = connection.request(b"GET", target.encode())
            return sum(_take(connection, request) for _ in range(times))

    return timed([task])


def _take(connection: Connection, request: bytes) -> int:
    connection.send(request)
    return connection.drop_body(connection.head().expect(200, "GET"))
