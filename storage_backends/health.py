"""What has failed on a disk: it is never tried again, and `check` tells of it from then on."""

from __future__ import annotations

import errno
from threading import Lock

from storage_backends.errors import StoreError, StoreFailed
from storage_backends.os_errors import failure


class Health:
    """The first write that met an I/O error or fsync that failed, and the keys of files and folders it was of.

    After a failed fsync the kernel holds the pages for clean: the next one would succeed and mean nothing.
    """

    __slots__ = ("_lock", "_lost", "_why")

    def __init__(self) -> None:
        self._lock = Lock()
        self._lost: set[str] = set()
        self._why: StoreError | None = None

    def check(self) -> None:
        """StoreFailed once a write or an fsync has failed."""
        if self._why is not None:
            raise StoreFailed(f"the disk has failed: {self._why}; restart the server once it is mended") from None

    def may_sync(self, name: str) -> None:
        """StoreFailed for a file or folder whose fsync has failed before."""
        if self._lost and name in self._lost:
            raise StoreFailed(f"fsync {name or '.'}: an earlier one failed and is never repeated; restart the server")

    def lose(self, name: str, error: OSError) -> None:
        """The fsync of this file or folder failed."""
        with self._lock:
            self._lost.add(name)
            self._why = self._why or failure(error.errno or errno.EIO, f"fsync {name or '.'}")

    def after_fork(self) -> None:
        """In the child: a free lock; what failed stays failed."""
        self._lock = Lock()

    def failure(self, error: OSError, doing: str) -> StoreError:
        """The StoreError for what a write or an fsync raised; an I/O error is remembered."""
        failed = failure(error.errno or errno.EIO, doing)
        if error.errno == errno.EIO:
            with self._lock:
                self._why = self._why or failed
        return failed

    def unread(self, error: OSError, doing: str) -> StoreError:
        """The StoreError for what a read raised: one bad sector says nothing about writing."""
        return failure(error.errno or errno.EIO, doing)
