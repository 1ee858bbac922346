"""Bytes in memory, of which a power cut takes what was not made durable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final, Self

from storage_backends.base import Listed, State, Writer
from storage_backends.chunks import Chunks
from storage_backends.errors import BytesBusy, BytesGone, BytesShort
from storage_backends.keys import check_key, check_prefix
from storage_backends.memory_medium import Medium


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


class MemoryBytes:
    """Bytes in chunks."""

    __slots__ = ("_blobs", "_medium")

    def __init__(self, medium: Medium) -> None:
        self._medium: Final = medium
        self._blobs: dict[str, _Blob] = {}

    def write(self, key: str, offset: int, state: State = None, allowed: Callable[[], None] | None = None) -> Writer:
        check_key(key)
        blob, writer = self._taken(key, offset)
        try:
            if allowed is not None:
                allowed()
            with self._medium.lock:
                if blob.writer is not writer:
                    raise BytesGone(f"{key}: deleted while they were being opened")
                if blob.data is None:
                    blob.data, blob.durable, blob.older = Chunks(), 0, None
                blob.data.cut(offset)
                blob.durable = min(blob.durable, offset)
                blob.mtime = self._medium.clock()
                self._medium.faults.after()
        except BaseException:
            writer.close()
            raise
        return writer

    def _taken(self, key: str, offset: int) -> tuple[_Blob, _MemoryWriter]:
        """The bytes, as they are, with a writer that has them. BytesBusy, BytesShort."""
        with self._medium.lock:
            self._medium.faults.before("open", key)
            blob = self._blobs.get(key)
            if blob is not None and blob.writer is not None:
                raise BytesBusy(f"{key}: another writer has these bytes")
            there = blob.data if blob else None
            if offset > (there.size if there is not None else 0):
                raise BytesShort(f"{key}: {there.size if there is not None else 0} bytes, to be written at {offset}")
            if blob is None:
                blob = self._blobs[key] = _Blob()
            blob.writer = writer = _MemoryWriter(self._medium, blob, key)
            return blob, writer

    def finish(self, key: str, size: int, state: State = None) -> None:
        check_key(key)
        with self._medium.lock:
            self._medium.faults.before("finish", key)
            blob, data = self._there(key)
            if data.size < size:
                raise BytesShort(f"{key}: {data.size} bytes, {size} were to be there")
            if data.size > size:
                if blob.writer is not None:
                    raise BytesBusy(f"{key}: another writer has these bytes")
                data.cut(size)
                blob.durable = min(blob.durable, size)
            self._medium.faults.after()
            self._sync(key)

    def size(self, key: str) -> int | None:
        check_key(key)
        with self._medium.lock:
            self._medium.faults.before("size", key)
            blob = self._blobs.get(key)
            self._medium.faults.after()
            return blob.data.size if blob is not None and blob.data is not None else None

    def read(self, key: str, start: int, count: int) -> bytes:
        check_key(key)
        with self._medium.lock:
            self._medium.faults.before("read", key)
            _, data = self._there(key)
            self._medium.faults.after()
            return data.read(start, count)

    def sync(self, key: str) -> None:
        check_key(key)
        with self._medium.lock:
            self._sync(key)

    def delete(self, key: str, state: State = None) -> None:
        check_key(key)
        with self._medium.lock:
            self._medium.faults.before("delete", key)
            blob = self._blobs.get(key)
            if blob is not None:
                blob.older = blob.older or blob.data
                blob.data = blob.writer = None
                if not self._medium.keeps_older:
                    self._settle(key)
            self._medium.faults.after()

    def list(self, prefix: str, after: str = "", limit: int = 1000) -> Sequence[Listed]:
        check_prefix(prefix)
        with self._medium.lock:
            self._medium.faults.before("list", prefix)
            keys = sorted(
                key
                for key, blob in self._blobs.items()
                if blob.data is not None and key > after and key.startswith(prefix)
            )
            self._medium.faults.after()
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
        self._medium.sync(key, lambda: self._settle(key))

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

    __slots__ = ("_blob", "_key", "_medium")

    def __init__(self, medium: Medium, blob: _Blob, key: str) -> None:
        self._medium, self._blob, self._key = medium, blob, key

    def write(self, data: bytes | bytearray | memoryview) -> None:
        with self._medium.lock:
            self._medium.faults.before("write", self._key)
            if self._blob.writer is not self or self._blob.data is None:
                raise BytesGone(f"{self._key}: deleted, or closed, while it was being written")
            self._blob.data.append(data)
            self._blob.mtime = self._medium.clock()
            self._medium.faults.after()

    def flush(self) -> State:
        return None

    def close(self) -> State:
        with self._medium.lock:
            if self._blob.writer is self:
                self._blob.writer = None
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
