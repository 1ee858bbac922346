"""A store whose every read lets writers go on first, a few operations each, as a seeded random source says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from registry.content.errors import ContentError
from registry.content.steps import Steps
from storage_backends.base import Listed, Stored
from storage_backends.memory import MemoryStore


class Writers:
    """Step functions taken from endless sources, each advanced operation by operation."""

    def __init__(self, store: MemoryStore, random: Random, sources: Sequence[Callable[[], Steps[Any]]]) -> None:
        self.store, self.random, self.sources = store, random, sources
        self.running: list[Iterator[Any] | Any] = [None] * len(sources)
        self.results: list[Any] = [None] * len(sources)
        self.operations = 0

    def advance(self, most: int) -> None:
        for _ in range(self.random.randint(0, most)):
            n = self.random.randrange(len(self.sources))
            if self.running[n] is None:
                self.running[n], self.results[n] = self.sources[n](), None
            try:
                operation = self.running[n].send(self.results[n])
                self.results[n] = operation.do(self.store)
                self.operations += 1
            except (StopIteration, ContentError):
                self.running[n] = None


class _Records:
    def __init__(self, store: MemoryStore, writers: Writers, most: int) -> None:
        self._records, self._writers, self._most = store.records, writers, most

    def get(self, key: str) -> Stored | None:
        self._writers.advance(self._most)
        return self._records.get(key)

    def list(self, prefix: str, after: str = "", limit: int = 1000) -> Sequence[Listed]:
        self._writers.advance(self._most)
        return self._records.list(prefix, after, limit)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)


class StoreBeside:
    """The reader's view of a memory store that writers change between any two of its reads."""

    def __init__(self, store: MemoryStore, writers: Writers, most: int = 40) -> None:
        self._store, self._writers, self._most = store, writers, most
        self.records = _Records(store, writers, most)

    def stamp(self, key: str) -> Any:
        self._writers.advance(self._most)
        return self._store.stamp(key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
