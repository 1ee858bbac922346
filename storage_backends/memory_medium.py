"""What records and bytes in memory rest on: one lock, the faults to order, and what has failed."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from storage_backends.errors import StoreError, StoreFailed
from storage_backends.faults import Faults


class Medium:
    """What records, bytes and the store have in common."""

    __slots__ = ("clock", "failed", "faults", "keeps_older", "lock", "poisoned", "writes")

    def __init__(self, clock: Callable[[], float], keeps_older: bool) -> None:
        self.lock = Lock()
        self.faults = Faults()
        self.clock = clock
        self.keeps_older = keeps_older
        self.failed: StoreError | None = None
        self.poisoned: set[str] = set()
        self.writes = 0

    def sync(self, key: str, settle: Callable[[], None]) -> None:
        """Makes a key durable through `settle`, unless it fails to order or has failed before."""
        if any(_overlap(key, other) for other in self.poisoned):
            raise StoreFailed(f"sync {key}: an earlier sync of it failed and is never repeated; restart the server")
        try:
            self.faults.before("sync", key)
            settle()
            self.faults.after()
        except StoreError as error:
            self.failed = error
            self.poisoned.add(key)
            raise


def _overlap(key: str, other: str) -> bool:
    """Whether two keys are the same, or one is below the other, which ends with `/`."""
    return key == other or (other[-1] == "/" and key.startswith(other)) or (key[-1] == "/" and other.startswith(key))
