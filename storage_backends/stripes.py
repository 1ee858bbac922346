"""Locks of keys, over all threads and processes that share a folder: 256 files, one flock each."""

from __future__ import annotations

import fcntl
import os
from threading import Lock
from typing import Final
from zlib import crc32

from storage_backends.syscalls import CREATE, Syscalls

STRIPES: Final = 256


class Stripes:
    """A key's stripe is held for one read and one rename, never while waiting for a disk or for another stripe.

    One descriptor a stripe and process, opened at first use; a thread lock goes in front of it, since a flock belongs
    to the descriptor and does not part threads that share it.
    """

    __slots__ = ("_fds", "_folder", "_locks", "_syscalls")

    def __init__(self, folder: str, syscalls: Syscalls) -> None:
        self._folder = folder
        self._syscalls = syscalls
        self._locks = [Lock() for _ in range(STRIPES)]
        self._fds = [-1] * STRIPES

    def acquire(self, key: str) -> int:
        """Waits for the stripe of a key and holds it; gives its number for `release`. Raises OSError."""
        stripe = crc32(key.encode("ascii")) % STRIPES
        lock = self._locks[stripe]
        lock.acquire()
        try:
            fd = self._fds[stripe]
            if fd < 0:
                fd = self._fds[stripe] = self._syscalls.open(f"{self._folder}/{stripe:02x}", CREATE)
            self._syscalls.flock(fd, fcntl.LOCK_EX)
        except BaseException:
            lock.release()
            raise
        return stripe

    def release(self, stripe: int) -> None:
        """Lets a stripe go."""
        try:
            self._syscalls.flock(self._fds[stripe], fcntl.LOCK_UN)
        except OSError:
            # Closing releases a flock too, and cannot leave it held.
            os.close(self._fds[stripe])
            self._fds[stripe] = -1
        finally:
            self._locks[stripe].release()

    def close(self) -> None:
        """Closes the descriptors; nobody holds a stripe any more."""
        for fd in self._fds:
            if fd >= 0:
                os.close(fd)
        self._fds = [-1] * STRIPES

    def after_fork(self) -> None:
        """In the child: descriptors of its own (an inherited one would share the parent's locks), free locks."""
        self._locks = [Lock() for _ in range(STRIPES)]
        self.close()
