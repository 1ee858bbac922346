"""Prometheus' numbers of one worker, and the page that adds up those of all.

The one module that imports prometheus-client. Its files are in the folder that the variable
PROMETHEUS_MULTIPROC_DIR named when it was first imported: the parent sees to that.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

# Seconds: a manifest from memory, a small blob, a layer on a fast line, a layer on a slow one.
BUCKETS: Final = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)
# Whatever else a client sends as a method must not become a label.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The numbers of this process; make one after the fork."""

    def __init__(self) -> None:
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
        # `labels` takes longer than all else here together, so that what it gives is kept.
        self._kept: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float, received: int, sent: int) -> None:
        """Counts one answer; bytes are those of the bodies."""
        kept = self._kept.get((method, route, status))
        if kept is None:
            named = method if method in _METHODS else "other"
            kept = self._requests.labels(named, route, str(status)), self._seconds.labels(route)
            if named == method:
                self._kept[method, route, status] = kept
        kept[0].inc()
        kept[1].observe(seconds)
        if received:
            self._received.inc(received)
        if sent:
            self._sent.inc(sent)

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
