"""The API's own root: says that this is a registry, and to whom (distribution-spec, Determining Support)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.api.response import JSON, Response, head_of

if TYPE_CHECKING:
    from registry.api.registry import Registry
    from registry.api.request import Request
    from registry.api.routes import Route

_BODY = b"{}"
_HEAD = head_of(200, [("Content-Type", JSON)], len(_BODY))


async def get(registry: Registry, request: Request, route: Route) -> Response:
    return get_quickly(registry, request, route)


def get_quickly(registry: Registry, request: Request, route: Route) -> Response:
    return Response(200, head=_HEAD, body=_BODY)
