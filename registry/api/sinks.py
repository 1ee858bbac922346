"""What becomes of an upload's bytes: a chunk of a session, the last of it with the close, a whole blob at once.

Sinks run in threads (see `intake`). A session moves on by what was written and no further; its record is swapped, so
of two requests that write to one session, one learns that it lost.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import TYPE_CHECKING, Final

from oci_spec.digest import Digest, new_hasher
from registry.api.hashes import Running
from registry.api.intake import Cut, Sink
from registry.content import uploads
from registry.content.errors import ContentError, DigestMismatch, SizeMismatch, UploadConflict, UploadUnknown
from registry.content.layout import DataKey, SessionKey
from registry.content.records import Author, Record
from registry.content.steps import Get, Steps, drive
from storage_backends.base import State, Writer
from storage_backends.errors import BytesGone, BytesShort, StoreError

if TYPE_CHECKING:
    from registry.api.registry import Registry
    from registry.api.routes import Route

LOG: Final = logging.getLogger("registry.api")

READ_BACK: Final = 1 << 20
"""Bytes that are read and hashed at once of an upload whose hash is not known."""


class _Bytes:
    """The bytes of one session while a request adds to them."""

    def __init__(self, registry: Registry, uuid: str, session: Record, running: Running | None = None) -> None:
        self._store = registry.store
        self._session = session
        self._writer: Writer | None = None
        self.uuid = uuid
        self.began = self.offset = int(session.fields["offset"])
        self.running = running

    def open(self) -> None:
        """Takes the bytes for this request. BytesBusy, UploadConflict; UploadUnknown where they are gone."""
        if self._writer is None:
            try:
                self._writer = self._store.bytes.write(
                    DataKey(self.uuid).path, self.offset, self._session.fields["state"], self._still_open
                )
            except (BytesShort, BytesGone):
                raise UploadUnknown(self.uuid) from None

    def _still_open(self) -> None:
        """Nobody else writes from here on; whoever did between our look and this has swapped the session."""
        now: Record | None = drive(_look(self.uuid), self._store)
        if now is None or now.digest is not None:
            raise UploadUnknown(self.uuid)
        if now.version != self._session.version:
            why = "another request wrote to this upload meanwhile"
            raise UploadConflict(self.uuid, int(now.fields["offset"]), why)

    def write(self, data: memoryview) -> None:
        self.open()
        assert self._writer is not None
        self._writer.write(data)
        self.offset += len(data)
        if self.running is not None:
            self.running.hasher.update(data)
            self.running.offset = self.offset

    def flush(self) -> State:
        """What was written can be read; the state to go on from."""
        return self._session.fields["state"] if self._writer is None else self._writer.flush()

    def close(self) -> None:
        """Others may have the bytes: only once the session says what has become of them."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    def digest(self, algorithm: str) -> Digest:
        """Of all bytes so far; reads them back where they were not all seen."""
        running = self.running
        if running is not None and running.algorithm == algorithm:
            return Digest(algorithm, running.hasher.hexdigest())
        hasher = new_hasher(algorithm)
        at = 0
        while at < self.offset:
            data = self._store.bytes.read(DataKey(self.uuid).path, at, min(READ_BACK, self.offset - at))
            if not data:
                raise UploadUnknown(self.uuid)
            hasher.update(data)
            at += len(data)
        return Digest(algorithm, hasher.hexdigest())


def _look(uuid: str) -> Steps[Record | None]:
    record: Record | None = yield Get(SessionKey(uuid))
    return record


def _running(registry: Registry, uuid: str, offset: int, algorithm: str) -> Running | None:
    """A hash that has seen all bytes so far, where there is one."""
    kept = registry.hashes.take(uuid, offset)
    if kept is None and not offset:
        return Running(algorithm, new_hasher(algorithm))
    if kept is not None and not offset and kept.algorithm != algorithm:
        return Running(algorithm, new_hasher(algorithm))
    return kept


def _pour(data: _Bytes, expected: int | None) -> Generator[None, memoryview | None, None]:
    """Writes what is sent until the end. SizeMismatch where that is not `expected` bytes."""
    while (view := (yield)) is not None:
        if expected is not None and data.offset - data.began + len(view) > expected:
            raise SizeMismatch(f"the body is longer than the {expected} bytes of its Content-Range")
        data.write(view)
    if expected is not None and data.offset - data.began != expected:
        raise SizeMismatch(f"the body has {data.offset - data.began} bytes, its Content-Range {expected}")


def _keep(registry: Registry, data: _Bytes, session: Record) -> Record:
    """The session moves on to what was written."""
    state = data.flush()
    moved = session
    if data.offset != data.began:
        moved = drive(uploads.advance(data.uuid, session, data.offset, state), registry.store)
    if data.running is not None:
        registry.hashes.keep(data.uuid, data.running)
    return moved


def _keep_what_came(registry: Registry, data: _Bytes, session: Record) -> None:
    """As `_keep`, after an error that the client is told of instead."""
    try:
        _keep(registry, data, session)
    except (ContentError, StoreError) as error:
        LOG.info("upload %s keeps %d bytes: %s", data.uuid, data.began, error)


def chunk(registry: Registry, route: Route, session: Record, algorithm: str, expected: int | None) -> Sink[Record]:
    """Adds to a session: returns its record, moved on. Raises UploadConflict, UploadUnknown, SizeMismatch."""
    assert route.uuid is not None
    data = _Bytes(registry, route.uuid, session)
    try:
        try:
            data.running = _running(registry, route.uuid, data.began, algorithm)
            yield from _pour(data, expected)
        except (Cut, StoreError):
            _keep_what_came(registry, data, session)
            raise
        return _keep(registry, data, session)
    finally:
        data.close()


def close(registry: Registry, route: Route, session: Record, digest: Digest, expected: int | None) -> Sink[Record]:
    """Adds to a session what there is, and makes it a blob: returns its link.

    Raises DigestMismatch, after which the session is gone; else as `chunk`.
    """
    assert route.uuid is not None
    data = _Bytes(registry, route.uuid, session)
    try:
        try:
            data.running = _running(registry, route.uuid, data.began, digest.algorithm)
            yield from _pour(data, expected)
            data.open()
        except (Cut, StoreError):
            _keep_what_came(registry, data, session)
            raise
        return _completed(registry, data, session, digest)
    finally:
        data.close()


def whole(registry: Registry, repository: str, uuid: str, author: Author, digest: Digest) -> Sink[Record]:
    """A blob in one go: returns its link. Raises DigestMismatch, UploadUnknown; of what fails nothing is left."""
    session = drive(uploads.begin(repository, uuid, author), registry.store)
    data = _Bytes(registry, uuid, session, Running(digest.algorithm, digest.hasher()))
    try:
        try:
            yield from _pour(data, None)
            data.open()
        except BaseException:
            _drop(registry, data, session)
            raise
        return _completed(registry, data, session, digest)
    finally:
        data.close()


def _completed(registry: Registry, data: _Bytes, session: Record, digest: Digest) -> Record:
    state = data.flush()
    found = data.digest(digest.algorithm)
    if found != digest:
        _drop(registry, data, session)
        raise DigestMismatch(digest, found)
    try:
        return drive(uploads.complete(data.uuid, session, digest, data.offset, state), registry.store)
    except (BytesShort, BytesGone):
        raise UploadUnknown(data.uuid) from None


def _drop(registry: Registry, data: _Bytes, session: Record) -> None:
    """The session goes, then its bytes, before the client is told."""
    registry.hashes.drop(data.uuid)
    try:
        drive(uploads.cancel(data.uuid, session), registry.store)
    except (ContentError, StoreError) as error:
        LOG.info("upload %s is left to the collector: %s", data.uuid, error)
