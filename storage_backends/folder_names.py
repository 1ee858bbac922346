"""The sorted names in a folder; those of big folders are kept while the folder has not changed."""

from __future__ import annotations

import fcntl
import itertools
import os
import re
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Final

from storage_backends.syscalls import FOLDER, Syscalls

SETTLED: Final = 2 * 10**9
"""Nanoseconds after which no later change can wear the same time stamp: the coarsest file systems keep 2 s."""

BIG: Final = 1_000
"""Names from which on a folder's are kept."""

KEPT: Final = 1_000_000
"""Names kept in all; the folders that were not asked for the longest go first."""

_ALL_NAMES_FIT: Final = re.compile(r"[A-Za-z0-9._!,\0/-]*").fullmatch
_NAME_FITS: Final = re.compile(r"[A-Za-z0-9._!,-]{1,255}/?").fullmatch

Stamp = tuple[int, int, int]


class _Folder:
    """What is known of one folder: its names and, where they may be trusted later, the stamp they belong to.

    `began` is the ticket drawn when the last read of it began.
    """

    __slots__ = ("began", "known", "lock", "tickets")

    def __init__(self) -> None:
        self.lock = Lock()
        self.tickets: Iterator[int] = itertools.count(1)
        self.began = 0
        self.known: tuple[Sequence[str], Stamp | None] = ((), None)


class FolderNames:
    """Names in folders, in byte order of `NAME` for files and `NAME/` for folders; those that fit no key left out.

    A folder is read under an exclusive flock, which whoever renames over one of its names shares: readdir may miss a
    name that is renamed over meanwhile. A change is read once for all who wait for it: a read serves everybody who
    came before it began.
    """

    __slots__ = ("_folders", "_lock", "_syscalls")

    def __init__(self, syscalls: Syscalls) -> None:
        self._syscalls: Final = syscalls
        self._lock = Lock()
        self._folders: OrderedDict[str, _Folder] = OrderedDict()

    def of(self, path: str) -> Sequence[str]:
        """The names in the folder at `path`; none where it is absent. Raises OSError."""
        with self._lock:
            folder = self._folders.get(path)
            if folder is None:
                folder = self._folders[path] = _Folder()
            else:
                self._folders.move_to_end(path)
        ticket = next(folder.tickets)
        names, stamp = folder.known
        if stamp is not None and stamp == _stamp(path):
            return names
        with folder.lock:
            names, stamp = folder.known
            if folder.began < ticket and (stamp is None or stamp != _stamp(path)):
                began = next(folder.tickets)
                names = ()
                try:
                    names, stamp = folder.known = self._read(path)
                    folder.began = began
                finally:
                    self._keep_or_forget(path, folder, big=len(names) >= BIG)
            return names

    def after_fork(self) -> None:
        """In the child: nothing shared with the parent."""
        self._lock = Lock()
        self._folders = OrderedDict()

    def _read(self, path: str) -> tuple[Sequence[str], Stamp | None]:
        try:
            fd = self._syscalls.open(path, FOLDER)
        except (FileNotFoundError, NotADirectoryError):
            return (), None
        try:
            self._syscalls.flock(fd, fcntl.LOCK_EX)
            stat = os.fstat(fd)
            with os.scandir(fd) as entries:
                names = [e.name + "/" if e.is_dir(follow_symlinks=False) else e.name for e in entries]
        finally:
            os.close(fd)
        if _ALL_NAMES_FIT("\0".join(names)) is None:
            names = [name for name in names if _NAME_FITS(name)]
        names.sort()
        old = time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) >= SETTLED
        return names, (stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns) if old else None

    def _keep_or_forget(self, path: str, folder: _Folder, *, big: bool) -> None:
        with self._lock:
            if not big:
                if self._folders.get(path) is folder:
                    del self._folders[path]
                return
            kept = sum(len(each.known[0]) for each in self._folders.values())
            while kept > KEPT and len(self._folders) > 1:
                _, oldest = self._folders.popitem(last=False)
                kept -= len(oldest.known[0])


def _stamp(path: str) -> Stamp | None:
    try:
        stat = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns)
