"""The executable model of both contracts: what the other stores are tested against, and `--store memory:`.

One lock, so that every operation is atomic. Beside the newest value of a key it keeps what a power cut may bring
back, so that `power_cut` can choose; `faults` fails the n-th operation to order.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import Literal

from storage_backends.base import Bytes, Records
from storage_backends.errors import StoreFailed
from storage_backends.memory_bytes import MemoryBytes
from storage_backends.memory_medium import Medium
from storage_backends.memory_records import MemoryRecords


class MemoryStore:
    """Records and bytes of one process (see `base` for the contracts), and the faults that others must survive.

    `power_cuts=False` keeps no overwritten values, so that a long-lived server does not grow; `clock` gives the
    time that mtimes are made of, in seconds since 1970.
    """

    def __init__(self, *, power_cuts: bool = True, clock: Callable[[], float] = time.time) -> None:
        self.name = "memory:"
        self.shared: Literal[True, False] = False
        self._medium = Medium(clock, power_cuts)
        self._records = MemoryRecords(self._medium)
        self._bytes = MemoryBytes(self._medium)
        self.records: Records = self._records
        self.bytes: Bytes = self._bytes
        self.faults = self._medium.faults

    def open(self) -> None:
        """Nothing to do: a new process begins with an empty store."""

    def check(self) -> None:
        """StoreFailed once a sync has failed."""
        if self._medium.failed is not None:
            raise StoreFailed(f"a sync failed: {self._medium.failed}")

    def free(self) -> int | None:
        """No end is known."""
        return None

    def close(self) -> None:
        """Nothing to do; what was stored stays with the object."""

    def stamp(self, key: str) -> tuple[int, ...] | None:
        return self._records.stamp(key)

    def settled(self, stamp: tuple[int, ...]) -> bool:
        """Always: a stamp counts writes, no two of which share a number."""
        return True

    def corrupt(self, key: str, value: bytes) -> None:
        """What rot of the medium leaves under a record's key: any bytes, durable."""
        self._records.corrupt(key, value)

    def power_cut(self, random: Random) -> None:
        """Every key, on its own, keeps its newest value or gets back an older one since its last sync.

        Bytes that are not durable are cut at any point, hold zeros, or are gone. All that is left is durable; writers
        are dead, faults disarmed, `check` passes again, as after a restart.
        """
        if not self._medium.keeps_older:
            raise ValueError("made with power_cuts=False: nothing is kept that a power cut could bring back")
        with self._medium.lock:
            self.faults.disarm()
            self._medium.failed = None
            self._medium.poisoned.clear()
            self._records.power_cut(random)
            self._bytes.power_cut(random)
