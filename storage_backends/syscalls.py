"""Every system call by which the disk store changes something, one method each.

A thin seam: a test hands in a subclass that counts the calls, fails the n-th, or kills the process at it.
"""

from __future__ import annotations

import fcntl
import os
from typing import Final

from storage_backends.writeback import start_writeback

FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
CREATE: Final = os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
"""Flags of `open`: never through a symbolic link at the end, never into a program that is started."""


class Syscalls:
    """The system calls themselves. Each raises OSError as the kernel gives it."""

    __slots__ = ()

    def open(self, path: str, flags: int) -> int:
        return os.open(path, flags, 0o600)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        return os.write(fd, data)

    def pwrite(self, fd: int, data: memoryview, offset: int) -> int:
        return os.pwrite(fd, data, offset)

    def start_writeback(self, fd: int, offset: int, count: int) -> None:
        start_writeback(fd, offset, count)

    def fsync(self, fd: int) -> None:
        os.fsync(fd)

    def ftruncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def rename(self, source: str, target: str) -> None:
        os.rename(source, target)

    def unlink(self, path: str) -> None:
        os.unlink(path)

    def mkdir(self, path: str) -> None:
        os.mkdir(path, 0o700)

    def rmdir(self, path: str) -> None:
        os.rmdir(path)

    def lock(self, fd: int, flock: bytes) -> None:
        """Waits for a lock of the open file description; `flock` is the C structure of that name (fcntl(2))."""
        fcntl.fcntl(fd, fcntl.F_OFD_SETLKW, flock)

    def flock(self, fd: int, operation: int) -> None:
        fcntl.flock(fd, operation)
