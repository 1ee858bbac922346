"""Folders on disk: made when needed, made durable together with their parents, removed when they are empty."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable
from typing import Final

from storage_backends.errors import StoreFailed
from storage_backends.health import Health
from storage_backends.keys import LOCK, folder_of
from storage_backends.os_errors import FULL
from storage_backends.removals import Removals
from storage_backends.syscalls import FOLDER, Syscalls
from storage_backends.turns import Turns

REMOVABLE: Final = {"repos": 2, "links": 4}
"""Under which tops emptied folders go away, and how many components such a folder has at least."""

_REMEMBERED: Final = 10_000
_ATTEMPTS: Final = 1_000


class Folders:
    """The folders under a root. All paths given are relative to it; the empty one is the root itself.

    The `fixed` ones are made at the start and never again: one that is gone tells that the disk is, and what were
    written in its place would be lost to it.

    That a folder is in its parent durably, and so on up to the root, is established once a process (another
    process's mkdir may be unsynced) and remembered: in `_lasting` for folders that are never removed, in `_anchored`
    for the others. One that was removed and made again needs it anew: `Removals` tells, and `_anchored` is forgotten.
    It is asked behind the rename whose folder is to be synced: if that folder is a second one, its forerunner's
    removal is counted.
    """

    __slots__ = ("_anchored", "_fixed", "_health", "_lasting", "_removals", "_root", "_syscalls", "_turns")

    def __init__(self, root: str, fixed: Iterable[str], syscalls: Syscalls, health: Health, turns: Turns) -> None:
        self._root = root
        self._fixed = frozenset(fixed)
        self._syscalls = syscalls
        self._health = health
        self._turns = turns
        self._removals = Removals(f"{root}/{LOCK}/removed", syscalls)
        self._anchored: tuple[int, set[str]] = (-1, set())
        self._lasting: set[str] = set()

    def path(self, folder: str) -> str:
        """The absolute path of a folder."""
        return f"{self._root}/{folder}" if folder else self._root

    def make_fixed(self) -> None:
        """Makes the folders that are there from the start, durably. Raises OSError."""
        for folder in self._fixed:
            with contextlib.suppress(FileExistsError):
                self._syscalls.mkdir(self.path(folder))
        self._fsync("", set())

    def trust_fixed(self) -> None:
        """The fixed folders are durable: whoever made them has said so."""
        self._lasting.update(self._fixed)

    def expect(self, key: str) -> None:
        """StoreFailed where the root or the fixed folder of a key is gone: that the key is absent says nothing then."""
        top = key.partition("/")[0]
        path = self.path(top if top in self._fixed else "")
        if not os.path.isdir(path):
            raise StoreFailed(
                f"{key}: the folder {path} is gone; mount or put back what was there, then restart the server"
            )

    def make(self, folder: str) -> None:
        """Makes a folder and the parents that it lacks. Raises OSError."""
        if not folder or folder in self._fixed:
            os.stat(self.path(folder))
            return
        for _ in range(_ATTEMPTS):
            try:
                self._syscalls.mkdir(self.path(folder))
                return
            except FileExistsError:
                return
            except FileNotFoundError:
                self.make(folder_of(folder))  # somebody may remove it again: it is empty
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), self.path(folder))

    def rename_into(self, source: str, key: str) -> None:
        """Renames the file `source` to a key whose folder may have to be made. Raises OSError."""
        for _ in range(_ATTEMPTS):
            try:
                self._syscalls.rename(source, f"{self._root}/{key}")
                return
            except FileNotFoundError:
                os.stat(source)
                self.make(folder_of(key))
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), f"{self._root}/{key}")

    def create(self, key: str, flags: int) -> int:
        """Opens a file that `flags` create, in a folder that may have to be made. Raises OSError."""
        for _ in range(_ATTEMPTS):
            try:
                return self._syscalls.open(f"{self._root}/{key}", flags)
            except FileNotFoundError:
                self.make(folder_of(key))
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), f"{self._root}/{key}")

    def sync(self, folders: Iterable[str]) -> None:
        """Makes the names in these folders durable, or that a folder is gone. Raises OSError, StoreFailed."""
        anchored = self._remembered()
        done: set[str] = set()
        for folder in folders:
            while not self._fsync(folder, done):
                folder = folder_of(folder)
            path = [folder]
            while folder and folder not in self._lasting and folder not in anchored:
                folder = folder_of(folder)
                if not self._fsync(folder, done):
                    break  # removed meanwhile, with all that was in it
                path.append(folder)
            for each in path:
                (anchored if _removable(each) else self._lasting).add(each)

    def below(self, folder: str) -> list[str]:
        """This folder, and all folders in it at any depth; nothing where it is absent. Raises OSError."""
        found = [folder]
        for each in found:
            try:
                with os.scandir(self.path(each)) as entries:
                    found += [f"{each}/{e.name}" for e in entries if e.is_dir(follow_symlinks=False)]
            except FileNotFoundError:
                continue  # removed meanwhile: the sync of the folder it was in covers it
        return found

    def drop_empty(self, folder: str) -> None:
        """Removes a folder and its parents as far as they are empty and of a kind that goes away. Raises OSError."""
        while _removable(folder):
            path = self.path(folder)
            try:
                with os.scandir(path) as entries:
                    if next(entries, None) is not None:
                        return
                with self._removals.one():
                    self._syscalls.rmdir(path)
            except FileNotFoundError:
                pass  # somebody else removed it; the parent may be empty now
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST) or error.errno in FULL:
                    return  # somebody put a key there, or there is no room to count the removal: the folder stays
                raise
            folder = folder_of(folder)

    def close(self) -> None:
        """Closes the descriptor that it keeps."""
        self._removals.close()

    def after_fork(self) -> None:
        """In the child: nothing shared with the parent."""
        self._removals.after_fork()

    def _remembered(self) -> set[str]:
        removals = self._removals.count()
        if len(self._lasting) > _REMEMBERED:
            self._lasting = set()
        remembered, anchored = self._anchored
        if removals != remembered or len(anchored) > _REMEMBERED:
            anchored = set()  # a new one: threads that still fill the old one do so in vain
            self._anchored = (removals, anchored)
        return anchored

    def _fsync(self, folder: str, done: set[str]) -> bool:
        """Whether the folder is there; then its names are durable."""
        if folder in done:
            return True
        path = self.path(folder)
        self._health.may_sync(folder)
        try:
            fd = self._syscalls.open(path, FOLDER)
        except (FileNotFoundError, NotADirectoryError):
            if not folder:
                raise
            return False
        try:
            with self._turns.waiting():
                self._syscalls.fsync(fd)
        except OSError as error:
            self._health.lose(folder, error)
            raise
        finally:
            os.close(fd)
        done.add(folder)
        return True


def _removable(folder: str) -> bool:
    """Whether a folder goes away once it is empty."""
    least = REMOVABLE.get(folder.partition("/")[0])
    return least is not None and folder.count("/") + 1 >= least
