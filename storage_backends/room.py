"""How much may still be written to a disk before a floor of free space is reached."""

from __future__ import annotations

import os
from typing import Final

from storage_backends.errors import StoreFull


class Room:
    """The free space of the file system at `root` above `floor` bytes, which are kept for deletes and collection."""

    __slots__ = ("_floor", "_root")

    STEP: Final = 1 << 20
    """Bytes that may be written between two checks."""

    def __init__(self, root: str, floor: int) -> None:
        self._root: Final = root
        self._floor: Final = floor

    def free(self) -> int:
        """Bytes above the floor, negative below it. Raises OSError."""
        stat = os.statvfs(self._root)
        return stat.f_bavail * stat.f_frsize - self._floor

    def check(self, doing: str) -> None:
        """StoreFull once the floor is reached. Raises OSError."""
        if self._floor and (free := self.free()) <= 0:
            raise StoreFull(
                f"{doing}: {free + self._floor} bytes are free, less than the {self._floor} that are kept; "
                "delete images and collect, or make room"
            )
