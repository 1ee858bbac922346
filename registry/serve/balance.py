"""How many connections each worker has, seen by all: a few numbers in memory that is shared over fork."""

from __future__ import annotations

import mmap
import struct
from typing import Final

_COUNT: Final = struct.Struct("=I")
_ABSENT: Final = 0xFFFFFFFF


class Balance:
    """One number for each of `workers` workers; whoever has no number yet, or no more, counts as full.

    Made by the parent before it forks. Each worker writes its own number alone; the parent marks the dead.
    """

    __slots__ = ("_counts", "_workers")

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._counts = mmap.mmap(-1, _COUNT.size * workers)
        for worker in range(workers):
            self.forget(worker)

    def tell(self, worker: int, connections: int) -> None:
        """What worker number `worker` has now."""
        _COUNT.pack_into(self._counts, _COUNT.size * worker, connections)

    def forget(self, worker: int) -> None:
        """The worker is dead, or takes no more connections."""
        self.tell(worker, _ABSENT)

    def fewest_elsewhere(self, worker: int) -> int:
        """The smallest number of another worker; a large one where there is no other."""
        counts = struct.unpack_from(f"={self._workers}I", self._counts)
        return min((count for other, count in enumerate(counts) if other != worker), default=_ABSENT)
