"""The end of a worker's connections: each when its requests are answered, all by the time that is given."""

from __future__ import annotations

import asyncio
import logging
import select
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from registry.api.connection import Connection, HttpServer

LOG: Final = logging.getLogger("registry.serve")

_LOOK_EVERY: Final = 0.02
# For handlers to notice that their connection was cut, and to leave the store in order.
_LAST_SECONDS: Final = 1.0


async def close_when_idle(server: HttpServer, until: float) -> None:
    """Closes every connection that waits between two requests; at `until` (loop time) all that are left are cut.

    A connection that has asked for nothing yet is waited for: its request may be under way.
    """
    loop = asyncio.get_running_loop()
    while (connections := _of(server)) and loop.time() < until:
        for connection in connections:
            if _is_idle(connection) and not _has_more(connection):
                connection.force_close()
        await asyncio.sleep(_LOOK_EVERY)
    if connections:
        LOG.warning("%d connections were still busy after drain_seconds and are cut", len(connections))
        for connection in connections:
            connection.abort()
        await server.shutdown(_LAST_SECONDS)


def _of(server: HttpServer) -> list[Connection]:
    # aiohttp types them as the class that ours derives from.
    return cast("list[Connection]", server.connections)


def _is_idle(connection: Connection) -> bool:
    """Whether its last answer was sent and nothing of another request has come."""
    waiter = connection._waiter
    return (
        waiter is not None
        and not waiter.done()
        and not connection._messages
        and not connection._partial
        and connection._request_count > 0
    )


def _has_more(connection: Connection) -> bool:
    """Whether bytes have come that the event loop has not read yet: closing now would answer them with a reset."""
    descriptor = connection.transport.get_extra_info("socket").fileno() if connection.transport else -1
    if descriptor < 0:
        return False
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
