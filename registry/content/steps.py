"""Step functions: generators that yield one store operation at a time and are sent its result.

Whoever drives them decides what happens between two operations: `drive` does them one after another on a real store,
in one thread; the tests' search walks every interleaving and stops any of them at any point. An operation that fails
ends the function there, as a crash would, and a crash at any point is harmless (see `lifecycle`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Protocol, TypeAlias, TypeVar

from registry.content.layout import DataKey, Key
from registry.content.records import FRESH, Record
from storage_backends.base import ABSENT, ANY, Expected, HasTurns, State, Store, seal
from storage_backends.errors import StoreError

__all__ = ["ABSENT", "ANY", "BytesDelete", "BytesFinish", "BytesSize", "BytesSync", "Delete", "Get", "Operation"]
__all__ += ["Page", "Put", "Steps", "Sync", "drive"]

PAGE = 1000

T = TypeVar("T")


class Operation(Protocol):
    def do(self, store: Store) -> object: ...


Steps: TypeAlias = Generator[Operation, Any, T]


class Get:
    """-> Record | None"""

    __slots__ = ("key",)

    def __init__(self, key: Key) -> None:
        self.key = key

    def do(self, store: Store) -> Record | None:
        stored = store.records.get(self.key.path)
        return None if stored is None else Record.read(stored, self.key.path)


class Put:
    """-> the Record as it is now kept, or None: the swap was lost."""

    __slots__ = ("expected", "key", "record", "sync")

    def __init__(self, key: Key, expected: Expected, record: Record, *, sync: bool = False) -> None:
        self.key = key
        self.expected = expected
        self.record = record
        self.sync = sync

    def do(self, store: Store) -> Record | None:
        fields, tail = self.record.fields, self.record.tail
        value, nonce = seal(fields, tail)
        if fields.get("id") == FRESH:
            fields = {**fields, "id": nonce}
            value, _ = seal(fields, tail, nonce=nonce)
        version = store.records.put(self.key.path, value, self.expected, sync=self.sync)
        return None if version is None else Record(fields, tail, version, self.record.mtime)


class Delete:
    """-> bool; False: the swap was lost, or there was nothing."""

    __slots__ = ("expected", "key", "sync")

    def __init__(self, key: Key, expected: Expected, *, sync: bool = False) -> None:
        self.key = key
        self.expected = expected
        self.sync = sync

    def do(self, store: Store) -> bool:
        return store.records.delete(self.key.path, self.expected, sync=self.sync)


class Sync:
    """-> None; keys of records, `Below` for all under a prefix."""

    __slots__ = ("keys",)

    def __init__(self, *keys: Key) -> None:
        self.keys = keys

    def do(self, store: Store) -> None:
        store.records.sync(key.path for key in self.keys)


class Page:
    """-> list of (path, mtime) under a prefix and above `after`, in byte order; an empty one is the end."""

    __slots__ = ("after", "limit", "of_bytes", "prefix")

    def __init__(self, prefix: str, after: str = "", limit: int = PAGE, *, of_bytes: bool = False) -> None:
        self.prefix = prefix
        self.after = after
        self.limit = limit
        self.of_bytes = of_bytes

    def do(self, store: Store) -> list[tuple[str, float]]:
        where = store.bytes if self.of_bytes else store.records
        return [(key, mtime) for key, mtime in where.list(self.prefix, self.after, self.limit)]


class BytesSize:
    """-> int | None: how many bytes are there"""

    __slots__ = ("key",)

    def __init__(self, key: DataKey) -> None:
        self.key = key

    def do(self, store: Store) -> int | None:
        return store.bytes.size(self.key.path)


class BytesFinish:
    """-> None: all `size` bytes are durable. Raises BytesShort or BytesGone."""

    __slots__ = ("key", "size", "state")

    def __init__(self, key: DataKey, size: int, state: State = None) -> None:
        self.key = key
        self.size = size
        self.state = state

    def do(self, store: Store) -> None:
        store.bytes.finish(self.key.path, self.size, self.state)


class BytesDelete:
    __slots__ = ("key", "state")

    def __init__(self, key: DataKey, state: State = None) -> None:
        self.key = key
        self.state = state

    def do(self, store: Store) -> None:
        store.bytes.delete(self.key.path, self.state)


class BytesSync:
    __slots__ = ("key",)

    def __init__(self, key: DataKey) -> None:
        self.key = key

    def do(self, store: Store) -> None:
        store.bytes.sync(self.key.path)


def drive(steps: Steps[T], store: Store) -> T:
    """Runs a step function to its end on a store, blocking. Raises what it or the store raises."""
    if not isinstance(store, HasTurns):
        return _driven(steps, store, None)
    with store.turn():
        return _driven(steps, store, store.pass_on)


def _driven(steps: Steps[T], store: Store, between: Callable[[], None] | None) -> T:
    result: object = None
    failed: StoreError | None = None
    try:
        while True:
            # Most functions let what the store raises end them, as a crash would.
            operation = steps.send(result) if failed is None else steps.throw(failed)
            result = failed = None
            try:
                result = operation.do(store)
            except StoreError as error:
                failed = error
            if between is not None:
                between()
    except StopIteration as stop:
        value: T = stop.value
        return value
