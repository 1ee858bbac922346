"""PUT and DELETE of manifests and tags (distribution-spec, Pushing Manifests, Deleting Manifests, Deleting tags)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from oci_spec import media_type
from oci_spec.digest import Digest
from oci_spec.manifest import MANIFEST_LIMIT, Manifest, parse_manifest
from oci_spec.reference import parse_tag
from registry.api.body import whole
from registry.api.conditions import WriteConditions
from registry.api.errors import Refusal
from registry.api.response import Header, Response, warning
from registry.content import blobs, manifests, tags
from registry.content.errors import DigestMismatch, Immutable, ManifestUnknown, NameUnknown
from registry.content.layout import LinkKey
from registry.content.records import Author
from registry.content.steps import drive

if TYPE_CHECKING:
    from registry.api.registry import Registry
    from registry.api.request import Request
    from registry.api.routes import Route

TAGS_LIMIT: Final = 100
"""Most `tag` parameters of one push."""


async def put(registry: Registry, request: Request, route: Route) -> Response:
    names = _tags_of(request, route)
    conditions = WriteConditions(request)
    limit = min(registry.settings.manifest_limit, MANIFEST_LIMIT)
    content_type = request.headers.get("Content-Type")
    async with whole(registry, request, limit) as body:
        if body is None:
            raise Refusal(413, "MANIFEST_INVALID", f"the manifest is larger than {limit} bytes, the most that is taken")
        digest, manifest = await registry.blocking(
            _accept, registry, route, names, conditions, body, content_type, registry.author(request)
        )
    location = registry.origins.location(f"/v2/{route.repository}/manifests/{digest}")
    headers: list[Header] = [("Location", location), ("Docker-Content-Digest", str(digest))]
    if manifest.subject is not None:
        headers.append(("OCI-Subject", str(manifest.subject.digest)))
    # As lists: with a line for each, clients that take 100 header lines would refuse the answer.
    headers.extend(("OCI-Tag", ", ".join(names[at : at + 10])) for at in range(0, len(names), 10))
    if manifest.media_type == media_type.OCI_ARTIFACT:
        text = f"{media_type.OCI_ARTIFACT} was withdrawn: use an image manifest with an artifactType"
        headers.append(warning(text))
    return Response(201, headers)


def _tags_of(request: Request, route: Route) -> list[str]:
    """The tags that a push moves, each once."""
    extra = request.query.get("tag", []) if request.query_text else []
    if len(extra) > TAGS_LIMIT:
        raise Refusal(414, "TAG_INVALID", f"{len(extra)} tags in one push: {TAGS_LIMIT} are the most")
    names = [parse_tag(name) for name in extra]
    if route.tag is not None:
        if names:
            raise Refusal(400, "TAG_INVALID", "tag parameters go with a push by digest, not with one by tag")
        names = [route.tag]
    return list(dict.fromkeys(names))


def _accept(
    registry: Registry,
    route: Route,
    names: list[str],
    conditions: WriteConditions,
    body: bytes,
    content_type: str | None,
    author: Author,
) -> tuple[Digest, Manifest]:
    """Checks and stores a manifest; in a thread, since 4 MiB of JSON take a while."""
    wanted = route.digest
    digest = Digest.of(body, "sha256" if wanted is None else wanted.algorithm)
    if wanted is not None and digest != wanted:
        raise DigestMismatch(wanted, digest)
    manifest = parse_manifest(body, content_type)
    repository, store = route.repository, registry.store

    def check(tag: str, shown: str | None, new: str | None) -> None:
        check_immutable(registry, repository, tag, shown, new)
        if route.tag is not None:
            conditions.check(f"tag {tag!r}", shown)

    if wanted is not None and conditions:
        conditions.check(f"manifest {wanted}", str(wanted) if _is_here(registry, repository, wanted) else None)
    _keep_links_young(registry, repository, manifest)
    drive(
        manifests.put(repository, digest, manifest, names, author, check=check, sparse=registry.is_sparse(repository)),
        store,
    )
    return digest, manifest


def check_immutable(registry: Registry, repository: str, tag: str, shown: str | None, new: str | None) -> None:
    """Raises Immutable where a tag that never moves or goes shows something, and is to show something else."""
    if shown is None or shown == new or registry.is_immutable is None or not registry.is_immutable(repository, tag):
        return
    what = "is not moved" if new is not None else "is not deleted"
    raise Immutable(f"tag {tag!r} of repository {repository!r} is immutable: it shows {shown} and {what}")


def _is_here(registry: Registry, repository: str, digest: Digest) -> bool:
    try:
        registry.reads.manifest(repository, digest)
    except (ManifestUnknown, NameUnknown):
        return False
    return True


def _keep_links_young(registry: Registry, repository: str, manifest: Manifest) -> None:
    """Parts that the client was told of a while ago: their grace begins anew."""
    old = registry.now() - registry.settings.grace / 2
    for digest in manifest.links:
        link = registry.reads.records.get(LinkKey(repository, digest))
        if link is not None and link.mtime < old:
            drive(blobs.refresh(repository, digest, old), registry.store)


async def delete(registry: Registry, request: Request, route: Route) -> Response:
    conditions = WriteConditions(request)
    repository = route.repository
    if route.tag is not None:

        def check(tag: str, shown: str | None, new: str | None) -> None:
            check_immutable(registry, repository, tag, shown, new)
            conditions.check(f"tag {tag!r}", shown)

        await registry.run(tags.delete(repository, route.tag, check))
    else:
        assert route.digest is not None
        await registry.blocking(_delete_manifest, registry, repository, route.digest, conditions)
    return Response(202)


def _delete_manifest(registry: Registry, repository: str, digest: Digest, conditions: WriteConditions) -> None:
    if conditions:
        registry.reads.manifest(repository, digest)
        conditions.check(f"manifest {digest}", str(digest))
    matches = registry.is_immutable
    immutable = None if matches is None else partial(matches, repository)
    drive(manifests.delete(repository, digest, immutable), registry.store)
