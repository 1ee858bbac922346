"""Locks of keys, over all threads and processes that share a folder: 256 stripes, one byte each of one file."""

from __future__ import annotations

import fcntl
import os
import struct
from threading import Lock
from typing import Final
from zlib import crc32

from storage_backends.syscalls import CREATE, Syscalls

STRIPES: Final = 256

_APART: Final = 2
"""Bytes from one stripe to the next: the kernel would join neighbours and need memory to part them again."""


def _flock(kind: int, stripe: int) -> bytes:
    """A `struct flock` (fcntl(2)) over one byte."""
    return struct.pack("@hhqqi0q", kind, os.SEEK_SET, stripe * _APART, 1, 0)


class Stripes:
    """A key's stripe is held for one read and one rename, never while waiting for a disk or for another stripe.

    The lock is one of the open file description (F_OFD_SETLKW), so one descriptor serves a whole process, a deleting
    server needs no new file on a full disk, and death lets go. A thread lock goes in front of each stripe, since
    threads share the description.
    """

    __slots__ = ("_fd", "_lock", "_locks", "_path", "_syscalls")

    def __init__(self, path: str, syscalls: Syscalls) -> None:
        self._path: Final = path
        self._syscalls: Final = syscalls
        self._locks = [Lock() for _ in range(STRIPES)]
        self._lock = Lock()
        self._fd = -1

    def acquire(self, key: str) -> int:
        """Waits for the stripe of a key and holds it; gives its number for `release`. Raises OSError."""
        stripe = crc32(key.encode("ascii")) % STRIPES
        lock = self._locks[stripe]
        lock.acquire()
        try:
            self._syscalls.lock(self._fd if self._fd >= 0 else self._opened(), _TAKE[stripe])
        except BaseException:
            lock.release()
            raise
        return stripe

    def release(self, stripe: int) -> None:
        """Lets a stripe go; that cannot fail, since it neither parts nor joins what is locked."""
        fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, _LET_GO[stripe])
        self._locks[stripe].release()

    def close(self) -> None:
        """Closes the descriptor; nobody holds a stripe any more."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def after_fork(self) -> None:
        """In the child: a descriptor of its own (an inherited one would share the parent's locks), free locks."""
        self._locks = [Lock() for _ in range(STRIPES)]
        self._lock = Lock()
        self.close()

    def _opened(self) -> int:
        with self._lock:
            if self._fd < 0:
                self._fd = self._syscalls.open(self._path, CREATE)
            return self._fd


_TAKE: Final = [_flock(fcntl.F_WRLCK, stripe) for stripe in range(STRIPES)]
_LET_GO: Final = [_flock(fcntl.F_UNLCK, stripe) for stripe in range(STRIPES)]
