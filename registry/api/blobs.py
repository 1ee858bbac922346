"""HEAD, GET and DELETE of blobs (distribution-spec, Pulling blobs, Deleting Blobs)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from registry.api import conditions, ranges, transfer
from registry.api.errors import Refusal
from registry.api.manifests import Prepared
from registry.api.response import OCTETS, Response, head_of
from registry.auth.access import Action
from registry.content import blobs as steps
from registry.content.errors import BlobUnknown
from registry.content.layout import DataKey
from registry.content.records import Record
from storage_backends.errors import BytesGone, CorruptRecord

if TYPE_CHECKING:
    from oci_spec.digest import Digest
    from registry.api.registry import Registry
    from registry.api.request import Request
    from registry.api.routes import Route

SMALL: Final = 64 << 10
"""Bytes up to which a blob on disk is read and sent in one go with its head."""
ATTEMPTS: Final = 3
"""How often the record is read again when its bytes are gone at open."""
_MORE: Final = (("Accept-Ranges", "bytes"), ("Cache-Control", "max-age=31536000, immutable"))


def prepared(digest: Digest, record: Record) -> Prepared:
    """The heads of a blob record's answers."""
    if record.answer is None:
        record.answer = Prepared(digest, OCTETS, record.size, *_MORE)
    answer: Prepared = record.answer
    return answer


# HEAD


def _is_old(registry: Registry, link: Record, record: Record) -> bool:
    """Whether one who may push, once told that the blob is here, could find it collected."""
    if link.condemned or record.condemned:
        return True
    return link.mtime < registry.now() - registry.settings.grace / 2


def _may_push(registry: Registry, request: Request, route: Route) -> bool:
    caller = request.caller
    return (
        caller is not None
        and not registry.settings.read_only
        and registry.access.allows(caller, Action.PUSH, route.repository)
    )


def head_quickly(registry: Registry, request: Request, route: Route) -> Response | None:
    """None where the link is to be made young first."""
    assert route.digest is not None
    link, record = registry.kept_blobs.find(route)
    if _may_push(registry, request, route) and _is_old(registry, link, record):
        return None
    return _head_of(request, route.digest, record)


def _head_of(request: Request, digest: Digest, record: Record) -> Response:
    answer = prepared(digest, record)
    if conditions.not_modified(request, answer.tag):
        return Response(304, head=answer.unchanged)
    return Response(200, head=answer.found)


async def head(registry: Registry, request: Request, route: Route) -> Response:
    assert route.digest is not None
    repository, digest = route.repository, route.digest
    link, record = await registry.read(registry.reads.held, repository, digest)
    if _may_push(registry, request, route) and _is_old(registry, link, record):
        older_than = registry.now() - registry.settings.grace / 2
        if not await registry.run(steps.refresh(repository, digest, older_than)):
            raise BlobUnknown(repository, digest)
    return _head_of(request, digest, record)


# GET


def get_quickly(registry: Registry, request: Request, route: Route) -> Response | None:
    """The whole of a small blob on disk; None for every other."""
    assert route.digest is not None
    headers = request.headers
    if registry.local is None or "Range" in headers:
        return None
    _, record = registry.kept_blobs.find(route)
    if record.size > SMALL:
        return None
    answer = prepared(route.digest, record)
    if conditions.not_modified(request, answer.tag):
        return Response(304, head=answer.unchanged)
    assert record.data is not None
    try:
        descriptor = registry.local.open_local(DataKey(record.data).path)
    except BytesGone:
        return None
    try:
        body = os.pread(descriptor, record.size + 1, 0)
    finally:
        os.close(descriptor)
    if len(body) != record.size:
        return None
    return Response(200, head=answer.found, body=body)


async def get(registry: Registry, request: Request, route: Route) -> Response:
    digest = route.digest
    assert digest is not None
    source, record = await _opened(registry, route.repository, digest)
    try:
        answer = prepared(digest, record)
        if conditions.not_modified(request, answer.tag):
            return Response(304, head=answer.unchanged)
        spans = _spans(request, answer.tag, record.size)
        if spans is None:
            return await transfer.send(request, Response(200, head=answer.found), source, [(b"", 0, record.size)])
        if len(spans) == 1:
            span = spans[0]
            partial = _partial_head(answer, OCTETS, span.length, _content_range(span, record.size))
            return await transfer.send(request, Response(206, head=partial), source, [(b"", span.start, span.length)])
        return await _send_several(request, answer, source, spans, record.size)
    finally:
        source.close()


async def _opened(registry: Registry, repository: str, digest: Digest) -> tuple[transfer.Source, Record]:
    """A blob's bytes, and its record. Raises BlobUnknown; CorruptRecord where what the record names is not there."""
    seen: str | None = None
    for _ in range(ATTEMPTS):
        record = await registry.read(registry.reads.blob, repository, digest)
        assert record.data is not None
        try:
            return await transfer.open_source(registry, record.data, record.size), record
        except BytesGone:
            if record.data == seen:
                break
            seen = record.data
    raise CorruptRecord(f"the bytes {seen} of blob {digest} are not there; `wherry fsck` tells what is hurt")


def _spans(request: Request, tag: str, size: int) -> list[ranges.Span] | None:
    header = request.headers.get("Range")
    if header is None:
        return None
    condition = request.headers.get("If-Range")
    if condition is not None and condition.strip() != f'"{tag}"':
        return None
    try:
        return ranges.parse(header, size)
    except ranges.Unsatisfiable:
        raise Refusal(
            416,
            "RANGE_INVALID",
            f"no part of {header[:100]!r} is within the blob's {size} bytes",
            headers=[("Content-Range", f"bytes */{size}")],
        ) from None


def _content_range(span: ranges.Span, size: int) -> str:
    return f"bytes {span.start}-{span.last}/{size}"


def _partial_head(answer: Prepared, content_type: str, length: int, content_range: str | None) -> bytes:
    headers = [
        ("Content-Type", content_type),
        ("X-Content-Type-Options", "nosniff"),
        ("Docker-Content-Digest", answer.tag),
        ("ETag", f'"{answer.tag}"'),
        *_MORE,
    ]
    if content_range is not None:
        headers.append(("Content-Range", content_range))
    return head_of(206, headers, length)


async def _send_several(
    request: Request, answer: Prepared, source: transfer.Source, spans: list[ranges.Span], size: int
) -> Response:
    """multipart/byteranges (RFC 9110, section 14.6)."""
    boundary = os.urandom(12).hex()
    parts: list[transfer.Part] = []
    for span in spans:
        lines = f"--{boundary}\r\nContent-Type: {OCTETS}\r\nContent-Range: {_content_range(span, size)}\r\n\r\n"
        parts.append(((b"\r\n" if parts else b"") + lines.encode("ascii"), span.start, span.length))
    parts.append((f"\r\n--{boundary}--\r\n".encode("ascii"), 0, 0))
    length = sum(len(text) + count for text, _, count in parts)
    head = _partial_head(answer, f"multipart/byteranges; boundary={boundary}", length, None)
    return await transfer.send(request, Response(206, head=head), source, parts)


# DELETE


async def delete(registry: Registry, request: Request, route: Route) -> Response:
    assert route.digest is not None
    await registry.run(steps.delete(route.repository, route.digest))
    return Response(202)
