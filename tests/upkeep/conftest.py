"""Every test here runs on memory and on a real folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage_backends.base import Store
from storage_backends.filesystem import FilesystemStore
from storage_backends.memory import MemoryStore
from tests.upkeep.pushing import Client


@pytest.fixture(params=["memory", "filesystem"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store: Store = MemoryStore() if request.param == "memory" else FilesystemStore(str(tmp_path / "store"))
    store.open()
    yield store
    store.close()


@pytest.fixture
def client(store: Store) -> Client:
    return Client(store)
