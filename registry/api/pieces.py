"""The memory that uploads borrow: pieces of 1 MiB, as many as the budget holds, never one kept per connection."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

PIECE: Final = 1 << 20
"""Bytes of one piece."""
IDLE: Final = 4
"""Pieces that are kept for the next upload when nobody has them."""


class Pieces:
    """Lends pieces in the order in which they were asked for; `budget` in bytes, at least one piece is there."""

    __slots__ = ("_free", "_idle", "_waiting")

    def __init__(self, budget: int) -> None:
        self._free = max(1, budget // PIECE)
        self._idle: list[bytearray] = []
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def borrow(self) -> bytearray:
        """A piece of PIECE bytes of anything; give it back with `give_back`."""
        if self._free and not self._waiting:
            self._free -= 1
        else:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._pass_on()
                elif turn in self._waiting:
                    self._waiting.remove(turn)
                raise
        return self._idle.pop() if self._idle else bytearray(PIECE)

    def give_back(self, piece: bytearray) -> None:
        """Ends a loan; nobody may use the piece any more."""
        if len(self._idle) < IDLE:
            self._idle.append(piece)
        self._pass_on()

    @property
    def free(self) -> int:
        """Pieces that nobody has."""
        return self._free

    def _pass_on(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
