"""The collector inside a server: every so often, in one of all processes that serve a store."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Final

from registry.content.layout import ProbeKey
from registry.content.records import Record
from registry.content.steps import ABSENT, Get, Put, Steps, drive
from registry.upkeep.ages import Ages
from registry.upkeep.collector import AlreadyCollecting, Report, collect
from storage_backends.base import Store

LOG: Final = logging.getLogger("registry.upkeep")
TURN: Final = ProbeKey("turn")
LONGEST_WAIT: Final = 60.0
"""Seconds after which the turn is looked at again, though it is not yet due: another may have moved it."""
SHORTEST_WAIT: Final = 0.05


class Periodic:
    """One thread of this process that collects whenever it is `every` seconds since anybody's last turn.

    A turn is taken by a swap of `gc/turn`, so of all processes that wait for it one gets it; it is kept in the store,
    so restarts do not put it off. `told` gets each report. Errors are logged, and the next turn tries again.
    """

    def __init__(
        self,
        store: Store,
        ages: Ages,
        every: float,
        *,
        told: Callable[[Report], None] = lambda report: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._ages = ages
        self._every = every
        self._told = told
        self._clock = clock
        self._stop = Event()
        self._thread = Thread(target=self._run, name="collector", daemon=True)

    def start(self) -> None:
        """Returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ends a collection under way after its next operation, and waits for it. Idempotent."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        wait = 0.0
        while not self._stop.wait(wait):
            try:
                wait = drive(self._take_turn(), self._store)
                if wait <= 0:
                    self._collect()
                    wait = self._every
            except Exception:  # the server goes on whatever becomes of the collector
                LOG.exception("the collector failed; it tries again in %.0f s", self._every)
                wait = self._every
            wait = min(max(wait, SHORTEST_WAIT), LONGEST_WAIT)

    def _take_turn(self) -> Steps[float]:
        """0: it is ours. Else seconds until it is due. A turn far in the future was taken by a wrong clock."""
        turn: Record | None = yield Get(TURN)
        now = self._clock()
        if turn is not None:
            left = float(turn.fields["at"]) + self._every - now
            if 0 < left <= 2 * self._every:
                return left
        taken: Record | None = yield Put(TURN, ABSENT if turn is None else turn.version, Record({"at": now}))
        return 0.0 if taken is not None else self._every

    def _collect(self) -> None:
        try:
            report = collect(self._store, self._ages, clock=self._clock, stop=self._stop.is_set)
        except AlreadyCollecting as busy:
            LOG.info("not collecting: %s", busy)
            return
        if report.error is not None and not self._stop.is_set():
            LOG.error("the collector stopped: %s", report.error)
        else:
            LOG.info(
                "collected in %.1f s: %d manifests, %d blobs, %d uploads; %d bytes freed, %d bytes wait in the trash",
                report.seconds,
                report.manifests,
                report.blobs,
                report.uploads,
                report.freed,
                report.trashed,
            )
        self._told(report)
