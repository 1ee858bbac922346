"""Both stores, a server over each, clients of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage_backends.base import Store
from storage_backends.filesystem import FilesystemStore
from storage_backends.memory import MemoryStore
from tests.api.client import Client
from tests.api.running import Running
from tests.credentials import Credentials, write_htpasswd


class Distant:
    """A store with the two contracts and no more: no stamps, no local paths, as one behind a network has."""

    def __init__(self) -> None:
        self._store = MemoryStore()
        self.name, self.shared = self._store.name, self._store.shared
        self.records, self.bytes = self._store.records, self._store.bytes
        self.open, self.check, self.free, self.close = (
            self._store.open,
            self._store.check,
            self._store.free,
            self._store.close,
        )


Serve = Callable[..., Running]
Connect = Callable[..., Client]


@pytest.fixture(params=["memory", "filesystem", "distant"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    kinds: dict[str, Callable[[], Store]] = {
        "memory": MemoryStore,
        "filesystem": lambda: FilesystemStore(str(tmp_path / "store")),
        "distant": Distant,
    }
    made = kinds[request.param]()
    made.open()
    yield made
    made.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FilesystemStore]:
    made = FilesystemStore(str(tmp_path / "disk"))
    made.open()
    yield made
    made.close()


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(scope="session")
def htpasswd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A password file with ann (secret) and bob (hidden), made cheap to check."""
    file = tmp_path_factory.mktemp("htpasswd") / "htpasswd"
    return write_htpasswd(file, Credentials("ann", "secret"), Credentials("bob", "hidden"))


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server over a store, with these settings."""
    running: list[Running] = []

    def start(store: Store, **settings: Any) -> Running:
        server = Running(store, **settings)
        running.append(server)
        return server

    yield start
    for server in running:
        server.close()


@pytest.fixture
def server(serve: Serve, store: Store) -> Running:
    return serve(store)


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Makes a client of a server."""
    clients: list[Client] = []

    def make(server: Running, **headers: str) -> Client:
        client = Client(server.port, headers)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(server: Running, connect: Connect) -> Client:
    return connect(server)
