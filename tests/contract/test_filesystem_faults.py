"""EIO and ENOSPC at every system call of every operation: whole or nothing, no temporary file, red after an fsync."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from storage_backends.base import ANY, seal, unseal
from storage_backends.errors import StoreError, StoreFailed, StoreFull, UnsuitableStore
from storage_backends.filesystem import FilesystemStore
from tests.contract.crasher import BYTES, NEW, OLD, OPERATIONS, RECORD
from tests.contract.faulty_syscalls import CountedSyscalls, fails
from tests.contract.test_filesystem_kill import MAY_BE

SYNCS: dict[str, Callable[[FilesystemStore], object]] = {
    "sync": lambda store: store.records.sync([RECORD, "repos/a/tags/1"]),
    "sync of a folder": lambda store: store.records.sync(["links/"]),
    "sync bytes": lambda store: store.bytes.sync(BYTES),
    "finish": lambda store: store.bytes.finish(BYTES, len(OLD)),
}


def opened(root: Path) -> tuple[FilesystemStore, CountedSyscalls]:
    syscalls = CountedSyscalls()
    store = FilesystemStore(str(root), syscalls=syscalls)
    store.open()
    return store, syscalls


def temporary_files(root: Path) -> list[str]:
    return [name for _, _, names in os.walk(root / "tmp") for name in names]


@pytest.mark.parametrize(("number", "raised"), [(errno.EIO, StoreFailed), (errno.ENOSPC, StoreFull)])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_that_fails_at_any_system_call_is_whole_or_nothing(
    tmp_path: Path, name: str, number: int, raised: type[StoreError]
) -> None:
    before, operation = OPERATIONS[name]
    records, sizes = MAY_BE[name]
    n = failures = 0
    while True:
        n += 1
        root = tmp_path / str(n)
        store, syscalls = opened(root)
        before(store)
        syscalls.names.clear()
        syscalls.at = fails(n, number)
        error: StoreError | None = None
        try:
            operation(store)
        except StoreError as caught:
            error = caught
        names = list(syscalls.names)
        syscalls.at = lambda number, name: None
        found = store.records.get(RECORD)
        assert (unseal(found.value, RECORD)[0]["is"] if found else None) in records
        assert store.bytes.size(BYTES) in {*sizes, *range(len(NEW))}
        assert temporary_files(root) == []
        if len(names) < n:
            assert error is None
            break
        if error is None:
            # The record is deleted; where its emptied folder cannot be counted as removed, that stays.
            assert number == errno.ENOSPC and "unlink" in names[: n - 1], names
        else:
            failures += 1
            assert type(error) is raised and errno.errorcode[number] in str(error)
            assert str(root) not in str(error)
        of_a_temporary_file = names[n - 2 : n] == ["write", "fsync"]  # it is dropped: nothing is in doubt
        if names[n - 1] == "fsync" and (number == errno.EIO or not of_a_temporary_file):
            with pytest.raises(StoreFailed):
                store.check()
        elif number == errno.ENOSPC:
            store.check()
            operation(store)  # no lock is left held, and with room again it goes on
        store.close()
        assert os.listdir(root / "tmp") == []
    assert failures >= 5


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("name", SYNCS)
def test_a_failed_fsync_fails_the_operation_is_never_repeated_and_turns_the_check_red(
    tmp_path: Path, name: str, number: int
) -> None:
    n = 0
    while True:
        n += 1
        store, syscalls = opened(tmp_path / str(n))
        OPERATIONS["replace"][0](store)
        other = FilesystemStore(str(tmp_path / str(n)), syscalls=syscalls)  # remembers nothing as synced
        syscalls.names.clear()
        fsyncs = 0

        def at(count: int, call: str) -> None:
            nonlocal fsyncs
            fsyncs += call == "fsync"
            if call == "fsync" and fsyncs == n:  # noqa: B023  # called before n changes
                raise OSError(number, os.strerror(number))

        syscalls.at = at
        try:
            SYNCS[name](other)
        except StoreError:
            pass
        else:
            assert fsyncs < n
            break
        assert fsyncs == n
        with pytest.raises(StoreFailed):
            other.check()
        fsyncs = 0
        with pytest.raises(StoreFailed, match="never repeated"):
            SYNCS[name](other)
        assert fsyncs < n
        store.close()
        other.close()
    assert n > 2


def test_an_fsync_that_fails_under_a_temporary_file_drops_that_file_and_the_next_put_writes_another(
    tmp_path: Path,
) -> None:
    store, syscalls = opened(tmp_path)
    syscalls.at = lambda number, name: fails(1, errno.EIO)(1, name) if name == "fsync" else None
    with pytest.raises(StoreFailed, match="EIO"):
        store.records.put(RECORD, seal({})[0], ANY)
    syscalls.at = lambda number, name: None
    assert store.records.get(RECORD) is None
    assert temporary_files(tmp_path) == []
    with pytest.raises(StoreFailed, match="EIO"):
        store.check()
    assert store.records.put(RECORD, seal({})[0], ANY, sync=True)
    store.close()


def test_what_failed_is_forgotten_by_the_next_start(tmp_path: Path) -> None:
    store, syscalls = opened(tmp_path)
    syscalls.at = lambda number, name: fails(1, errno.EIO)(1, name) if name == "fsync" else None
    with pytest.raises(StoreFailed):
        store.records.sync(["repos/"])
    store.close()
    store, _ = opened(tmp_path)
    store.check()
    store.records.sync(["repos/"])
    store.close()


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.EFBIG, errno.ENOSPC])
def test_every_kind_of_no_room_is_full(tmp_path: Path, number: int) -> None:
    store, syscalls = opened(tmp_path)
    with store.bytes.write(BYTES, 0) as writer:
        syscalls.names.clear()
        syscalls.at = fails(1, number)
        with pytest.raises(StoreFull, match=errno.errorcode[number]):
            writer.write(b"x")
        writer.write(b"y")
    assert store.bytes.read(BYTES, 0, 10) == b"y"
    store.close()


def test_short_writes_are_gone_on_with(tmp_path: Path) -> None:
    class Short(CountedSyscalls):
        def write(self, fd: int, data: bytes | memoryview) -> int:
            return super().write(fd, data[:7])

        def pwrite(self, fd: int, data: memoryview, offset: int) -> int:
            return super().pwrite(fd, data[:7], offset)

    store = FilesystemStore(str(tmp_path), syscalls=Short())
    store.open()
    value, _ = seal({"a": "b" * 100}, b"tail")
    store.records.put(RECORD, value, ANY)
    found = store.records.get(RECORD)
    assert found is not None and found.value == value
    with store.bytes.write(BYTES, 0) as writer:
        writer.write(NEW)
    assert store.bytes.read(BYTES, 0, 100) == NEW
    store.close()


def test_what_a_missing_top_folder_held_is_an_error_not_absent_and_the_folder_is_not_made_again(
    tmp_path: Path,
) -> None:
    store, _ = opened(tmp_path / "store")
    for top in ("data", "links"):
        (tmp_path / "store" / top).rename(tmp_path / top)
        with pytest.raises(StoreFailed, match=r"ENOENT|is gone"):
            store.bytes.write("data/d/x", 0) if top == "data" else store.records.put(RECORD, seal({})[0], ANY)
        with pytest.raises(UnsuitableStore, match=f"{top} is gone; mount or put back"):
            opened(tmp_path / "store")
        assert not (tmp_path / "store" / top).exists()
        with pytest.raises(StoreFailed, match=f"{top} is gone"):
            store.bytes.list("data/") if top == "data" else store.records.list("links/sha256/")
    asked: list[Callable[[], object]] = [
        lambda: store.records.get(RECORD),
        lambda: store.records.delete(RECORD, ANY),
        lambda: store.stamp(RECORD),
        lambda: store.bytes.size(BYTES),
        lambda: store.bytes.read(BYTES, 0, 1),
        lambda: store.bytes.write(BYTES, 1),
        lambda: store.bytes.finish(BYTES, 0),
        lambda: store.bytes.delete(BYTES),
        lambda: store.open_local(BYTES),
    ]
    for ask in asked:
        with pytest.raises(StoreFailed, match=r"(data|links) is gone"):
            ask()
    assert store.records.get("repos/a/tags/1") is None
    (tmp_path / "store").rename(tmp_path / "away")
    with pytest.raises(StoreFailed):
        store.check()
    for key in ("audit/1", "repos/a/tags/1"):
        with pytest.raises(StoreFailed, match="is gone"):
            store.records.get(key)
    with pytest.raises(StoreFailed, match="is gone"):
        store.records.list("")
    with pytest.raises(StoreFailed):
        store.records.put("audit/1", seal({})[0], ANY)
    assert not (tmp_path / "store").exists()
