"""What handlers work with: one store, and what this process keeps beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar, TypeVarTuple

from registry.api.hashes import Hashes
from registry.api.kept import Kept, blob_of, manifest_of
from registry.api.origins import Origins
from registry.api.pieces import Pieces
from registry.api.readiness import Readiness
from registry.auth import patterns
from registry.auth.access import Access, Action, Caller
from registry.auth.htpasswd import Htpasswd
from registry.content.reads import Reads
from registry.content.records import Author
from registry.content.steps import Steps, drive
from storage_backends.base import HasLocalPath, HasStamp, Store

if TYPE_CHECKING:
    from registry.api.request import Request
    from registry.config import Settings
    from registry.observe.observer import Observer

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Registry:
    """One store and what this process keeps beside it."""

    def __init__(self, settings: Settings, store: Store, access_secret: bytes) -> None:
        self.settings = settings
        self.store = store
        self.reads = Reads(store)
        self.inline: Final = isinstance(store, HasStamp)
        """Small records are read in microseconds."""
        if isinstance(store, HasStamp):
            self.kept_manifests = Kept(store, self.reads, manifest_of, lambda found: len(found[1].tail))
            self.kept_blobs = Kept(store, self.reads, blob_of, lambda found: 0)
        self.local: Final = store if isinstance(store, HasLocalPath) else None
        self.is_sparse = patterns.repositories(settings.sparse)
        self.is_immutable = patterns.tags(settings.immutable)
        self.origins = Origins(settings.external_url, settings.trusted_proxies)
        self.pieces = Pieces(settings.upload_memory)
        self.hashes = Hashes()
        self.uploads = 0
        """Upload bodies that are being taken in."""
        self.held = 0
        """Bytes of other bodies (manifests, forms) that are held whole."""
        self.threads = ThreadPoolExecutor(settings.threads, "store")
        self.readiness = Readiness(store)
        self.observer: Observer | None = None
        self.access = Access(
            htpasswd=None if settings.htpasswd is None else Htpasswd(settings.htpasswd),
            anonymous_pull=settings.anonymous_pull,
            secret=access_secret,
            blocking=self.blocking,
            now=self.now,
        )

    async def blocking(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """Runs a function in one of the store's threads."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, function, *arguments)

    async def run(self, steps: Steps[T]) -> T:
        """Drives a step function of `registry.content` to its end: one thread from its first operation to its last."""
        return await self.blocking(drive, steps, self.store)

    async def read(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """Calls a function that reads a few small records: here where that takes microseconds, else in a thread."""
        if self.inline:
            return function(*arguments)
        return await self.blocking(function, *arguments)

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def author(self, request: Request) -> Author:
        """Who does what this request does, and when."""
        return Author(request.user, datetime.fromtimestamp(self.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    def may_pull(self, caller: Caller | None, repository: str) -> bool:
        """Whether the caller may pull from a repository other than the one that the route names."""
        return caller is not None and self.access.allows(caller, Action.PULL, repository)
