"""System calls of the disk store that are counted, and of which the n-th fails or is the last one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from storage_backends.syscalls import Syscalls


class CountedSyscalls(Syscalls):
    """Calls `at` ahead of every system call with its number (from 1 on) and its name."""

    def __init__(self, at: Callable[[int, str], None] = lambda number, name: None) -> None:
        self.at = at
        self.names: list[str] = []

    def _count(self, name: str) -> None:
        self.names.append(name)
        self.at(len(self.names), name)

    def open(self, path: str, flags: int) -> int:
        self._count("open")
        return super().open(path, flags)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        self._count("write")
        return super().write(fd, data)

    def pwrite(self, fd: int, data: memoryview, offset: int) -> int:
        self._count("pwrite")
        return super().pwrite(fd, data, offset)

    def fsync(self, fd: int) -> None:
        self._count("fsync")
        super().fsync(fd)

    def ftruncate(self, fd: int, size: int) -> None:
        self._count("ftruncate")
        super().ftruncate(fd, size)

    def rename(self, source: str, target: str) -> None:
        self._count("rename")
        super().rename(source, target)

    def unlink(self, path: str) -> None:
        self._count("unlink")
        super().unlink(path)

    def mkdir(self, path: str) -> None:
        self._count("mkdir")
        super().mkdir(path)

    def rmdir(self, path: str) -> None:
        self._count("rmdir")
        super().rmdir(path)

    def lock(self, fd: int, flock: bytes) -> None:
        self._count("lock")
        super().lock(fd, flock)

    def flock(self, fd: int, operation: int) -> None:
        self._count("flock")
        super().flock(fd, operation)


def fails(n: int, number: int) -> Callable[[int, str], None]:
    """An `at` by which the n-th call fails with the error `number`."""

    def at(count: int, name: str) -> None:
        if count == n:
            raise OSError(number, os.strerror(number))

    return at


def dies(n: int) -> Callable[[int, str], None]:
    """An `at` by which the process is killed where the n-th call would begin."""

    def at(count: int, name: str) -> None:
        if count == n:
            os.kill(os.getpid(), signal.SIGKILL)

    return at
