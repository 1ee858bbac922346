"""tags/list and _catalog (distribution-spec, Listing Tags; _catalog is docker's)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.api import pages
from registry.api.response import Header, Response
from registry.auth.access import Action

if TYPE_CHECKING:
    from registry.api.registry import Registry
    from registry.api.request import Request
    from registry.api.routes import Route


async def tags(registry: Registry, request: Request, route: Route) -> Response:
    """Tags in byte order, those above `last`; 404 for a repository that is not known, whatever `n` is."""
    most = registry.settings.page_limit
    wanted = pages.count(request, most)
    last = request.field("last") or ""
    limit = most if wanted is None else wanted
    names, more = await registry.blocking(registry.reads.tags, route.repository, last, limit)
    return _page(f"/v2/{route.repository}/tags/list", {"name": route.repository, "tags": names}, names, more, limit)


async def catalog(registry: Registry, request: Request, route: Route) -> Response:
    """Repositories that the caller may pull, in the order of their components."""
    most = registry.settings.page_limit
    wanted = pages.count(request, most)
    last = request.field("last") or ""
    limit = most if wanted is None else wanted
    caller = request.caller
    assert caller is not None

    def may_pull(repository: str) -> bool:
        return registry.access.user_allows(caller, Action.PULL, repository)

    names, more = await registry.blocking(registry.reads.repositories, may_pull, last, limit)
    return _page("/v2/_catalog", {"repositories": names}, names, more, limit)


def _page(path: str, value: dict[str, Any], names: list[str], more: bool, limit: int) -> Response:
    headers: list[Header] = []
    if more and names:
        headers.append(pages.link(path, n=limit, last=names[-1]))
    return Response.of_json(200, value, headers)
