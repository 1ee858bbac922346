"""The two servers as processes, configured as their users would, each with a data folder under the same parent."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks import usage
from benchmarks.http_wire import Connection, LoadFailed

_HOST = "127.0.0.1"
_START_SECONDS = 30.0
_STOP_SECONDS = 30.0


class ServerFailed(Exception):
    """A server did not start, or ended while it was measured; the message ends with what it printed last."""


class Server:
    """A running server. `address` is host and port, `pid` the process that was started (its parent, if it has workers).

    Raises ServerFailed when it does not answer `GET /v2/` in time.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, port: int | None, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as output:
            # setpriv: a run that is killed leaves no server behind.
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", *command],
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid
        try:
            self.address = (_HOST, self._await_port() if port is None else port)
            self._await(self._answers, "answered GET /v2/")
        except BaseException:
            self._kill()
            raise

    def check(self) -> None:
        """Raises ServerFailed when the process has ended."""
        status = self._process.poll()
        if status is not None:
            raise ServerFailed(f"{self.name} exited {status}:\n{self._tail()}")

    def settle(self, seconds: float = 1.0) -> None:
        """Returns when the server has used less than 1 % of a core for `seconds`, or after 20 s."""
        deadline = time.monotonic() + 20
        before = sum(usage.cpu_seconds(self.pid).values())
        while time.monotonic() < deadline:
            time.sleep(seconds)
            now = sum(usage.cpu_seconds(self.pid).values())
            if now - before < 0.01 * seconds:
                return
            before = now

    def stop(self) -> None:
        """SIGTERM and the wait for the end, SIGKILL when that takes too long."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        self._kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]

    def _await_port(self) -> int:
        found: list[int] = []

        def printed() -> bool:
            match = re.search(rf"serving http://{re.escape(_HOST)}:(\d+)", self._log.read_text(errors="replace"))
            if match:
                found.append(int(match[1]))
            return bool(match)

        self._await(printed, "named its address")
        return found[0]

    def _await(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise ServerFailed(f"{self.name} has not {what} in {_START_SECONDS:g} s:\n{self._tail()}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with contextlib.closing(Connection(self.address)) as connection:
                return connection.get(b"/v2/").status == 200
        except (OSError, LoadFailed):
            return False


def start_wherry(folder: Path, workers: int) -> Server:
    """`wherry serve` over `folder`, which may be in use by another one. Defaults, but for the access log."""
    command = [
        # The command beside the interpreter that runs this, so that it is this checkout's.
        os.path.join(os.path.dirname(sys.executable), "wherry"),
        *("serve", "--listen", f"{_HOST}:0", "--store", str(folder)),
        *("--workers", str(workers), "--access-log", "off"),
    ]
    log = folder.with_name(f"{folder.name}-{workers}.log")
    return Server(f"wherry, {workers} worker{'s' if workers > 1 else ''}", command, log, None)


def start_distribution(program: str, folder: Path, *, cache: bool = True) -> Server:
    """distribution v3 over `folder`: the configuration it ships, without debugging, metrics, tracing, access log.

    That configuration has `cache`, of the sizes and types of blobs, in memory; the program's own default is none.
    """
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port = int(probe.getsockname()[1])
    settings = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}, "fields": {"service": "registry"}},
        "storage": {
            "delete": {"enabled": True},
            **({"cache": {"blobdescriptor": "inmemory"}} if cache else {}),
            "filesystem": {"rootdirectory": str(folder)},
            "tag": {"concurrencylimit": 8},
        },
        "http": {
            "addr": f"{_HOST}:{port}",
            "secret": "a secret of the benchmarks",
            "headers": {"X-Content-Type-Options": ["nosniff"]},
        },
        "health": {"storagedriver": {"enabled": True, "interval": "10s", "threshold": 3}},
    }
    # JSON is YAML, which is what the program reads.
    config = folder.with_name(f"{folder.name}.yml")
    config.write_text(json.dumps(settings))
    log = folder.with_name(f"{folder.name}.log")
    return Server("distribution", [program, "serve", str(config)], log, port, {"OTEL_TRACES_EXPORTER": "none"})
