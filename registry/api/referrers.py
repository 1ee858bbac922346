"""The referrers of a manifest (distribution-spec, Listing Referrers)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from oci_spec.media_type import OCI_INDEX
from registry.api import pages
from registry.api.response import Header, Response

if TYPE_CHECKING:
    from registry.api.registry import Registry
    from registry.api.request import Request
    from registry.api.routes import Route

PAGE_BYTES: Final = 3 << 20
"""An index of a page stays below the 4 MiB that every client takes for a manifest."""


async def get(registry: Registry, request: Request, route: Route) -> Response:
    """Always 200 with an index: a page of it, of one artifact type where the client asks for that."""
    assert route.digest is not None
    wanted = pages.count(request, registry.settings.page_limit)
    artifact_type = request.field("artifactType")
    last = request.field("last") or ""
    found = await registry.blocking(registry.reads.referrers, route.repository, route.digest)
    if artifact_type:
        found = [entry for entry in found if entry.get("artifactType") == artifact_type]
    page, more = _page([entry for entry in found if entry["digest"] > last], wanted or registry.settings.page_limit)
    headers: list[Header] = []
    fields: dict[str, str | int] = {}
    if artifact_type:
        headers.append(("OCI-Filters-Applied", "artifactType"))
        fields["artifactType"] = artifact_type
    if more:
        if wanted:
            fields["n"] = wanted
        fields["last"] = page[-1]["digest"]
        headers.append(pages.link(f"/v2/{route.repository}/referrers/{route.digest}", **fields))
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": page}
    return Response.of_json(200, index, headers, OCI_INDEX)


def _page(entries: list[dict[str, Any]], limit: int) -> tuple[list[dict[str, Any]], bool]:
    """The first entries, as many as a page holds and at least one; whether more follow."""
    size = 0
    for number, entry in enumerate(entries[:limit]):
        size += len(json.dumps(entry, ensure_ascii=False).encode("utf-8"))
        if size > PAGE_BYTES and number:
            return entries[:number], True
    return entries[:limit], len(entries) > limit
