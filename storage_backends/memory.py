"""The executable model of both contracts: what the other stores are tested against, and `--store memory:`.

One lock, so that every operation is atomic. Beside the newest value of a key it keeps what a power cut may bring
back, so that `power_cut` can choose; `faults` fails the n-th operation to order.
"""

from __future__ import annotations

import time
from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Sequence
from random import Random
from threading import Lock
from typing import Final, Literal, Self

from storage_backends.base import (
    ABSENT,
    ANY,
    Bytes,
    Expected,
    Listed,
    Records,
    State,
    Stored,
    Writer,
    nonce_of,
    nonce_to_put,
)
from storage_backends.chunks import Chunks
from storage_backends.errors import BytesBusy, BytesGone, BytesShort, StoreError, StoreFailed
from storage_backends.faults import Faults
from storage_backends.keys import check_key, check_prefix


class _Record:
    """A key's newest value (None: absent), its stamp, and the older values since its last sync, oldest first."""

    __slots__ = ("older", "stamp", "value")

    def __init__(self) -> None:
        self.value: Stored | None = None
        self.older: list[Stored | None] = []
        self.stamp = 0


class _Blob:
    """Bytes under a key: what is seen, how much of it is durable, and what a power cut brings back if it is lost."""

    __slots__ = ("data", "durable", "mtime", "older", "writer")

    def __init__(self) -> None:
        self.data: Chunks | None = None
        self.durable = 0
        """How many bytes no power cut takes while something is left."""
        self.older: Chunks | None = None
        """What a power cut brings back; None: nothing, these bytes were never durable."""
        self.mtime = 0.0
        self.writer: object | None = None


class _Shared:
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


class MemoryRecords:
    """Records in a dictionary."""

    __slots__ = ("_names", "_records", "_shared")

    def __init__(self, shared: _Shared) -> None:
        self._shared: Final = shared
        self._records: dict[str, _Record] = {}
        self._names: list[str] = []
        """Keys that are there, in byte order."""

    def get(self, key: str) -> Stored | None:
        check_key(key)
        with self._shared.lock:
            self._shared.faults.before("get", key)
            record = self._records.get(key)
            self._shared.faults.after()
        found = record.value if record else None
        if found is not None:
            nonce_of(found.value, key)
        return found

    def put(self, key: str, value: bytes, expected: Expected, *, sync: bool = False) -> str | None:
        check_key(key)
        version = nonce_to_put(value, key)
        with self._shared.lock:
            self._shared.faults.before("put", key)
            record = self._records.get(key)
            if not _as_expected(record.value if record else None, expected):
                self._shared.faults.after()
                return None
            self._set(key, Stored(value, version, self._shared.clock()))
            self._shared.faults.after()
            if sync:
                self._sync(key)
        return version

    def delete(self, key: str, expected: Expected, *, sync: bool = False) -> bool:
        check_key(key)
        with self._shared.lock:
            self._shared.faults.before("delete", key)
            record = self._records.get(key)
            if record is None or record.value is None or not _as_expected(record.value, expected):
                self._shared.faults.after()
                return False
            self._set(key, None)
            self._shared.faults.after()
            if sync:
                self._sync(key)
        return True

    def sync(self, keys: Iterable[str]) -> None:
        keys = list(keys)
        for key in keys:
            check_key(key.removesuffix("/"))
        with self._shared.lock:
            for key in keys:
                self._sync(key)

    def list(self, prefix: str, after: str = "", limit: int = 1000) -> Sequence[Listed]:
        check_prefix(prefix)
        with self._shared.lock:
            self._shared.faults.before("list", prefix)
            found: list[Listed] = []
            start = bisect_right(self._names, after) if after >= prefix else bisect_right(self._names, prefix)
            for index in range(start, len(self._names)):
                key = self._names[index]
                if len(found) >= limit or not key.startswith(prefix):
                    break
                value = self._records[key].value
                if value is not None:
                    found.append(Listed(key, value.mtime))
            self._shared.faults.after()
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
        with self._shared.lock:
            self._set(key, Stored(value, "", self._shared.clock()))
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
        self._shared.writes += 1
        record.stamp = self._shared.writes
        if not self._shared.keeps_older:
            self._settle(key)

    def _sync(self, key: str) -> None:
        self._shared.sync(key, lambda: self._settle_below(key) if key[-1] == "/" else self._settle(key))

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


class MemoryBytes:
    """Bytes in chunks."""

    __slots__ = ("_blobs", "_shared")

    def __init__(self, shared: _Shared) -> None:
        self._shared: Final = shared
        self._blobs: dict[str, _Blob] = {}

    def write(self, key: str, offset: int, state: State = None) -> Writer:
        check_key(key)
        with self._shared.lock:
            self._shared.faults.before("open", key)
            blob = self._blobs.get(key)
            if blob is not None and blob.writer is not None:
                raise BytesBusy(f"{key}: another writer has these bytes")
            there = blob.data if blob else None
            if offset > (there.size if there is not None else 0):
                raise BytesShort(f"{key}: {there.size if there is not None else 0} bytes, to be written at {offset}")
            if blob is None:
                blob = self._blobs[key] = _Blob()
            if blob.data is None:
                blob.data, blob.durable, blob.older = Chunks(), 0, None
            blob.data.cut(offset)
            blob.durable = min(blob.durable, offset)
            blob.mtime = self._shared.clock()
            blob.writer = writer = _MemoryWriter(self._shared, blob, key)
            self._shared.faults.after()
        return writer

    def finish(self, key: str, size: int, state: State = None) -> None:
        check_key(key)
        with self._shared.lock:
            self._shared.faults.before("finish", key)
            blob, data = self._there(key)
            if data.size < size:
                raise BytesShort(f"{key}: {data.size} bytes, {size} were to be there")
            if data.size > size:
                if blob.writer is not None:
                    raise BytesBusy(f"{key}: another writer has these bytes")
                data.cut(size)
                blob.durable = min(blob.durable, size)
            self._shared.faults.after()
            self._sync(key)

    def size(self, key: str) -> int | None:
        check_key(key)
        with self._shared.lock:
            self._shared.faults.before("size", key)
            blob = self._blobs.get(key)
            self._shared.faults.after()
            return blob.data.size if blob is not None and blob.data is not None else None

    def read(self, key: str, start: int, count: int) -> bytes:
        check_key(key)
        with self._shared.lock:
            self._shared.faults.before("read", key)
            _, data = self._there(key)
            self._shared.faults.after()
            return data.read(start, count)

    def sync(self, key: str) -> None:
        check_key(key)
        with self._shared.lock:
            self._sync(key)

    def delete(self, key: str, state: State = None) -> None:
        check_key(key)
        with self._shared.lock:
            self._shared.faults.before("delete", key)
            blob = self._blobs.get(key)
            if blob is not None:
                blob.older = blob.older or blob.data
                blob.data = blob.writer = None
                if not self._shared.keeps_older:
                    self._settle(key)
            self._shared.faults.after()

    def list(self, prefix: str, after: str = "", limit: int = 1000) -> Sequence[Listed]:
        check_prefix(prefix)
        with self._shared.lock:
            self._shared.faults.before("list", prefix)
            keys = sorted(
                key
                for key, blob in self._blobs.items()
                if blob.data is not None and key > after and key.startswith(prefix)
            )
            self._shared.faults.after()
            return [Listed(key, self._blobs[key].mtime) for key in keys[:limit]]

    def power_cut(self, random: Random) -> None:
        """Bytes that were never durable end anywhere, hold zeros, or are gone; a deletion may be undone."""
        for key in sorted(self._blobs):
            blob = self._blobs[key]
            blob.writer = None
            if blob.older is not blob.data and random.random() < 0.5:
                blob.data = blob.older
            if blob.data is not None:
                kept = random.randint(blob.durable, blob.data.size)
                blob.data.cut(kept)
                if random.random() < 0.25:
                    blob.data.cut(blob.durable)
                    blob.data.append(bytes(kept - blob.durable))
            self._settle(key)

    def _there(self, key: str) -> tuple[_Blob, Chunks]:
        blob = self._blobs.get(key)
        if blob is None or blob.data is None:
            raise BytesGone(f"{key}: no bytes are there")
        return blob, blob.data

    def _sync(self, key: str) -> None:
        self._shared.sync(key, lambda: self._settle(key))

    def _settle(self, key: str) -> None:
        blob = self._blobs.get(key)
        if blob is not None:
            blob.older = blob.data
            if blob.data is None:
                del self._blobs[key]
            else:
                blob.durable = blob.data.size


class _MemoryWriter:
    """A writer at bytes in memory; the store forgets it when the bytes are deleted or the power is cut."""

    __slots__ = ("_blob", "_key", "_shared")

    def __init__(self, shared: _Shared, blob: _Blob, key: str) -> None:
        self._shared, self._blob, self._key = shared, blob, key

    def write(self, data: bytes | bytearray | memoryview) -> None:
        with self._shared.lock:
            self._shared.faults.before("write", self._key)
            if self._blob.writer is not self or self._blob.data is None:
                raise BytesGone(f"{self._key}: deleted, or closed, while it was being written")
            self._blob.data.append(data)
            self._blob.mtime = self._shared.clock()
            self._shared.faults.after()

    def close(self) -> State:
        with self._shared.lock:
            if self._blob.writer is self:
                self._blob.writer = None
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class MemoryStore:
    """Records and bytes of one process (see `base` for the contracts), and the faults that others must survive.

    `power_cuts=False` keeps no overwritten values, so that a long-lived server does not grow; `clock` gives the
    time that mtimes are made of, in seconds since 1970.
    """

    def __init__(self, *, power_cuts: bool = True, clock: Callable[[], float] = time.time) -> None:
        self.name = "memory:"
        self.shared: Literal[True, False] = False
        self._shared = _Shared(clock, power_cuts)
        self._records = MemoryRecords(self._shared)
        self._bytes = MemoryBytes(self._shared)
        self.records: Records = self._records
        self.bytes: Bytes = self._bytes
        self.faults = self._shared.faults

    def open(self) -> None:
        """Nothing to do: a new process begins with an empty store."""

    def check(self) -> None:
        """StoreFailed once a sync has failed."""
        if self._shared.failed is not None:
            raise StoreFailed(f"a sync failed: {self._shared.failed}")

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
        if not self._shared.keeps_older:
            raise ValueError("made with power_cuts=False: nothing is kept that a power cut could bring back")
        with self._shared.lock:
            self.faults.disarm()
            self._shared.failed = None
            self._shared.poisoned.clear()
            self._records.power_cut(random)
            self._bytes.power_cut(random)
