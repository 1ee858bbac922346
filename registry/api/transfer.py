"""A blob's bytes from the store to the client: by sendfile where both are plain, else copied in bounded pieces.

A transfer that cannot be completed cuts the connection: no client takes a short body for the blob.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from registry.api.response import Response
from registry.api.sendfile import SendFile
from registry.content.layout import DataKey
from storage_backends.errors import BytesGone, CorruptRecord

if TYPE_CHECKING:
    from registry.api.connection import Connection
    from registry.api.registry import Registry
    from registry.api.request import Request

COPIED: Final = 1 << 20
"""Bytes that are read and handed on at once where they are copied."""

Part = tuple[bytes, int, int]
"""Bytes to say first, then where the blob's bytes begin, and how many of them follow."""


class Source:
    """The bytes of one blob, held open: a file here, or a key of a store elsewhere."""

    __slots__ = ("descriptor", "key", "registry")

    def __init__(self, registry: Registry, key: str, descriptor: int) -> None:
        self.registry = registry
        self.key = key
        self.descriptor = descriptor

    async def read(self, start: int, count: int) -> bytes:
        """Exactly `count` bytes, in a thread. CorruptRecord where they end before; StoreError."""
        if self.descriptor >= 0:
            data = await self.registry.blocking(os.pread, self.descriptor, count, start)
        else:
            data = await self.registry.blocking(self.registry.store.bytes.read, self.key, start, count)
        if not data:
            raise CorruptRecord(f"{self.key} ends at byte {start}, before its blob does; run `wherry fsck`")
        return data

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


async def open_source(registry: Registry, uuid: str, size: int) -> Source:
    """The bytes that a blob record names. BytesGone; CorruptRecord where they are fewer than `size`."""
    key = DataKey(uuid).path
    if registry.local is None:
        found = await registry.blocking(registry.store.bytes.size, key)
        descriptor = -1
        if found is None:
            raise BytesGone(f"{key}: no bytes are there")
    else:
        descriptor = registry.local.open_local(key)
        found = os.fstat(descriptor).st_size
    if found < size:
        if descriptor >= 0:
            os.close(descriptor)
        raise CorruptRecord(f"{key} has {found} bytes, its blob {size}; `wherry fsck` tells what is hurt")
    return Source(registry, key, descriptor)


async def send(request: Request, response: Response, source: Source, parts: Sequence[Part]) -> Response:
    """Sends the head of `response` and the parts; `response` is as good as sent then. ConnectionError, StoreError."""
    connection = request.connection
    head = response.full_head(request)
    response.sent = True
    request.started = True
    if request.method == "HEAD":
        connection.write(head)
        return response
    if source.descriptor >= 0 and connection.ssl_context is None:
        await connection.emptied()
        with SendFile(connection, source.descriptor) as sender:
            for text, start, count in parts:
                await sender.send(head + text, start, count)
                head = b""
                response.body_length += len(text) + count
        return response
    for text, start, count in parts:
        connection.write(head + text)
        head = b""
        response.body_length += len(text)
        await _copy(connection, response, source, start, count)
    return response


async def _copy(connection: Connection, response: Response, source: Source, start: int, count: int) -> None:
    end = start + count
    while start < end:
        data = await source.read(start, min(COPIED, end - start))
        await connection.drained()
        connection.write(data)
        start += len(data)
        response.body_length += len(data)
    await connection.drained()
