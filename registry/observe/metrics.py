"""Prometheus' numbers of one worker, and the page that adds up those of all.

The one module that imports prometheus-client. Its files are in the folder that the variable
PROMETHEUS_MULTIPROC_DIR named when it was first imported: the parent sees to that.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

# Seconds: a manifest from memory, a small blob, a layer on a fast line, a layer on a slow one.
BUCKETS: Final = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)
# Whatever else a client sends as a method must not become a label.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


FLUSH_SECONDS: Final = 0.25
"""How old the numbers on the page may be."""


class _Series:
    """What was counted of one method, route and status and is not yet in the file: plain numbers cost little."""

    __slots__ = ("buckets", "count", "requests", "seconds", "total")

    def __init__(self, requests: Counter, seconds: Histogram) -> None:
        self.requests, self.seconds = requests, seconds
        self.count, self.total = 0, 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)

    def flush(self) -> None:
        if not self.count:
            return
        self.requests.inc(self.count)
        # One `observe` for each answer would cost more than the answer: these are the two values that it adds to.
        self.seconds._sum.inc(self.total)
        for bucket, count in enumerate(self.buckets):
            if count:
                self.seconds._buckets[bucket].inc(count)
        self.count, self.total = 0, 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)


class Metrics:
    """The numbers of this process; make one after the fork, in the thread that answers requests.

    `later` calls a function after some seconds: an event loop's `call_later`. Numbers of answers wait for it in plain
    variables, since every change in the shared file costs a lock, a system call and a copy.
    """

    def __init__(self, later: Callable[[float, Callable[[], None]], object]) -> None:
        requests = Counter(
            "wherry_requests", "Requests that were answered.", ["method", "route", "status"], registry=None
        )
        seconds = Histogram(
            "wherry_request_seconds",
            "Seconds from a request's head to the end of its answer.",
            ["route"],
            buckets=BUCKETS,
            registry=None,
        )
        errors = Counter("wherry_store_errors", "Operations that the store failed.", ["error"], registry=None)
        self._received = Counter("wherry_received_bytes", "Bytes of request bodies that were read.", registry=None)
        self._sent = Counter("wherry_sent_bytes", "Bytes of answers' bodies that were sent.", registry=None)
        self._uploads = Gauge(
            "wherry_uploads_in_progress",
            "Upload bodies that are being read.",
            registry=None,
            multiprocess_mode="livesum",
        )
        self._requests, self._seconds, self._errors = requests, seconds, errors
        self._later = later
        self._waiting = False
        self._in = self._out = 0
        # `labels` takes longer than all else here together, so that what it gives is kept.
        self._kept: dict[tuple[str, str, int], _Series] = {}

    def answered(self, method: str, route: str, status: int, seconds: float, received: int, sent: int) -> None:
        """Counts one answer; bytes are those of the bodies."""
        series = self._kept.get((method, route, status))
        if series is None:
            named = method if method in _METHODS else "other"
            key = (named, route, status)
            series = self._kept.get(key)
            if series is None:
                series = self._kept[key] = _Series(
                    self._requests.labels(named, route, str(status)), self._seconds.labels(route)
                )
        series.count += 1
        series.total += seconds
        series.buckets[bisect_left(BUCKETS, seconds)] += 1
        self._in += received
        self._out += sent
        if not self._waiting:
            self._waiting = True
            self._later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Brings what was counted into the file that the page is made of."""
        self._waiting = False
        for series in self._kept.values():
            series.flush()
        if self._in:
            self._received.inc(self._in)
        if self._out:
            self._sent.inc(self._out)
        self._in = self._out = 0

    def upload_began(self) -> None:
        self._uploads.inc()

    def upload_ended(self) -> None:
        self._uploads.dec()

    def store_failed(self, kind: str) -> None:
        self._errors.labels(kind).inc()


def page(folder: str) -> bytes:
    """What all workers counted since the parent started, in Prometheus' text format."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]  # the package types it partly
    return generate_latest(registry)


def forget_worker(pid: int, folder: str) -> None:
    """A worker died: what it had in progress is no more; what it counted stays."""
    mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]  # the package types it partly
