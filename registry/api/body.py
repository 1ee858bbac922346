"""Reading a body: in some time, and small ones whole."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp.web_protocol import RequestPayloadError

from registry.api.errors import Refusal

if TYPE_CHECKING:
    from registry.api.request import Request
    from registry.app import Registry


class BodyTooSlow(Exception):
    """No byte of the body came in time."""


def broken(error: Exception) -> Refusal:
    """The answer to a body that could not be read to its end; a client that is gone will not see it."""
    if isinstance(error, BodyTooSlow):
        message = "no more of the body came in time; what came of an upload is kept, go on from there"
        return Refusal(408, "TIMEOUT", message, closes=True)
    if isinstance(error, RequestPayloadError):
        message = f"the body cannot be read: {' '.join(str(error).split())[:200]}"
        return Refusal(400, "BAD_REQUEST", message, closes=True)
    return Refusal(400, "BAD_REQUEST", "the connection was lost before the body's end", closes=True)


BROKEN = (BodyTooSlow, RequestPayloadError, ConnectionError)
"""What cuts a body."""


async def read_some(request: Request, until: float) -> bytes:
    """Some more of the body, none at its end. BodyTooSlow at the loop's time `until`, else as BROKEN."""
    try:
        async with asyncio.timeout_at(until):
            return await request.read_some()
    except TimeoutError:
        raise BodyTooSlow from None


async def read_whole(registry: Registry, request: Request, limit: int) -> bytes | None:
    """The whole body, None where it is longer than `limit` bytes. Refusal (408, 400) where it is cut."""
    length = request.content_length
    if length is not None and length > limit:
        return None
    loop = asyncio.get_running_loop()
    parts: list[bytes] = []
    size = 0
    try:
        while data := await read_some(request, loop.time() + registry.settings.body_timeout):
            size += len(data)
            if size > limit:
                return None
            parts.append(data)
    except BROKEN as error:
        raise broken(error) from None
    return b"".join(parts)
