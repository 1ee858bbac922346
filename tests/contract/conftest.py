"""The stores that the suite runs on: one line each in BACKENDS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from storage_backends.base import Store
from storage_backends.filesystem import FilesystemStore
from storage_backends.memory import MemoryStore


class StoreFactory(Protocol):
    """A place that stores are opened on; it begins empty."""

    def open(self) -> Store:
        """The store, opened by one more holder where it is shared, else the one there is."""
        ...

    def corrupt(self, key: str, value: bytes) -> None:
        """Leaves any bytes under a record's key, as rot does."""
        ...

    def close(self) -> None: ...


class MemoryFactory:
    def __init__(self, folder: Path) -> None:
        self._store = MemoryStore()

    def open(self) -> Store:
        self._store.open()
        return self._store

    def corrupt(self, key: str, value: bytes) -> None:
        self._store.corrupt(key, value)

    def close(self) -> None:
        self._store.close()


class FilesystemFactory:
    def __init__(self, folder: Path) -> None:
        self._root = folder / "store"
        self._stores: list[Store] = []

    def open(self) -> Store:
        store = FilesystemStore(str(self._root))
        store.open()
        self._stores.append(store)
        return store

    def corrupt(self, key: str, value: bytes) -> None:
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(value)

    def close(self) -> None:
        for store in self._stores:
            store.close()


BACKENDS: dict[str, Callable[[Path], StoreFactory]] = {"memory": MemoryFactory, "filesystem": FilesystemFactory}


@pytest.fixture(params=BACKENDS)
def store_factory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreFactory]:
    factory = BACKENDS[request.param](tmp_path)
    yield factory
    factory.close()


@pytest.fixture
def store(store_factory: StoreFactory) -> Store:
    return store_factory.open()
