"""Upload sessions: POST, PATCH, PUT, GET, DELETE (distribution-spec, Pushing blobs)."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Final

from oci_spec.digest import Digest, new_hasher
from oci_spec.errors import InvalidName
from oci_spec.reference import parse_name
from registry.api import intake, sinks
from registry.api.errors import Refusal
from registry.api.hashes import Running
from registry.api.response import Header, Response
from registry.content import blobs, uploads
from registry.content.errors import SizeMismatch, UploadConflict
from registry.content.records import Record
from registry.content.steps import drive
from storage_backends.errors import BytesBusy

if TYPE_CHECKING:
    from registry.api.registry import Registry
    from registry.api.request import Request
    from registry.api.routes import Route

_range = re.compile(r"(?:bytes[ =])?([0-9]{1,18})-([0-9]{1,18})(?:/(?:\*|[0-9]{1,18}))?").fullmatch
ALGORITHM: Final = "digest-algorithm"


async def post(registry: Registry, request: Request, route: Route) -> Response:
    """Mounts, takes a whole blob, or begins a session, as the query says."""
    algorithm = _algorithm(request)
    wanted = request.field("mount")
    if wanted is not None:
        digest = Digest.parse(wanted)
        if await _mounted(registry, request, route, digest):
            return _created(registry, route, digest)
        algorithm = algorithm or digest.algorithm
    else:
        given = request.field("digest")
        if given is not None:
            return await _post_whole(registry, request, route, Digest.parse(given))
    uuid = secrets.token_hex(16)
    intake.check_room(registry)
    await registry.run(uploads.begin(route.repository, uuid, registry.author(request)))
    if algorithm is not None:
        registry.hashes.keep(uuid, Running(algorithm, new_hasher(algorithm)))
    return _session(registry, 202, route, uuid, 0, algorithm)


async def _mounted(registry: Registry, request: Request, route: Route, digest: Digest) -> bool:
    """Whether the blob could be linked from where the caller may pull it."""
    source = request.field("from")
    caller = request.caller

    def may_pull(repository: str) -> bool:
        return registry.may_pull(caller, repository)

    if source is not None:
        try:
            parse_name(source)
        except InvalidName:
            return False
        if not may_pull(source):
            return False
    author = registry.author(request)
    older_than = registry.now() - registry.settings.grace / 2

    def link() -> bool:
        found = source if source is not None else drive(blobs.find_source(digest, may_pull), registry.store)
        if found is None or drive(blobs.mount(found, route.repository, digest, author), registry.store) is None:
            return False
        return drive(blobs.refresh(route.repository, digest, older_than), registry.store)

    return await registry.blocking(link)


async def _post_whole(registry: Registry, request: Request, route: Route, digest: Digest) -> Response:
    """The whole blob in one POST; nothing is left of one that is cut or wrong."""
    sink = sinks.whole(registry, route.repository, secrets.token_hex(16), registry.author(request), digest)
    await intake.take_in(registry, request, sink)
    return _created(registry, route, digest)


async def patch(registry: Registry, request: Request, route: Route) -> Response:
    """One more chunk, or a stream; what came of one that is cut is kept."""
    assert route.uuid is not None
    algorithm = _algorithm(request) or "sha256"
    session = await _found(registry, request, route)
    expected = _expected(registry, request, route, session)
    sink = sinks.chunk(registry, route, session, algorithm, expected)
    moved = await _taken(registry, request, route, session, sink)
    return _session(registry, 202, route, route.uuid, int(moved.fields["offset"]), _algorithm(request))


async def put(registry: Registry, request: Request, route: Route) -> Response:
    """Perhaps the last chunk, then the close."""
    assert route.uuid is not None
    given = request.field("digest")
    if given is None:
        raise Refusal(400, "DIGEST_INVALID", "digest is not in the query: give the digest of the whole blob")
    digest = Digest.parse(given)
    session = await _found(registry, request, route)
    expected = _expected(registry, request, route, session)
    sink = sinks.close(registry, route, session, digest, expected)
    await _taken(registry, request, route, session, sink)
    return _created(registry, route, digest)


async def status(registry: Registry, request: Request, route: Route) -> Response:
    assert route.uuid is not None
    session = await _found(registry, request, route)
    return _session(registry, 204, route, route.uuid, int(session.fields["offset"]), _algorithm(request))


async def cancel(registry: Registry, request: Request, route: Route) -> Response:
    assert route.uuid is not None
    session = await _found(registry, request, route)
    await registry.run(uploads.cancel(route.uuid, session))
    registry.hashes.drop(route.uuid)
    return Response(204)


async def _found(registry: Registry, request: Request, route: Route) -> Record:
    assert route.uuid is not None
    return await registry.read(drive, uploads.find(route.repository, route.uuid, request.user), registry.store)


async def _taken(
    registry: Registry, request: Request, route: Route, session: Record, sink: intake.Sink[Record]
) -> Record:
    try:
        return await intake.take_in(registry, request, sink)
    except UploadConflict as conflict:
        raise _conflict(registry, request, route, conflict.offset, str(conflict)) from None
    except BytesBusy:
        why = "another request is writing to this upload"
        raise _conflict(registry, request, route, int(session.fields["offset"]), why) from None


def _expected(registry: Registry, request: Request, route: Route, session: Record) -> int | None:
    """How many bytes the body has by its Content-Range, None where that does not say. Refusal: 416, 400."""
    header = request.headers.get("Content-Range")
    if header is None:
        return None
    match = _range(header.strip())
    if match is None:
        raise Refusal(
            400, "BLOB_UPLOAD_INVALID", f"Content-Range is {header[:100]!r}: expected FIRST-LAST, both inclusive"
        )
    first, last = int(match[1]), int(match[2])
    offset = int(session.fields["offset"])
    if first != offset or last < first:
        why = f"the chunk {first}-{last} does not follow on what the upload holds"
        raise _conflict(registry, request, route, offset, why)
    length = request.content_length
    count = last - first + 1
    if length is not None and length != count:
        raise SizeMismatch(f"Content-Range {header} is {count} bytes, Content-Length {length}")
    return count


def _algorithm(request: Request) -> str | None:
    """The algorithm that the client means to close with. InvalidDigest."""
    algorithm = request.field(ALGORITHM)
    if algorithm is not None:
        new_hasher(algorithm)
    return algorithm


def _conflict(registry: Registry, request: Request, route: Route, offset: int, why: str) -> Refusal:
    assert route.uuid is not None
    return Refusal(
        416,
        "BLOB_UPLOAD_INVALID",
        f"{why}; it holds {offset} bytes, go on from there",
        headers=_where(registry, route, route.uuid, offset, _algorithm(request)),
    )


def _where(registry: Registry, route: Route, uuid: str, offset: int, algorithm: str | None) -> list[Header]:
    path = f"/v2/{route.repository}/blobs/uploads/{uuid}"
    if algorithm is not None and algorithm != "sha256":
        path += f"?{ALGORITHM}={algorithm}"  # so that any worker hashes with the right one from the first byte
    return [
        ("Location", registry.origins.location(path)),
        ("Docker-Upload-UUID", uuid),
        ("Range", f"0-{max(offset - 1, 0)}"),
    ]


def _session(registry: Registry, status: int, route: Route, uuid: str, offset: int, algorithm: str | None) -> Response:
    return Response(status, _where(registry, route, uuid, offset, algorithm))


def _created(registry: Registry, route: Route, digest: Digest) -> Response:
    location = registry.origins.location(f"/v2/{route.repository}/blobs/{digest}")
    return Response(201, [("Location", location), ("Docker-Content-Digest", str(digest))])
