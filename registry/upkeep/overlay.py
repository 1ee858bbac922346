"""A store over another one that is only read: what is written stays here, in memory, and is forgotten.

So a dry run goes through the very steps of a real one. What it tells is an estimate while pushes go on: what they write
below is seen, but what was changed here no longer follows it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Literal, NoReturn

from storage_backends.base import ABSENT, ANY, Bytes, Expected, Listed, Records, State, Store, Stored, nonce_to_put
from storage_backends.errors import StoreFailed


class OverlayRecords:
    """Records as they would be."""

    __slots__ = ("_below", "_changed", "_clock", "_keys")

    def __init__(self, below: Records, clock: Callable[[], float]) -> None:
        self._below: Final = below
        self._clock: Final = clock
        self._changed: dict[str, Stored | None] = {}
        self._keys: list[str] = []
        """Those of `_changed`, in byte order."""

    def get(self, key: str) -> Stored | None:
        return self._changed[key] if key in self._changed else self._below.get(key)

    def put(self, key: str, value: bytes, expected: Expected, *, sync: bool = False) -> str | None:
        version = nonce_to_put(value, key)
        if not self._is(key, expected):
            return None
        self._change(key, Stored(value, version, self._clock()))
        return version

    def delete(self, key: str, expected: Expected, *, sync: bool = False) -> bool:
        if self.get(key) is None or not self._is(key, expected):
            return False
        self._change(key, None)
        return True

    def sync(self, keys: Iterable[str]) -> None:
        """Nothing here outlives the process."""

    def list(self, prefix: str, after: str = "", limit: int = 1000) -> Sequence[Listed]:
        found: list[Listed] = []
        while len(found) < limit:
            page = self._below.list(prefix, after, limit)
            end = page[-1].key if page else None
            merged = {listed.key: listed for listed in page}
            for key in self._between(prefix, after, end):
                merged.pop(key, None)
                stored = self._changed[key]
                if stored is not None:
                    merged[key] = Listed(key, stored.mtime)
            found += sorted(merged.values())
            if end is None:
                break
            after = end
        return found[:limit]

    def _between(self, prefix: str, after: str, end: str | None) -> Iterator[str]:
        """Keys changed here that start with `prefix`, are above `after`, and up to `end` where there is one."""
        start = bisect_right(self._keys, after) if after >= prefix else bisect_left(self._keys, prefix)
        for index in range(start, len(self._keys)):
            key = self._keys[index]
            if not key.startswith(prefix) or (end is not None and key > end):
                return
            yield key

    def _change(self, key: str, stored: Stored | None) -> None:
        if key not in self._changed:
            insort(self._keys, key)
        self._changed[key] = stored

    def _is(self, key: str, expected: Expected) -> bool:
        if expected is ANY:
            return True
        found = self.get(key)
        return found is None if expected is ABSENT else found is not None and found.version == expected


class OverlayBytes:
    """Bytes as they would be, of which nothing is ever written."""

    __slots__ = ("_below", "_deleted")

    def __init__(self, below: Bytes) -> None:
        self._below: Final = below
        self._deleted: dict[str, None] = {}

    def write(self, key: str, offset: int, state: State = None, allowed: Callable[[], None] | None = None) -> NoReturn:
        raise StoreFailed(f"write {key}: this store is only looked at")

    def finish(self, key: str, size: int, state: State = None) -> NoReturn:
        raise StoreFailed(f"write {key}: this store is only looked at")

    def size(self, key: str) -> int | None:
        return None if key in self._deleted else self._below.size(key)

    def read(self, key: str, start: int, count: int) -> bytes:
        return self._below.read(key, start, count)

    def sync(self, key: str) -> None:
        """Nothing here outlives the process."""

    def delete(self, key: str, state: State = None) -> None:
        self._deleted[key] = None

    def list(self, prefix: str, after: str = "", limit: int = 1000) -> Sequence[Listed]:
        while True:
            page = self._below.list(prefix, after, limit)
            found = [listed for listed in page if listed.key not in self._deleted]
            if found or not page:
                return found
            after = page[-1].key


class Overlay:
    """See the module's text. `clock` gives the times of what is written here."""

    def __init__(self, below: Store, clock: Callable[[], float]) -> None:
        self.name = below.name
        self.shared: Literal[True, False] = below.shared
        self._below: Final = below
        self.records: Records = OverlayRecords(below.records, clock)
        self.bytes: Bytes = OverlayBytes(below.bytes)

    def open(self) -> None:
        """Whoever gave the store below has opened it."""

    def check(self) -> None:
        self._below.check()

    def free(self) -> int | None:
        return self._below.free()

    def close(self) -> None:
        """Whoever gave the store below closes it."""
