"""Bytes as files that grow in place under their final key, one flocked writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Sequence
from typing import Final, Self

from storage_backends.base import Listed, State, Writer
from storage_backends.errors import BytesBusy, BytesGone, BytesShort
from storage_backends.folder_names import FolderNames
from storage_backends.folders import Folders
from storage_backends.health import Health
from storage_backends.keys import check_key, check_prefix, folder_of
from storage_backends.listing import list_tree
from storage_backends.room import Room
from storage_backends.syscalls import CREATE, READ, Syscalls
from storage_backends.turns import Turns

WRITEBACK: Final = 8 << 20
"""Bytes after which the kernel is asked to begin writing them out."""

_WRITE: Final = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW


class DiskBytes:
    """Bytes under a root folder (see `base` for the contract)."""

    __slots__ = ("_folders", "_health", "_names", "_room", "_root", "_syscalls", "_turns")

    def __init__(
        self,
        root: str,
        *,
        syscalls: Syscalls,
        health: Health,
        folders: Folders,
        names: FolderNames,
        room: Room,
        turns: Turns,
    ) -> None:
        self._root: Final = root
        self._syscalls: Final = syscalls
        self._health: Final = health
        self._folders: Final = folders
        self._names: Final = names
        self._room: Final = room
        self._turns: Final = turns

    def write(self, key: str, offset: int, state: State = None, allowed: Callable[[], None] | None = None) -> Writer:
        check_key(key)
        try:
            self._room.check(f"write {key}")
            fd, fresh = self._locked(key, offset)
            try:
                size = os.fstat(fd).st_size
                if size < offset:
                    raise BytesShort(f"{key}: {size} bytes, to be written at {offset}")
                if allowed is not None:
                    allowed()
                if size > offset:
                    self._syscalls.ftruncate(fd, offset)
            except BaseException:
                try:
                    if fresh:
                        with contextlib.suppress(FileNotFoundError):
                            self._syscalls.unlink(f"{self._root}/{key}")
                finally:
                    os.close(fd)
                raise
        except OSError as error:
            raise self._health.failure(error, f"write {key}") from error
        return _DiskWriter(fd, key, offset, self._syscalls, self._health, self._room)

    def finish(self, key: str, size: int, state: State = None) -> None:
        check_key(key)
        path = f"{self._root}/{key}"
        try:
            self._health.may_sync(key)
            fd = self._syscalls.open(path, _WRITE)
            try:
                found = os.fstat(fd).st_size
                if found < size:
                    raise BytesShort(f"{key}: {found} bytes, {size} were to be there")
                if found > size:
                    self._lock(fd, key)
                    self._syscalls.ftruncate(fd, size)
                self._fsync(fd, key)
                if not os.fstat(fd).st_nlink:
                    raise FileNotFoundError
            finally:
                os.close(fd)
            self._folders.sync((folder_of(key),))
        except (FileNotFoundError, NotADirectoryError):
            self._folders.expect(key)
            raise BytesGone(f"{key}: no bytes are there") from None
        except OSError as error:
            raise self._health.failure(error, f"finish {key}") from error

    def size(self, key: str) -> int | None:
        check_key(key)
        try:
            return os.lstat(f"{self._root}/{key}").st_size
        except (FileNotFoundError, NotADirectoryError):
            self._folders.expect(key)
            return None
        except OSError as error:
            raise self._health.unread(error, f"size {key}") from error

    def read(self, key: str, start: int, count: int) -> bytes:
        fd = self.open_local(key)
        try:
            count = min(count, os.fstat(fd).st_size - start)
            if count <= 0:
                return b""
            found = os.pread(fd, count, start)
            while len(found) < count:
                more = os.pread(fd, count - len(found), start + len(found))
                if not more:
                    break
                found += more
            return found
        except OSError as error:
            raise self._health.unread(error, f"read {key}") from error
        finally:
            os.close(fd)

    def sync(self, key: str) -> None:
        check_key(key)
        path = f"{self._root}/{key}"
        try:
            self._health.may_sync(key)
            try:
                fd = self._syscalls.open(path, READ)
            except (FileNotFoundError, NotADirectoryError):
                pass  # its absence is in its folder
            else:
                try:
                    self._fsync(fd, key)
                finally:
                    os.close(fd)
            self._folders.sync((folder_of(key),))
        except OSError as error:
            raise self._health.failure(error, f"sync {key}") from error

    def delete(self, key: str, state: State = None) -> None:
        check_key(key)
        try:
            self._syscalls.unlink(f"{self._root}/{key}")
        except (FileNotFoundError, NotADirectoryError):
            self._folders.expect(key)
        except OSError as error:
            raise self._health.failure(error, f"delete {key}") from error

    def list(self, prefix: str, after: str = "", limit: int = 1000) -> Sequence[Listed]:
        check_prefix(prefix)
        try:
            found = list_tree(self._root, prefix, after, limit, self._names)
        except OSError as error:
            raise self._health.unread(error, f"list {prefix}") from error
        self._folders.expect(prefix)
        return found

    def open_local(self, key: str) -> int:
        """A descriptor for reading the bytes; the caller closes it. BytesGone."""
        check_key(key)
        try:
            return os.open(f"{self._root}/{key}", READ)
        except (FileNotFoundError, NotADirectoryError):
            self._folders.expect(key)
            raise BytesGone(f"{key}: no bytes are there") from None
        except OSError as error:
            raise self._health.unread(error, f"open {key}") from error

    def _locked(self, key: str, offset: int) -> tuple[int, bool]:
        """A descriptor for writing with the lock held, and whether the file is new. OSError, BytesBusy, BytesShort."""
        path = f"{self._root}/{key}"
        while True:
            fresh = False
            try:
                fd = self._syscalls.open(path, _WRITE)
            except (FileNotFoundError, NotADirectoryError):
                self._folders.expect(key)
                if offset:
                    raise BytesShort(f"{key}: no bytes are there, to be written at {offset}") from None
                try:
                    fd = self._folders.create(key, CREATE | os.O_EXCL)
                except FileExistsError:
                    continue  # somebody else was faster
                fresh = True
            try:
                self._lock(fd, key)
                if os.fstat(fd).st_nlink:
                    return fd, fresh
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)  # deleted before it was locked

    def _lock(self, fd: int, key: str) -> None:
        try:
            self._syscalls.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BytesBusy(f"{key}: another writer has these bytes") from None

    def _fsync(self, fd: int, key: str) -> None:
        try:
            with self._turns.waiting():
                self._syscalls.fsync(fd)
        except OSError as error:
            self._health.lose(key, error)
            # The pages count as clean now. Other processes must not read from memory what the disk does not hold.
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            raise


class _DiskWriter:
    """A writer at a flocked file."""

    __slots__ = ("_at", "_checked", "_fd", "_health", "_key", "_room", "_started", "_syscalls")

    def __init__(self, fd: int, key: str, offset: int, syscalls: Syscalls, health: Health, room: Room) -> None:
        self._fd = fd
        self._key: Final = key
        self._at = self._started = self._checked = offset
        self._syscalls: Final = syscalls
        self._health: Final = health
        self._room: Final = room

    def write(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data).cast("B")
        try:
            if self._at + len(view) - self._checked >= self._room.STEP:
                self._room.check(f"write {self._key}")
                self._checked = self._at
            while view:
                written = self._syscalls.pwrite(self._fd, view, self._at)
                self._at += written
                view = view[written:]
            if self._at - self._started >= WRITEBACK:
                self._syscalls.start_writeback(self._fd, self._started, self._at - self._started)
                self._started = self._at
        except OSError as error:
            raise self._health.failure(error, f"write {self._key}") from error

    def flush(self) -> State:
        return None

    def close(self) -> State:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            # A child that was forked meanwhile has the descriptor too: closing alone would leave the lock with it.
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
