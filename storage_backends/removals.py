"""How many folders were ever removed, seen alike by all processes that share a store."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

from storage_backends.syscalls import CREATE, Syscalls


class Removals:
    """The length of one file in bytes, which grows ahead of each removal, both under an exclusive flock.

    `count` takes the lock shared. So the count that it gives was true at a moment when no removal was under way: what
    is then found out about a folder holds for as long as the count stays the same, and who sees a folder that was
    made again sees a higher count.
    """

    __slots__ = ("_fd", "_lock", "_path", "_syscalls")

    def __init__(self, path: str, syscalls: Syscalls) -> None:
        self._path: Final = path
        self._syscalls: Final = syscalls
        self._lock = Lock()
        self._fd = -1

    def count(self) -> int:
        """Removals so far. Raises OSError."""
        with self._lock:
            if self._fd < 0:
                self._fd = self._syscalls.open(self._path, CREATE)
            try:
                self._syscalls.flock(self._fd, fcntl.LOCK_SH)
                count = os.fstat(self._fd).st_size
                self._syscalls.flock(self._fd, fcntl.LOCK_UN)
            except BaseException:
                self.close()  # and with it the lock
                raise
            return count

    @contextmanager
    def one(self) -> Iterator[None]:
        """A removal takes place inside. Raises OSError."""
        fd = self._syscalls.open(self._path, CREATE | os.O_APPEND)
        try:
            self._syscalls.flock(fd, fcntl.LOCK_EX)
            self._syscalls.write(fd, b".")
            yield
        finally:
            os.close(fd)

    def close(self) -> None:
        """Closes the descriptor."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def after_fork(self) -> None:
        """In the child: a descriptor of its own, since an inherited one shares the parent's lock."""
        self._lock = Lock()
        self.close()
