"""A collection over a store from its start to its report: the lease, the dry run, what stops it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from oci_spec.immutable import Immutable
from registry.content.layout import StrayKey
from registry.content.steps import Steps, drive
from registry.upkeep.ages import Ages
from registry.upkeep.lease import SECONDS, Lease
from registry.upkeep.levels import Collector, Tally
from registry.upkeep.overlay import Overlay
from storage_backends.base import Store
from storage_backends.errors import StoreError


class AlreadyCollecting(Exception):
    """Another collector is at work on this store."""

    def __init__(self, store: str) -> None:
        super().__init__(f"another collector is at work on {store}, or died less than {SECONDS:.0f} s ago")


class Report(Immutable):
    """What a collection did, or (`dry_run`) would do.

    Counts of what went: `tags`, `manifests`, `referrers` (entries of the referrers list), `links`, `blobs`, `uploads`
    (sessions), `orphans` (bytes that nothing named: trash now), `trash` (bytes deleted), `repositories`. Bytes:
    `trashed` were dropped by blob records and sessions and wait as trash, `freed` are gone from the disk. `error` says
    what ended it before its time, None where nothing did; `seconds` how long it took.
    """

    __slots__ = (*Tally.__slots__, "dry_run", "error", "seconds")

    tags: int
    manifests: int
    referrers: int
    links: int
    blobs: int
    uploads: int
    orphans: int
    trash: int
    repositories: int
    trashed: int
    freed: int
    dry_run: bool
    error: str | None
    seconds: float

    def __init__(self, tally: Tally, *, dry_run: bool, error: str | None, seconds: float) -> None:
        counts = {name: getattr(tally, name) for name in Tally.__slots__}
        self._fill(**counts, dry_run=dry_run, error=error, seconds=seconds)

    def as_dict(self) -> dict[str, Any]:
        """By name; JSON can carry it."""
        return {name: getattr(self, name) for name in self.__slots__}


class _Stopped(Exception):
    """Whoever began the collection wants it to end."""


def collect(
    store: Store,
    ages: Ages,
    *,
    clock: Callable[[], float] = time.time,
    dry_run: bool = False,
    force: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> Report:
    """One collection, blocking. What the store raises ends it and is told in the report.

    `dry_run` writes nothing; its counts are an estimate while pushes go on. `stop` is asked between any two operations
    of the store. AlreadyCollecting unless `force`: two at once are safe, but one does for both.
    """
    tally = Tally()
    lease = Lease(clock)
    begun = time.monotonic()
    error: str | None = None

    def beat() -> None:
        if stop():
            raise _Stopped
        if clock() - lease.renewed > SECONDS / 3:
            drive(lease.renew(), store)

    try:
        if not dry_run and not drive(lease.take(force=force), store):
            raise AlreadyCollecting(store.name)
        try:
            _drive(Collector(ages, clock, tally).steps(), Overlay(store, clock) if dry_run else store, beat)
        finally:
            with suppress(StoreError):  # it runs out by itself
                drive(lease.give_back(), store)
    except _Stopped:
        error = "asked to stop before its end"
    except (StoreError, StrayKey) as failed:
        error = str(failed)
    except (KeyError, TypeError, ValueError) as failed:
        error = f"a record says what no record should ({type(failed).__name__}: {failed}); `wherry fsck` tells which"
    return Report(tally, dry_run=dry_run, error=error, seconds=time.monotonic() - begun)


def _drive(steps: Steps[None], store: Store, beat: Callable[[], None]) -> None:
    result: object = None
    try:
        while True:
            operation = steps.send(result)
            beat()
            result = operation.do(store)
    except StopIteration:
        return
