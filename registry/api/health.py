"""/healthz: the process answers. /readyz: its store takes writes, and it is not about to end. /metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.api import errors
from registry.api.response import Response

if TYPE_CHECKING:
    from registry.api.registry import Registry
    from registry.api.request import Request
    from registry.api.routes import Route

_TEXT = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]


async def alive(registry: Registry, request: Request, route: Route) -> Response:
    return Response(200, _TEXT, b"ok\n")


async def ready(registry: Registry, request: Request, route: Route) -> Response:
    """503 while draining, and where the store cannot take a write now or an fsync has ever failed."""
    if request.connection.draining:
        raise errors.Refusal(503, "UNAVAILABLE", "this server is about to stop", headers=[("Retry-After", "5")])
    trouble = await registry.readiness.trouble()
    if trouble is not None:
        raise errors.Refusal(503, "UNAVAILABLE", trouble, headers=[("Retry-After", errors.RETRY_SECONDS)])
    return Response(200, _TEXT, b"ok\n")


async def metrics(registry: Registry, request: Request, route: Route) -> Response:
    page = None if registry.observer is None else await registry.blocking(registry.observer.metrics)
    if page is None:
        raise errors.Refusal(404, "NOT_FOUND", "no metrics are kept here")
    return Response(200, [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")], page)
