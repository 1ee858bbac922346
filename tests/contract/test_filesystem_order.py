"""The order of system calls in each operation: a file's data is durable before its name, its name before the answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from storage_backends.base import ABSENT, ANY, seal
from storage_backends.filesystem import FilesystemStore
from tests.contract.faulty_syscalls import CountedSyscalls

KEY = "links/sha256/1a/1a0/a"
BESIDE = "links/sha256/1a/1a0/b"
BYTES = "data/d1/d1a"
VALUE = seal({})[0]

WRITE_ASIDE = "open write fsync lock"
SYNC_FOLDER = "flock flock open fsync"

ORDERS: dict[str, tuple[str, Callable[[FilesystemStore], object]]] = {
    "lost swap": ("", lambda store: store.records.put(KEY, VALUE, ABSENT)),
    "create": (f"{WRITE_ASIDE} rename", lambda store: store.records.put(BESIDE, VALUE, ABSENT)),
    "create synced": (
        f"{WRITE_ASIDE} rename {SYNC_FOLDER}",
        lambda store: store.records.put(BESIDE, VALUE, ABSENT, sync=True),
    ),
    "replace": (f"{WRITE_ASIDE} open flock rename", lambda store: store.records.put(KEY, VALUE, ANY)),
    "replace synced": (
        f"{WRITE_ASIDE} open flock rename {SYNC_FOLDER}",
        lambda store: store.records.put(KEY, VALUE, ANY, sync=True),
    ),
    "delete": ("lock unlink open flock write rmdir", lambda store: store.records.delete(KEY, ANY)),
    "delete synced": (
        f"lock unlink open flock write rmdir {SYNC_FOLDER.replace('open', 'open open')}",
        lambda store: store.records.delete(KEY, ANY, sync=True),
    ),
    "sync": (SYNC_FOLDER, lambda store: store.records.sync([KEY, BESIDE])),
    "write": ("open flock pwrite", lambda store: store.bytes.write(BYTES, 5).write(b"!")),
    "write, cutting": ("open flock ftruncate pwrite", lambda store: store.bytes.write(BYTES, 2).write(b"!")),
    "finish": (f"open fsync {SYNC_FOLDER}", lambda store: store.bytes.finish(BYTES, 5)),
    "finish, cutting": (f"open flock ftruncate fsync {SYNC_FOLDER}", lambda store: store.bytes.finish(BYTES, 2)),
    "delete bytes": ("unlink", lambda store: store.bytes.delete(BYTES)),
    "sync bytes": (f"open fsync {SYNC_FOLDER}", lambda store: store.bytes.sync(BYTES)),
}


@pytest.mark.parametrize("name", ORDERS)
def test_the_system_calls_of_an_operation_come_in_this_order(tmp_path: Path, name: str) -> None:
    expected, operation = ORDERS[name]
    syscalls = CountedSyscalls()
    store = FilesystemStore(str(tmp_path), syscalls=syscalls)
    store.open()
    store.records.put(KEY, seal({})[0], ANY, sync=True)
    with store.bytes.write(BYTES, 0) as writer:
        writer.write(b"hello")
    store.bytes.finish(BYTES, 5)
    syscalls.names.clear()
    operation(store)
    assert " ".join(syscalls.names) == expected
    store.close()


def test_reading_changes_nothing_and_takes_no_lock(tmp_path: Path) -> None:
    syscalls = CountedSyscalls()
    store = FilesystemStore(str(tmp_path), syscalls=syscalls)
    store.open()
    store.records.put(KEY, seal({})[0], ANY, sync=True)
    with store.bytes.write(BYTES, 0) as writer:
        writer.write(b"hello")
    syscalls.names.clear()
    store.records.get(KEY)
    store.records.get("catalog/none")
    store.stamp(KEY)
    store.bytes.size(BYTES)
    store.bytes.read(BYTES, 0, 5)
    assert syscalls.names == []
    store.close()


def test_the_pages_of_a_large_upload_are_on_their_way_before_it_is_finished(tmp_path: Path) -> None:
    started: list[tuple[int, int]] = []

    class Watched(CountedSyscalls):
        def start_writeback(self, fd: int, offset: int, count: int) -> None:
            started.append((offset, count))
            super().start_writeback(fd, offset, count)

    store = FilesystemStore(str(tmp_path), syscalls=Watched())
    store.open()
    piece = bytes(3 << 20)
    with store.bytes.write(BYTES, 0) as writer:
        for _ in range(7):
            writer.write(piece)
    assert started == [(0, 9 << 20), (9 << 20, 9 << 20)]
    store.close()
