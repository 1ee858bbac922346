"""Servers and collectors that kill themselves at a chosen system call, born quickly.

`python -m tests.faults.nursery` imports everything once, then forks a child for each JSON line on its standard input:
``{"do": "serve" | "collect", "store": FOLDER, "kill_at": N or null}``. A child answers with one line: its process ID,
and the port on 127.0.0.1 that it serves. With `kill_at` it sends itself SIGKILL before its N-th system call that
changes the disk; a collector that comes to its end exits 0 and has printed how many such calls it made.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from typing import Any

from registry.app import Service
from registry.config import Settings
from registry.upkeep import format
from registry.upkeep.ages import Ages
from registry.upkeep.collector import collect
from storage_backends.filesystem import FilesystemStore
from storage_backends.syscalls import Syscalls

CHANGES = ("write", "pwrite", "fsync", "ftruncate", "rename", "unlink", "mkdir", "rmdir")


class KillingSyscalls(Syscalls):
    """Counts the calls that change something and dies before the N-th (0: never)."""

    def __init__(self, kill_at: int) -> None:
        self.kill_at = kill_at
        self.count = 0

    def met(self) -> None:
        self.count += 1
        if self.count == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def open(self, path: str, flags: int) -> int:
        if flags & os.O_CREAT:
            self.met()
        return super().open(path, flags)


def _counted(name: str) -> Any:
    original = getattr(Syscalls, name)

    def call(self: KillingSyscalls, *arguments: Any) -> Any:
        self.met()
        return original(self, *arguments)

    return call


for _name in CHANGES:
    setattr(KillingSyscalls, _name, _counted(_name))


def settings(store: str) -> Settings:
    """One worker, no floor of free space, and no time that must pass before anything is collected."""
    return Settings(
        store=store, workers=1, threads=4, free_floor=0, grace=0.0, trash_time=0.0, session_time=0.0, access_log="off"
    )


async def _serve(store: FilesystemStore, syscalls: KillingSyscalls) -> None:
    service = Service(settings(store.name), store, secret=b"0" * 32)
    await service.start()
    listener = socket.create_server(("127.0.0.1", 0))
    server = await asyncio.get_running_loop().create_server(service.server(), sock=listener)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    _say(pid=os.getpid(), port=listener.getsockname()[1])
    await stop.wait()
    server.close()
    await service.close()
    _say(calls=syscalls.count)


def _say(**what: int) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _child(order: dict[str, Any]) -> None:
    syscalls = KillingSyscalls(0)
    store = FilesystemStore(order["store"], syscalls=syscalls)
    store.open()
    format.check(store)
    syscalls.count, syscalls.kill_at = 0, order["kill_at"] or 0
    if order["do"] == "serve":
        asyncio.run(_serve(store, syscalls))
    else:
        _say(pid=os.getpid(), port=0)
        collect(store, Ages.of(settings(order["store"])), force=True)
        _say(calls=syscalls.count)
    store.close()


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the kernel
    for line in sys.stdin:
        if os.fork() == 0:
            status = 1
            try:
                _child(json.loads(line))
                status = 0
            finally:
                sys.stdout.flush()
                os._exit(status)


if __name__ == "__main__":
    main()
