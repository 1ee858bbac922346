"""One of several processes that race on one store: `python -m tests.contract.racer ROOT NAME TURNS [HOW]`.

Prints `ready`, waits for a line, then swaps a counter TURNS times, creates TURNS keys that all try to create, deletes
TURNS others likewise, and prints what it won. HOW: `locked` (default), `unlocked` (no locks of keys), `forked` (the
work is done by two children of a process that has the store open, as a server's workers do).
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from storage_backends.base import ABSENT, ANY, Store, seal, unseal
from storage_backends.errors import StoreFailed
from storage_backends.filesystem import FilesystemStore
from storage_backends.syscalls import Syscalls

COUNTER = "repos/race/counter"


class Unlocked(Syscalls):
    """No lock of a key is taken, by anybody."""

    def lock(self, fd: int, flock: bytes) -> None:
        """Does nothing."""


def swap(store: Store, name: str) -> None:
    while True:
        found = store.records.get(COUNTER)
        fields = unseal(found.value, COUNTER)[0] if found else {}
        fields[name] = fields.get(name, 0) + 1
        fields["sum"] = fields.get("sum", 0) + 1
        if store.records.put(COUNTER, seal(fields)[0], found.version if found else ABSENT):
            return


def race(store: Store, name: str, turns: int) -> tuple[int, int]:
    created = deleted = 0
    for turn in range(turns):
        swap(store, name)
        created += store.records.put(f"links/sha256/aa/{turn}/new", seal({})[0], ABSENT) is not None
        with suppress(StoreFailed):  # without the lock two may unlink one file; that is no deletion
            deleted += store.records.delete(f"links/sha256/aa/{turn}/old", ANY)
    return created, deleted


def work(store: Store, name: str, turns: int) -> None:
    created, deleted = race(store, name, turns)
    os.write(1, f"{name} {created} {deleted}\n".encode())


def main(root: str, name: str, turns: str, how: str = "locked") -> None:
    store = FilesystemStore(root, syscalls=Unlocked() if how == "unlocked" else Syscalls())
    store.open()
    print("ready", flush=True)
    sys.stdin.readline()
    if how == "forked":
        store.records.put(f"uploads/{name}", seal({})[0], ANY)  # descriptors and a folder in tmp/ to inherit
        children = []
        for child in range(2):
            pid = os.fork()
            if not pid:
                work(store, f"{name}.{child}", int(turns))
                os._exit(0)
            children.append(pid)
        for pid in children:
            assert os.waitpid(pid, 0)[1] == 0
    else:
        work(store, name, int(turns))
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
