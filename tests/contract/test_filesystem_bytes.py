"""Bytes on disk that somebody else deletes or makes between two system calls."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from storage_backends.errors import BytesGone, BytesShort
from storage_backends.filesystem import FilesystemStore
from tests.contract.faulty_syscalls import CountedSyscalls

KEY = "data/d1/d1a"


def opened(root: Path) -> tuple[FilesystemStore, CountedSyscalls]:
    syscalls = CountedSyscalls()
    store = FilesystemStore(str(root), syscalls=syscalls)
    store.open()
    with store.bytes.write(KEY, 0) as writer:
        writer.write(b"hello")
    return store, syscalls


def once(name: str, action: Callable[[], object]) -> Callable[[int, str], None]:
    """Ahead of the first system call of this name, somebody else does something."""
    left = [action]

    def at(number: int, called: str) -> None:
        if called == name and left:
            left.pop()()

    return at


def test_bytes_deleted_before_they_are_locked_are_written_anew(tmp_path: Path) -> None:
    store, syscalls = opened(tmp_path)
    syscalls.at = once("flock", lambda: os.unlink(tmp_path / KEY))
    with store.bytes.write(KEY, 0) as writer:
        writer.write(b"new")
    assert store.bytes.read(KEY, 0, 10) == b"new"
    store.close()


def test_bytes_deleted_before_they_are_locked_cannot_be_gone_on_with(tmp_path: Path) -> None:
    store, syscalls = opened(tmp_path)
    syscalls.at = once("flock", lambda: os.unlink(tmp_path / KEY))
    with pytest.raises(BytesShort):
        store.bytes.write(KEY, 5)
    assert store.bytes.size(KEY) is None
    store.close()


def test_bytes_deleted_while_they_are_finished_are_gone(tmp_path: Path) -> None:
    store, syscalls = opened(tmp_path)
    syscalls.at = once("fsync", lambda: os.unlink(tmp_path / KEY))
    with pytest.raises(BytesGone):
        store.bytes.finish(KEY, 5)
    store.close()


def test_bytes_that_somebody_else_makes_meanwhile_are_opened(tmp_path: Path) -> None:
    store, syscalls = opened(tmp_path)
    os.unlink(tmp_path / KEY)

    def make(number: int, name: str) -> None:
        if syscalls.names.count("open") == 2 and name == "open":
            (tmp_path / KEY).write_bytes(b"others'")

    syscalls.names.clear()
    syscalls.at = make
    with store.bytes.write(KEY, 0) as writer:
        writer.write(b"new")
    assert syscalls.names.count("open") == 3
    assert store.bytes.read(KEY, 0, 10) == b"new"
    store.close()


def test_the_folder_of_new_bytes_is_made_where_it_is_missing(tmp_path: Path) -> None:
    store, _ = opened(tmp_path)
    with store.bytes.write("data/ee/ee0", 0) as writer:
        writer.write(b"x")
    store.bytes.finish("data/ee/ee0", 1)
    assert store.bytes.read("data/ee/ee0", 0, 10) == b"x"
    store.close()
