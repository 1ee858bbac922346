"""Listing folders on disk: the lock against renames over a name, and the names that are kept of big folders."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from storage_backends import folder_names
from storage_backends.base import ABSENT, ANY, seal
from storage_backends.filesystem import FilesystemStore
from tests.contract.faulty_syscalls import CountedSyscalls

COUNT = folder_names.BIG + 100


class FolderOpens(CountedSyscalls):
    """Counts how often one folder is opened, and may hold whoever opens it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = str(folder)
        self.opened = 0
        self.hold = threading.Event()
        self.hold.set()

    def open(self, path: str, flags: int) -> int:
        if path == self.folder:
            self.opened += 1
            assert self.hold.wait(20)
        return super().open(path, flags)


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def opened(root: Path, syscalls: CountedSyscalls | None = None) -> FilesystemStore:
    store = FilesystemStore(str(root), syscalls=syscalls)
    store.open()
    return store


def settle(folder: Path) -> None:
    """Waits until what is known of the folder from now on may be trusted."""
    until(lambda: time.time_ns() - folder.stat().st_ctime_ns > folder_names.SETTLED)


def test_a_listing_and_the_replacing_of_a_record_exclude_each_other_in_a_folder(tmp_path: Path) -> None:
    store = opened(tmp_path)
    version = store.records.put("repos/a/tags/1", seal({})[0], ABSENT)
    assert version is not None
    fd = os.open(tmp_path / "repos/a/tags", os.O_RDONLY)

    def waits(operation: Callable[[], object]) -> Future[object]:
        future = pool.submit(operation)
        with pytest.raises(TimeoutError):
            future.result(0.2)
        return future

    with ThreadPoolExecutor(2) as pool:
        fcntl.flock(fd, fcntl.LOCK_EX)  # as a listing does
        replacing = waits(lambda: store.records.put("repos/a/tags/1", seal({})[0], version))
        assert store.records.put("repos/a/tags/2", seal({})[0], ABSENT)  # no name is renamed over
        assert store.records.delete("repos/a/tags/2", ANY)
        fcntl.flock(fd, fcntl.LOCK_SH)  # as who replaces does
        assert replacing.result(20)
        listing = waits(lambda: [each.key for each in store.records.list("repos/")])
        assert store.records.put("repos/a/tags/1", seal({})[0], ANY)
        fcntl.flock(fd, fcntl.LOCK_UN)
        assert listing.result(20) == ["repos/a/tags/1"]
    os.close(fd)
    store.close()


def test_a_big_folder_is_read_once_while_it_stays_the_same_and_each_change_is_seen(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "d"
    syscalls = FolderOpens(folder)
    store = opened(tmp_path, syscalls)
    for number in range(COUNT):
        with store.bytes.write(f"data/d/{number:05}", 0):
            pass
    store.bytes.list("data/d/")
    assert store.bytes.list("data/d/", "", 1)[0].key == "data/d/00000"
    assert syscalls.opened == 2  # too fresh to be trusted
    settle(folder)
    store.bytes.list("data/d/")
    for number in range(10):
        assert store.bytes.list("data/d/", f"data/d/{number:05}", 1)[0].key == f"data/d/{number + 1:05}"
    assert syscalls.opened == 3
    with store.bytes.write("data/d/00000!", 0):
        pass
    assert store.bytes.list("data/d/", "data/d/00000", 1)[0].key == "data/d/00000!"
    store.bytes.delete("data/d/00000!")
    store.bytes.delete("data/d/00001")
    assert store.bytes.list("data/d/", "data/d/00000", 1)[0].key == "data/d/00002"
    assert syscalls.opened == 5
    store.close()


def test_a_change_is_read_once_for_all_who_wait_and_never_from_before_they_asked(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "d"
    syscalls = FolderOpens(folder)
    store = opened(tmp_path, syscalls)
    for number in range(COUNT):
        with store.bytes.write(f"data/d/{number:05}", 0):
            pass

    def names() -> set[str]:
        return {each.key for each in store.bytes.list("data/d/", "data/d/9", 100)}

    with ThreadPoolExecutor(20) as pool:
        syscalls.hold.clear()
        first = pool.submit(names)
        until(lambda: syscalls.opened == 1)
        with store.bytes.write("data/d/9new", 0):
            pass
        waiting = [pool.submit(names) for _ in range(19)]
        tickets = store._names._folders[str(folder)].tickets
        until(lambda: repr(tickets) == "count(22)")  # the first, its read, and all who wait have drawn theirs
        syscalls.hold.set()
        for future in waiting:
            assert future.result() == {"data/d/9new"}
        assert first.result() <= {"data/d/9new"}
    assert syscalls.opened == 2
    store.close()


def test_no_more_names_are_kept_than_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_names, "BIG", 3)
    monkeypatch.setattr(folder_names, "KEPT", 10)
    store = opened(tmp_path)
    for folder in range(5):
        for name in range(4):
            with store.bytes.write(f"data/{folder}/{name}", 0):
                pass
    settle(tmp_path / "data" / "4")
    for _ in range(2):
        for folder in range(5):
            assert len(store.bytes.list(f"data/{folder}/")) == 4
            assert sum(len(each.known[0]) for each in store._names._folders.values()) <= 10
    assert store._names._folders
    store.close()


def test_names_that_fit_no_key_are_left_out(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.records.put("catalog/a", seal({})[0], ANY)
    for name in ("lost+found", "b c", "line\nbreak", ".DS Store", "ä", "~"):
        (tmp_path / "catalog" / name).write_text("")
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "lost+found" / "x").write_text("")
    assert [each.key for each in store.records.list("")] == ["catalog/a"]
    store.close()
