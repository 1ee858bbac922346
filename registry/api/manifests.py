"""GET and HEAD of manifests (distribution-spec, Pulling manifests): the stored bytes, whatever Accept says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oci_spec.digest import Digest
from registry.api import conditions, kept
from registry.api.response import Response, head_of
from registry.content.records import Record

if TYPE_CHECKING:
    from registry.api.registry import Registry
    from registry.api.request import Request
    from registry.api.routes import Route


class Prepared:
    """The heads of the answers that one manifest or blob record gives; kept with the record."""

    __slots__ = ("found", "tag", "unchanged")

    def __init__(self, digest: Digest, content_type: str, length: int, *more: tuple[str, str]) -> None:
        self.tag = str(digest)
        named = [("Docker-Content-Digest", self.tag), ("ETag", conditions.etag(digest))]
        typed = [("Content-Type", content_type), ("X-Content-Type-Options", "nosniff")]
        self.found = head_of(200, [*typed, *named, *more], length)
        self.unchanged = head_of(304, [*named, *more], None)


def shown(request: Request, digest: Digest, record: Record) -> Response:
    """The answer that shows a manifest, or says that the client has it already."""
    prepared = record.answer
    if prepared is None:
        prepared = record.answer = Prepared(digest, record.fields["type"], len(record.tail))
    if conditions.not_modified(request, prepared.tag):
        return Response(304, head=prepared.unchanged)
    return Response(200, head=prepared.found, body=record.tail)


async def get(registry: Registry, request: Request, route: Route) -> Response:
    digest, record = await registry.read(kept.manifest_of, registry.reads, route)
    return shown(request, digest, record)


def get_quickly(registry: Registry, request: Request, route: Route) -> Response:
    return shown(request, *registry.kept_manifests.find(route))
