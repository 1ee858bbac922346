"""Records as files: written aside, fsynced, renamed into place under the lock of the key's stripe."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Sequence
from typing import Final

from storage_backends.base import ABSENT, ANY, Expected, Listed, Stored, nonce_of, nonce_to_put
from storage_backends.durable import Durable
from storage_backends.folder_names import FolderNames
from storage_backends.folders import Folders
from storage_backends.health import Health
from storage_backends.keys import check_key, check_prefix, folder_of
from storage_backends.listing import list_tree
from storage_backends.scratch import Scratch
from storage_backends.stripes import Stripes
from storage_backends.syscalls import FOLDER, READ, Syscalls


class DiskRecords:
    """Records under a root folder (see `base` for the contract).

    A file's own data is durable before its name is there, so no file system can tear a record; `sync` is about names
    alone, that is about folders. The stripe is held while the version is read and the name is changed, not while the
    disk is waited for.
    """

    __slots__ = ("_durable", "_folders", "_health", "_names", "_root", "_scratch", "_stripes", "_syscalls")

    def __init__(
        self,
        root: str,
        *,
        syscalls: Syscalls,
        health: Health,
        folders: Folders,
        stripes: Stripes,
        scratch: Scratch,
        names: FolderNames,
    ) -> None:
        self._root: Final = root
        self._syscalls: Final = syscalls
        self._health: Final = health
        self._folders: Final = folders
        self._durable: Final = Durable()
        self._stripes: Final = stripes
        self._scratch: Final = scratch
        self._names: Final = names

    def get(self, key: str) -> Stored | None:
        check_key(key)
        try:
            fd = os.open(f"{self._root}/{key}", READ)
            try:
                stat = os.fstat(fd)
                value = os.read(fd, stat.st_size)
                while len(value) < stat.st_size:
                    more = os.read(fd, stat.st_size - len(value))
                    if not more:
                        break
                    value += more
            finally:
                os.close(fd)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            self._folders.expect(key)
            return None
        except OSError as error:
            raise self._health.unread(error, f"get {key}") from error
        return Stored(value, nonce_of(value, key), stat.st_mtime)

    def put(self, key: str, value: bytes, expected: Expected, *, sync: bool = False) -> str | None:
        check_key(key)
        version = nonce_to_put(value, key)
        path = f"{self._root}/{key}"
        try:
            if expected is ABSENT and os.path.lexists(path):
                return None  # lost already: nothing need be written
            temporary = self._scratch.write(value)
            try:
                stripe = self._stripes.acquire(key)
                try:
                    found = _version_at(path)
                    if not _matches(found, expected):
                        self._scratch.drop(temporary)
                        return None
                    if found is None:
                        self._folders.rename_into(temporary, key)
                    else:
                        self._rename_over(temporary, key)
                finally:
                    self._stripes.release(stripe)
            except BaseException:
                self._scratch.drop(temporary)
                raise
            if sync:
                self._folders.sync((folder_of(key),))
                self._durable.add(key, version)
        except OSError as error:
            raise self._health.failure(error, f"put {key}") from error
        return version

    def delete(self, key: str, expected: Expected, *, sync: bool = False) -> bool:
        check_key(key)
        path = f"{self._root}/{key}"
        folder = folder_of(key)
        try:
            stripe = self._stripes.acquire(key)
            try:
                found = _version_at(path)
                if found is None:
                    self._folders.expect(key)
                if found is None or not _matches(found, expected):
                    return False
                self._syscalls.unlink(path)
            finally:
                self._stripes.release(stripe)
            self._folders.drop_empty(folder)
            if sync:
                self._folders.sync((folder,))
        except OSError as error:
            raise self._health.failure(error, f"delete {key}") from error
        return True

    def sync(self, keys: Iterable[str]) -> None:
        folders: dict[str, None] = {}
        fresh: list[tuple[str, str]] = []
        key = ""
        try:
            for key in keys:
                check_key(key.removesuffix("/"))
                if key.endswith("/"):
                    folders.update(dict.fromkeys(self._folders.below(key[:-1])))
                    continue
                version = _version_at(f"{self._root}/{key}")
                if version and self._durable.has(key, version):
                    continue
                if version:
                    fresh.append((key, version))
                folders[folder_of(key)] = None
            if folders:
                self._folders.sync(folders)
            for key, version in fresh:
                self._durable.add(key, version)
        except OSError as error:
            raise self._health.failure(error, f"sync {key}") from error

    def list(self, prefix: str, after: str = "", limit: int = 1000) -> Sequence[Listed]:
        check_prefix(prefix)
        try:
            found = list_tree(self._root, prefix, after, limit, self._names)
        except OSError as error:
            raise self._health.unread(error, f"list {prefix}") from error
        self._folders.expect(prefix)
        return found

    def _rename_over(self, temporary: str, key: str) -> None:
        """Replaces a record; shares the folder's lock, so that no listing reads the folder meanwhile."""
        path = f"{self._root}/{key}"
        fd = self._syscalls.open(path[: path.rindex("/")], FOLDER)
        try:
            self._syscalls.flock(fd, fcntl.LOCK_SH)
            self._syscalls.rename(temporary, path)
        finally:
            os.close(fd)


def _version_at(path: str) -> str | None:
    """The version of the record in a file, empty where it is none; None where there is no file. Raises OSError."""
    try:
        fd = os.open(path, READ)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        head = os.read(fd, 39)
    except IsADirectoryError:
        return None
    finally:
        os.close(fd)
    return head[6:38].decode("ascii", "replace") if head[:6] == b'{"n":"' and head[38:] == b'"' else ""


def _matches(found: str | None, expected: Expected) -> bool:
    if expected is ANY:
        return True
    if expected is ABSENT:
        return found is None
    return found == expected
