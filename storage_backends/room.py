"""How much may still be written to a disk before a floor of free space is reached."""

from __future__ import annotations

import os
import time
from typing import Final

from storage_backends.errors import StoreFull


class Room:
    """The free space of the file system at `root` above `floor` bytes, which are kept for deletes and collection."""

    __slots__ = ("_floor", "_root", "_until")

    STEP: Final = 1 << 20
    """Bytes that may be written between two checks."""
    HOLDS_SECONDS: Final = 0.1
    """How long a look that found plenty is believed."""
    FILES: Final = 500
    """Files that are kept for deletes and collection, as the floor of bytes is."""
    PLENTY: Final = 1 << 30
    """Bytes above the floor, and no less than three times the floor, that are plenty."""

    def __init__(self, root: str, floor: int) -> None:
        self._root: Final = root
        self._floor: Final = floor
        self._until = 0.0

    def free(self) -> int:
        """Bytes above the floor, negative below it. Raises OSError."""
        stat = os.statvfs(self._root)
        return stat.f_bavail * stat.f_frsize - self._floor

    def files(self) -> int | None:
        """Files that may still be made; None where the file system has no such limit. Raises OSError."""
        stat = os.statvfs(self._root)
        return stat.f_favail if stat.f_files else None

    def check(self, doing: str) -> None:
        """StoreFull once the floor is reached. Raises OSError."""
        if not self._floor or (now := time.monotonic()) < self._until:
            return
        free = self.free()
        if free <= 0:
            raise StoreFull(
                f"{doing}: {free + self._floor} bytes are free, less than the {self._floor} that are kept; "
                "delete images and collect, or make room"
            )
        files = self.files()
        if files is not None and files < self.FILES:
            raise StoreFull(
                f"{doing}: {files} files may still be made, less than the {self.FILES} that are kept; "
                "delete images and collect, or give a file system with more inodes"
            )
        if (files is None or files >= 100 * self.FILES) and free >= max(3 * self._floor, self.PLENTY):
            self._until = now + self.HOLDS_SECONDS
