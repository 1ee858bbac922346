"""Kills a process at every system call of every operation: `python -m tests.contract.crasher ROOT`.

One child per system call, forked before this process has any thread. Prints a line of JSON per death: the operation,
the number of the call, its name, and what a fresh holder of the store then finds.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable

from storage_backends.base import ANY, Store, seal, unseal
from storage_backends.filesystem import FilesystemStore
from tests.contract.faulty_syscalls import CountedSyscalls, dies

RECORD = "links/sha256/1a/1a0/a"
BYTES = "data/d1/d1a"
OLD = b"old bytes"
NEW = b"new bytes that are longer"


def put(store: Store) -> None:
    store.records.put(RECORD, seal({"is": "new"})[0], ANY, sync=True)


def delete(store: Store) -> None:
    store.records.delete(RECORD, ANY, sync=True)


def upload(store: Store) -> None:
    with store.bytes.write(BYTES, 0) as writer:
        writer.write(NEW)
    store.bytes.finish(BYTES, len(NEW))


def delete_bytes(store: Store) -> None:
    store.bytes.delete(BYTES)
    store.bytes.sync(BYTES)


def nothing(store: Store) -> None:
    """A store that begins empty."""


def old(store: Store) -> None:
    """A store that holds a record and bytes."""
    store.records.put(RECORD, seal({"is": "old"})[0], ANY, sync=True)
    with store.bytes.write(BYTES, 0) as writer:
        writer.write(OLD)
    store.bytes.finish(BYTES, len(OLD))


OPERATIONS: dict[str, tuple[Callable[[Store], None], Callable[[Store], None]]] = {
    "create": (nothing, put),
    "replace": (old, put),
    "delete": (old, delete),
    "upload": (nothing, upload),
    "upload again": (old, upload),
    "delete bytes": (old, delete_bytes),
}


def found_in(root: str) -> dict[str, object]:
    """What a fresh holder sees, and which files are left in `tmp/` once it has opened."""
    store = FilesystemStore(root)
    store.open()
    store.check()
    record = store.records.get(RECORD)
    size = store.bytes.size(BYTES)
    own = len(os.listdir(f"{root}/tmp"))
    files = [name for _, _, names in os.walk(f"{root}/tmp") for name in names]
    put(store)  # no lock of the dead is left
    upload(store)
    store.close()
    return {
        "record": unseal(record.value, RECORD)[0]["is"] if record else None,
        "bytes": size,
        "folders": own,
        "files": files,
        "left": os.listdir(f"{root}/tmp"),
    }


def at_call(
    root: str, before: Callable[[Store], None], operation: Callable[[Store], None], n: int
) -> dict[str, object]:
    """The operation in a child that dies at its n-th call; `died` is false where it has fewer."""
    shutil.rmtree(root, ignore_errors=True)
    syscalls = CountedSyscalls()
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        store = FilesystemStore(root, syscalls=syscalls)
        store.open()
        before(store)
        syscalls.names.clear()
        death = dies(n)

        def at(number: int, name: str) -> None:
            if number == n:
                os.write(writing, name.encode())
            death(number, name)

        syscalls.at = at
        operation(store)
        os._exit(0)
    os.close(writing)
    name = os.read(reading, 100).decode()
    os.close(reading)
    status = os.waitpid(pid, 0)[1]
    died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert died or status == 0
    return {"died": died, "call": name, **found_in(root)}


def main(root: str) -> None:
    for name, (before, operation) in OPERATIONS.items():
        n = 1
        while True:
            told = at_call(root, before, operation, n)
            print(json.dumps({"operation": name, "n": n, **told}), flush=True)
            if not told["died"]:
                break
            n += 1


if __name__ == "__main__":
    main(sys.argv[1])
