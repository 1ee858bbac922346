"""Clients at the level of sockets and single requests, and what the kernel knows of a server's processes."""

import hashlib
import http.client
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from tests.servers import RunningRegistry


def connection(server: RunningRegistry) -> http.client.HTTPConnection:
    """A connection over plain HTTP to the first address."""
    host, _, port = server.address.rpartition(":")
    return http.client.HTTPConnection(host.strip("[]"), int(port), timeout=30)


def raw(server: RunningRegistry) -> socket.socket:
    """A connected socket to the first address."""
    host, _, port = server.address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=30)


def status(server: RunningRegistry, path: str = "/v2/") -> int:
    """The status of one GET on a connection of its own."""
    client = connection(server)
    try:
        client.request("GET", path)
        return client.getresponse().status
    finally:
        client.close()


def push_blob(server: RunningRegistry, repository: str, content: bytes) -> str:
    """Pushes in one request; gives the path from which it can be pulled."""
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    client = connection(server)
    client.request("POST", f"/v2/{repository}/blobs/uploads/?digest={digest}", body=content)
    answer = client.getresponse()
    assert answer.status == 201, answer.read()
    client.close()
    return f"/v2/{repository}/blobs/{digest}"


def read_all(connected: socket.socket) -> bytes:
    """Everything until the other side closes."""
    received = b""
    while data := connected.recv(1 << 16):
        received += data
    return received


def children(pid: int) -> list[int]:
    """The living child processes."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended but was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(what: str, condition: Callable[[], bool], seconds: float = 20) -> None:
    """Returns once `condition()` holds; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        os.sched_yield()
        time.sleep(0.01)
