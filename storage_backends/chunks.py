"""Bytes in memory that grow, are cut and are read in pieces, in time that the piece alone decides."""

from __future__ import annotations

from typing import Final

CHUNK: Final = 1 << 20
"""Bytes in each piece but the last."""


class Chunks:
    """A growing row of bytes, kept in pieces of 1 MiB so that no growth copies what is there."""

    __slots__ = ("_pieces", "size")

    def __init__(self) -> None:
        self._pieces: list[bytearray] = []
        self.size = 0

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Puts `data` behind what is there; it is copied."""
        view = memoryview(data).cast("B")
        at = 0
        while at < len(view):
            room = -self.size % CHUNK
            if not room:
                self._pieces.append(bytearray())
                room = CHUNK
            piece = view[at : at + room]
            self._pieces[-1] += piece
            self.size += len(piece)
            at += len(piece)

    def cut(self, size: int) -> None:
        """Keeps the first `size` bytes."""
        if size < self.size:
            full, rest = divmod(size, CHUNK)
            del self._pieces[full + bool(rest) :]
            if rest:
                del self._pieces[-1][rest:]
            self.size = size

    def read(self, start: int, count: int) -> bytes:
        """`count` bytes from `start`, fewer only at the end."""
        end = min(start + count, self.size)
        parts: list[memoryview] = []
        while start < end:
            index, skip = divmod(start, CHUNK)
            part = memoryview(self._pieces[index])[skip : skip + end - start]
            parts.append(part)
            start += len(part)
        return b"".join(parts)
