"""A disk that keeps nothing but what was fsynced, as the worst file system may."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tests.contract.faulty_syscalls import CountedSyscalls


class LossySyscalls(CountedSyscalls):
    """Notes what each fsync made durable: a file's bytes, or a folder's names and which inodes they are of."""

    def __init__(self) -> None:
        super().__init__()
        self._files: dict[int, bytes] = {}
        self._folders: dict[int, dict[str, int]] = {}
        self._pins: dict[int, int] = {}

    def fsync(self, fd: int) -> None:
        super().fsync(fd)
        number = self._pinned(f"/proc/self/fd/{fd}")
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            path = os.readlink(f"/proc/self/fd/{fd}")
            self._folders[number] = {name: self._pinned(f"{path}/{name}") for name in os.listdir(fd)}
        else:
            with open(f"/proc/self/fd/{fd}", "rb") as file:
                self._files[number] = file.read()

    def after_power_cut(self, root: Path, target: Path) -> None:
        """Makes `target` what is left of `root`: a file that was never fsynced is empty, such a folder likewise."""
        self._write(root.stat().st_ino, target)

    def close(self) -> None:
        for fd in self._pins.values():
            os.close(fd)

    def _pinned(self, path: str) -> int:
        """The inode number at a path; it is given to no other file while this object lives."""
        fd = os.open(path, os.O_PATH)
        number = os.fstat(fd).st_ino
        if number in self._pins:
            os.close(fd)
        else:
            self._pins[number] = fd
        return number

    def _write(self, folder: int, target: Path) -> None:
        target.mkdir()
        for name, number in self._folders.get(folder, {}).items():
            if stat.S_ISDIR(os.fstat(self._pins[number]).st_mode):
                self._write(number, target / name)
            else:
                (target / name).write_bytes(self._files.get(number, b""))
