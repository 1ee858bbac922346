"""Reading a body: in some time, and small ones whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp.web_protocol import RequestPayloadError

from registry.api.errors import Refusal

if TYPE_CHECKING:
    from registry.api.registry import Registry
    from registry.api.request import Request


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


@asynccontextmanager
async def whole(registry: Registry, request: Request, limit: int) -> AsyncIterator[bytes | None]:
    """The whole body while the context lasts, None where it is longer than `limit` bytes.

    All that are held at once take no more memory than uploads may borrow. Refusal: 429 beyond that, 408 and 400 for a
    body that is cut.
    """
    taken = 0
    parts: list[bytes] = []
    length = request.content_length
    loop = asyncio.get_running_loop()
    try:
        while length is None or length <= limit:
            data = await read_some(request, loop.time() + registry.settings.body_timeout)
            if not data:
                yield b"".join(parts)
                return
            taken += len(data)
            registry.held += len(data)
            if taken > limit:
                break
            if registry.held > max(registry.settings.upload_memory, limit):
                message = f"{registry.held} bytes of manifests are being taken in, which is the most; try again soon"
                raise Refusal(429, "TOOMANYREQUESTS", message, headers=[("Retry-After", "1")], closes=True)
            parts.append(data)
        yield None
    except BROKEN as error:
        raise broken(error) from None
    finally:
        registry.held -= taken
