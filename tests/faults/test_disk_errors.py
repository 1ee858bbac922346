"""A disk that fails at one system call of a real server: the request fails, the server goes on, nothing is lost."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from registry.stores import open_store
from registry.upkeep.fsck import fsck
from tests.faults.scenario import Client, Gone, Story
from tests.foreign import need
from tests.servers import RunningRegistry

POINTS = [
    ("fsync", "EIO", 1),
    ("fsync", "EIO", 9),
    ("fsync", "EIO", 40),
    ("fsync", "ENOSPC", 20),
    ("rename", "EIO", 3),
    ("rename", "ENOSPC", 12),
    ("pwrite64", "ENOSPC", 1),
    ("pwrite64", "EIO", 3),
    ("mkdir", "ENOSPC", 4),
    ("unlink", "EIO", 2),
    ("mkdir", "EIO", 9),
    ("openat", "EIO", 60),
]
FLAGS = ("--workers", "1", "--threads", "1", "--free-floor", "0", "--access-log", "off", "--metrics=false")


class Refused(Exception):
    """The server says that its store fails."""


class Tolerant(Client):
    """Takes 5xx for an answer that promises nothing."""

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes, dict[str, str]]:
        answer = super().ask(method, path, body, **headers)
        if answer[0] >= 500:
            assert b'"errors"' in answer[1] or method == "HEAD", answer
            raise Refused(f"{method} {path}: {answer[0]} {answer[1]!r}")
        return answer


@contextmanager
def injected(pid: int, call: str, error: str, when: int, log: Path) -> Iterator[None]:
    """One call of one thread of a process fails, by strace."""
    tracer = subprocess.Popen(
        [need("strace"), "-f", "-p", str(pid), "-o", log, "-e", f"inject={call}:error={error}:when={when}"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert tracer.stderr is not None
        assert "attached" in tracer.stderr.readline()
        yield
    finally:
        tracer.terminate()
        tracer.communicate(timeout=30)


def worker_of(server: RunningRegistry) -> int:
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    assert len(children) == 1, children
    return int(children[0])


def client_of(server: RunningRegistry) -> Tolerant:
    port = urlsplit(server.url).port
    assert port is not None
    return Tolerant(port)


def _red(client: Client) -> bool:
    try:
        client.ask("GET", "/readyz")
    except Refused:
        return True
    return False


@pytest.mark.parametrize(("call", "error", "when"), POINTS, ids=str)
def test_a_failing_disk_fails_the_request_and_nothing_else(call: str, error: str, when: int, tmp_path: Path) -> None:
    store, story = tmp_path / "store", Story()
    with RunningRegistry(store, *FLAGS) as server:
        client = client_of(server)
        refused = ""
        with injected(worker_of(server), call, error, when, tmp_path / "strace"):
            # Told again until the call came: the story has several of each kind in the server's one store thread.
            deadline = time.monotonic() + 60
            while not refused and "INJECTED" not in (tmp_path / "strace").read_text():
                assert time.monotonic() < deadline, f"{call} was not made {when} times"
                try:
                    story.tell(client)
                except Refused as said:
                    refused = str(said)
        assert "INJECTED" in (tmp_path / "strace").read_text()
        assert client.ask("GET", "/healthz")[0] == 200
        if call == "fsync" and error == "EIO":
            assert refused, "an fsync failed and every request was answered as if nothing had happened"
            deadline = time.monotonic() + 10
            while not _red(client):
                assert time.monotonic() < deadline, "/readyz stays green after a failed fsync"
        try:
            assert story.check(client) == []
        except Refused as said:
            pytest.fail(f"what was accepted cannot be read any more: {said}")
        client.close()
    with RunningRegistry(store, *FLAGS) as server:
        client = client_of(server)
        assert story.check(client) == []
        assert story.tell(client)
        assert story.check(client) == []
        client.close()
    found = open_store(str(store))
    assert fsck(found).broken == []
    found.close()


def test_a_client_that_is_refused_learns_so(tmp_path: Path) -> None:
    """The tolerant client does not take a dead server for a refusal."""
    with RunningRegistry(tmp_path / "store", *FLAGS) as server:
        client = client_of(server)
        assert client.ask("GET", "/healthz")[0] == 200
        client.close()
    with pytest.raises(Gone):
        client.ask("GET", "/healthz")
