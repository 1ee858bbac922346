"""Temporary files: a folder for each process under `tmp/`, flocked, so that a start can tell whose are left over."""

from __future__ import annotations

import fcntl
import itertools
import os
import secrets
from collections.abc import Iterator
from threading import Lock
from typing import Final

from storage_backends.health import Health
from storage_backends.keys import TMP
from storage_backends.syscalls import CREATE, FOLDER, Syscalls
from storage_backends.turns import Turns


class Scratch:
    """This process's temporary files."""

    __slots__ = ("_fd", "_folder", "_health", "_lock", "_numbers", "_syscalls", "_tmp", "_turns")

    def __init__(self, root: str, syscalls: Syscalls, health: Health, turns: Turns) -> None:
        self._tmp: Final = f"{root}/{TMP}"
        self._syscalls: Final = syscalls
        self._health: Final = health
        self._turns: Final = turns
        self._lock = Lock()
        self._folder = ""
        self._fd = -1
        self._numbers: Iterator[int] = itertools.count()

    def write(self, value: bytes) -> str:
        """The path of a new file that holds `value`, durably. Nothing is left behind where it raises OSError."""
        path = f"{self._folder or self.folder()}/{next(self._numbers)}"
        fd = self._syscalls.open(path, CREATE | os.O_EXCL)
        try:
            view = memoryview(value)
            while view:
                view = view[self._syscalls.write(fd, view) :]
            with self._turns.waiting():
                self._syscalls.fsync(fd)
        except BaseException:
            self.drop(path)
            raise
        finally:
            os.close(fd)
        return path

    def drop(self, path: str) -> None:
        """Removes a temporary file after a failure; one that cannot be removed is left to the next start."""
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass  # renamed before the failure
        except OSError as error:
            self._health.failure(error, f"unlink {TMP}{path.removeprefix(self._tmp)}")

    def empty(self) -> None:
        """Removes what dead processes left: all folders whose lock is free, and files that are in none."""
        with os.scandir(self._tmp) as entries:
            found = list(entries)
        for entry in found:
            try:
                if not entry.is_dir(follow_symlinks=False):
                    self._syscalls.unlink(entry.path)
                    continue
                fd = self._syscalls.open(entry.path, FOLDER)
            except FileNotFoundError:
                continue  # its owner closed, or another start was faster
            try:
                self._syscalls.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for name in os.listdir(fd):
                    self._syscalls.unlink(f"{entry.path}/{name}")
                self._syscalls.rmdir(entry.path)
            except BlockingIOError:
                pass  # its process lives
            except FileNotFoundError:
                pass  # another start was faster
            finally:
                os.close(fd)

    def close(self) -> None:
        """Removes this process's folder."""
        if self._fd >= 0:
            try:
                os.rmdir(self._folder)
            except OSError as error:
                # The next start empties it; closing must go on.
                self._health.failure(error, f"rmdir {TMP}{self._folder.removeprefix(self._tmp)}")
            os.close(self._fd)
            self._folder, self._fd = "", -1

    def after_fork(self) -> None:
        """In the child: the parent's folder and lock stay the parent's."""
        self._lock = Lock()
        if self._fd >= 0:
            os.close(self._fd)
        self._folder, self._fd = "", -1
        self._numbers = itertools.count()

    def folder(self) -> str:
        """The path of this process's folder, made at first use. Raises OSError."""
        with self._lock:
            while not self._folder:
                folder = f"{self._tmp}/{os.getpid()}-{secrets.token_hex(4)}"
                self._syscalls.mkdir(folder)
                try:
                    fd = self._syscalls.open(folder, FOLDER)
                except FileNotFoundError:
                    continue  # a start that emptied tmp/ took it before it was locked
                try:
                    self._syscalls.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.stat(folder)
                except (BlockingIOError, FileNotFoundError):
                    os.close(fd)
                    continue  # likewise
                except BaseException:
                    os.close(fd)
                    raise
                self._folder, self._fd = folder, fd
            return self._folder
