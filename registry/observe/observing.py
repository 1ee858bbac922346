"""The observer of a worker: metrics and the access log, whichever is on."""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import TYPE_CHECKING, Final

from registry.observe.access_log import AccessLog

if TYPE_CHECKING:
    from registry.api.request import Request
    from registry.api.response import Response
    from registry.config import Settings
    from registry.observe.metrics import Metrics
    from registry.observe.observer import Observer

_is_sane = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}").fullmatch


def observer_of(settings: Settings, metrics_folder: str | None) -> Observer | None:
    """None where nothing is to be seen, so that the service need not even ask what time it is."""
    if metrics_folder is None and settings.access_log == "off":
        return None
    metrics = None
    if metrics_folder is not None:
        from registry.observe.metrics import Metrics

        metrics = Metrics(asyncio.get_running_loop().call_later)
    log = None if settings.access_log == "off" else AccessLog(settings.access_log)
    return Observing(metrics, metrics_folder, log, identify=settings.access_log == "json")


class Observing:
    """See `registry.observe.observer.Observer`. With `identify` every request has an ID: the client's, or a new one."""

    __slots__ = ("_count", "_folder", "_identify", "_log", "_metrics", "_prefix")

    def __init__(
        self, metrics: Metrics | None, folder: str | None, log: AccessLog | None, *, identify: bool = False
    ) -> None:
        self._metrics, self._folder, self._log, self._identify = metrics, folder, log, identify
        # Unique over workers and restarts without asking the kernel for every request.
        self._prefix: Final = secrets.token_hex(6)
        self._count = 0

    def request_id(self, request: Request) -> str | None:
        if not self._identify:
            return None
        given = request.headers.get("X-Request-Id")
        if given is not None and _is_sane(given):
            return given
        self._count += 1
        return f"{self._prefix}{self._count:08x}"

    def answered(
        self,
        request: Request,
        response: Response,
        *,
        route: str,
        seconds: float,
        received: int,
        request_id: str | None,
        user: str | None,
    ) -> None:
        status, sent = response.status, response.body_length
        if self._metrics is not None:
            self._metrics.answered(request.method, route, status, seconds, received, sent)
        if self._log is not None:
            self._log.answered(
                request,
                status=status,
                seconds=seconds,
                received=received,
                sent=sent,
                request_id=request_id,
                user=user,
            )

    def upload_began(self) -> None:
        if self._metrics is not None:
            self._metrics.upload_began()

    def upload_ended(self) -> None:
        if self._metrics is not None:
            self._metrics.upload_ended()

    def store_failed(self, error: Exception) -> None:
        if self._metrics is not None:
            self._metrics.store_failed(type(error).__name__)

    def metrics(self) -> bytes | None:
        if self._folder is None:
            return None
        from registry.observe.metrics import page

        return page(self._folder)

    def close(self) -> None:
        if self._metrics is not None:
            self._metrics.flush()
