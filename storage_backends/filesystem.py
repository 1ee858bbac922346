"""A store in one folder of a local disk, shared by all processes of one machine.

::

    ROOT/tmp/ID/      temporary files of one process each
    ROOT/lock/stripes the locks of keys that writers hold
    ROOT/lock/removed see `removals`
    ROOT/lock/made    the fixed folders were all made: from then on one that is gone is missed, never made again
    ROOT/KEY          a record or bytes, the key being the path
"""

from __future__ import annotations

import errno
import os
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final, Literal

from storage_backends.base import Bytes, Records
from storage_backends.disk_bytes import DiskBytes
from storage_backends.disk_records import DiskRecords
from storage_backends.errors import UnsuitableStore
from storage_backends.folder_names import SETTLED, FolderNames
from storage_backends.folders import Folders
from storage_backends.health import Health
from storage_backends.keys import LOCK, OWN, check_key
from storage_backends.place import check_case, check_file_system, file_system_of, make_root
from storage_backends.room import Room
from storage_backends.scratch import Scratch
from storage_backends.stripes import Stripes
from storage_backends.syscalls import CREATE, Syscalls
from storage_backends.turns import Turns

TOPS: Final = ("catalog", "data", "blobs", "links", "repos", "uploads", "trash", "gc")
"""Folders that are made at the start and stay: one that is gone tells that the disk is not there."""

MADE: Final = "made"


class FilesystemStore:
    """Records and bytes in a folder (see `base` for the contracts).

    `floor` bytes of free space are kept: below it nothing may begin or go on to write bytes, while records still
    may, since deleting and collecting need them. `file_system` tells a path's statfs magic number.
    """

    def __init__(
        self,
        path: str,
        *,
        floor: int = 0,
        syscalls: Syscalls | None = None,
        file_system: Callable[[str], int] = file_system_of,
    ) -> None:
        self.name = path
        self.shared: Literal[True, False] = True
        self._root: Final = os.path.realpath(path)
        self._file_system: Final = file_system
        self._turns: Final = Turns()
        self._syscalls: Final = syscalls or Syscalls()
        self._health: Final = Health()
        self._room: Final = Room(self._root, floor)
        self._folders: Final = Folders(self._root, (*OWN, *TOPS), self._syscalls, self._health, self._turns)
        self._stripes: Final = Stripes(f"{self._root}/{LOCK}/stripes", self._syscalls)
        self._scratch: Final = Scratch(self._root, self._syscalls, self._health, self._turns)
        self._names: Final = FolderNames(self._syscalls)
        self._bytes: Final = DiskBytes(
            self._root,
            syscalls=self._syscalls,
            health=self._health,
            folders=self._folders,
            names=self._names,
            room=self._room,
            turns=self._turns,
        )
        self.records: Records = DiskRecords(
            self._root,
            syscalls=self._syscalls,
            health=self._health,
            folders=self._folders,
            stripes=self._stripes,
            scratch=self._scratch,
            names=self._names,
        )
        self.bytes: Bytes = self._bytes
        itself = weakref.ref(self)

        def after_fork() -> None:
            store = itself()
            if store is not None:
                store._after_fork()

        os.register_at_fork(after_in_child=after_fork)

    def open(self) -> None:
        """Makes the folder ready and empties what dead processes left in `tmp/`. UnsuitableStore, StoreError.

        Any number of processes may do so at once, while others are at work in it.
        """
        try:
            make_root(self._root)
            check_file_system(self._root, self._file_system(self._root))
            self._make_fixed()
            self._scratch.empty()
            self._scratch.drop(self._scratch.write(b"open"))
            check_case(self._scratch.folder())
            self._stripes.release(self._stripes.acquire("open"))
        except PermissionError as error:
            raise UnsuitableStore(
                f"{self.name}: {error.strerror}: {error.filename}; give a folder that user {os.geteuid()} may write"
            ) from error
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                raise UnsuitableStore(
                    f"{self.name}: its file system has no locks ({error.strerror}); give a folder on a local disk"
                ) from error
            raise self._health.failure(error, f"open {self.name}") from error

    def _make_fixed(self) -> None:
        made = f"{self._root}/{LOCK}/{MADE}"
        if not os.path.exists(made):
            self._folders.make_fixed()
            os.close(self._syscalls.open(made, CREATE))
        gone = [name for name in (*OWN, *TOPS) if not os.path.isdir(f"{self._root}/{name}")]
        if gone:
            raise UnsuitableStore(
                f"{self.name}: of this store {', '.join(gone)} is gone; mount or put back what was there. Where it is "
                "lost for good, make an empty folder in its place and run `wherry fsck`"
            )
        self._folders.trust_fixed()

    def check(self) -> None:
        """StoreFailed where a file cannot be written, or a write or fsync has failed; StoreFull without room."""
        self._health.check()
        try:
            self._scratch.drop(self._scratch.write(b"check"))
        except OSError as error:
            raise self._health.failure(error, f"check {self.name}") from error

    def free(self) -> int | None:
        """Bytes that may be written before the floor is reached, 0 from there on."""
        try:
            return max(0, self._room.free())
        except OSError as error:
            raise self._health.unread(error, f"free {self.name}") from error

    def close(self) -> None:
        """Gives back descriptors and this process's folder in `tmp/`."""
        self._stripes.close()
        self._folders.close()
        self._scratch.close()

    def stamp(self, key: str) -> tuple[int, ...] | None:
        check_key(key)
        try:
            stat = os.stat(f"{self._root}/{key}", follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            self._folders.expect(key)
            return None
        except OSError as error:
            raise self._health.unread(error, f"stamp {key}") from error
        return (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)

    def unchanged(self, stamps: Sequence[tuple[str, tuple[int, ...]]]) -> bool:
        """Whether each key still has its stamp; as `stamp`, for keys that it has checked."""
        root = self._root
        try:
            for key, (inode, size, mtime, ctime) in stamps:
                stat = os.lstat(f"{root}/{key}")
                if (
                    stat.st_ctime_ns != ctime
                    or stat.st_mtime_ns != mtime
                    or stat.st_ino != inode
                    or stat.st_size != size
                ):
                    return False
        except OSError:
            return False
        return True

    def turn(self) -> AbstractContextManager[None]:
        return self._turns.turn()

    def pass_on(self) -> None:
        self._turns.pass_on()

    def settled(self, stamp: tuple[int, ...]) -> bool:
        """Whether a stamp's times are 2 s old."""
        return time.time_ns() - max(stamp[2], stamp[3]) >= SETTLED

    def open_local(self, key: str) -> int:
        """A descriptor for reading bytes; the caller closes it. BytesGone."""
        return self._bytes.open_local(key)

    def _after_fork(self) -> None:
        self._turns.after_fork()
        self._health.after_fork()
        self._stripes.after_fork()
        self._folders.after_fork()
        self._scratch.after_fork()
        self._names.after_fork()
