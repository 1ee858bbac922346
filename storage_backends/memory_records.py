"""Records in memory, each with the older values that a power cut may bring back."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from random import Random
from typing import Final

from storage_backends.base import ABSENT, ANY, Expected, Listed, Stored, nonce_of, nonce_to_put
from storage_backends.keys import check_key, check_prefix
from storage_backends.memory_medium import Medium


class _Record:
    """A key's newest value (None: absent), its stamp, and the older values since its last sync, oldest first."""

    __slots__ = ("older", "stamp", "value")

    def __init__(self) -> None:
        self.value: Stored | None = None
        self.older: list[Stored | None] = []
        self.stamp = 0


class MemoryRecords:
    """Records in a dictionary."""

    __slots__ = ("_medium", "_names", "_records")

    def __init__(self, medium: Medium) -> None:
        self._medium: Final = medium
        self._records: dict[str, _Record] = {}
        self._names: list[str] = []
        """Keys that are there, in byte order."""

    def get(self, key: str) -> Stored | None:
        check_key(key)
        with self._medium.lock:
            self._medium.faults.before("get", key)
            record = self._records.get(key)
            self._medium.faults.after()
        found = record.value if record else None
        if found is not None:
            nonce_of(found.value, key)
        return found

    def put(self, key: str, value: bytes, expected: Expected, *, sync: bool = False) -> str | None:
        check_key(key)
        version = nonce_to_put(value, key)
        with self._medium.lock:
            self._medium.faults.before("put", key)
            record = self._records.get(key)
            if not _as_expected(record.value if record else None, expected):
                self._medium.faults.after()
                return None
            self._set(key, Stored(value, version, self._medium.clock()))
            self._medium.faults.after()
            if sync:
                self._sync(key)
        return version

    def delete(self, key: str, expected: Expected, *, sync: bool = False) -> bool:
        check_key(key)
        with self._medium.lock:
            self._medium.faults.before("delete", key)
            record = self._records.get(key)
            if record is None or record.value is None or not _as_expected(record.value, expected):
                self._medium.faults.after()
                return False
            self._set(key, None)
            self._medium.faults.after()
            if sync:
                self._sync(key)
        return True

    def sync(self, keys: Iterable[str]) -> None:
        keys = list(keys)
        for key in keys:
            check_key(key.removesuffix("/"))
        with self._medium.lock:
            for key in keys:
                self._sync(key)

    def list(self, prefix: str, after: str = "", limit: int = 1000) -> Sequence[Listed]:
        check_prefix(prefix)
        with self._medium.lock:
            self._medium.faults.before("list", prefix)
            found: list[Listed] = []
            start = bisect_right(self._names, after) if after >= prefix else bisect_right(self._names, prefix)
            for index in range(start, len(self._names)):
                key = self._names[index]
                if len(found) >= limit or not key.startswith(prefix):
                    break
                value = self._records[key].value
                if value is not None:
                    found.append(Listed(key, value.mtime))
            self._medium.faults.after()
        return found

    def stamp(self, key: str) -> tuple[int, ...] | None:
        check_key(key)
        record = self._records.get(key)
        if record is None or record.value is None:
            return None
        return (record.stamp,)

    def corrupt(self, key: str, value: bytes) -> None:
        """What rot of the medium leaves under a key: any bytes, durable."""
        check_key(key)
        with self._medium.lock:
            self._set(key, Stored(value, "", self._medium.clock()))
            self._records[key].older.clear()

    def power_cut(self, random: Random) -> None:
        """Each key keeps its newest value or gets an older one since its last sync; all is durable then."""
        for key in sorted(self._records):
            record = self._records[key]
            self._set(key, random.choice([*record.older, record.value]))
            record.older.clear()
            if record.value is None:
                del self._records[key]

    def _set(self, key: str, value: Stored | None) -> None:
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = _Record()
        if (record.value is None) != (value is None):
            if value is None:
                del self._names[bisect_right(self._names, key) - 1]
            else:
                insort(self._names, key)
        record.older.append(record.value)
        record.value = value
        self._medium.writes += 1
        record.stamp = self._medium.writes
        if not self._medium.keeps_older:
            self._settle(key)

    def _sync(self, key: str) -> None:
        self._medium.sync(key, lambda: self._settle_below(key) if key[-1] == "/" else self._settle(key))

    def _settle_below(self, folder: str) -> None:
        for key in [key for key in self._records if key.startswith(folder)]:
            self._settle(key)

    def _settle(self, key: str) -> None:
        record = self._records.get(key)
        if record is not None:
            record.older.clear()
            if record.value is None:
                del self._records[key]


def _as_expected(found: Stored | None, expected: Expected) -> bool:
    if expected is ANY:
        return True
    if expected is ABSENT:
        return found is None
    return found is not None and found.version == expected
