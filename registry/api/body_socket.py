"""A long body read from the client's socket straight into the pieces that uploads borrow.

aiohttp hands a body on in objects of its own, copied several times on their way; for a layer of some size that costs as
much as its hash. So once such a body has begun, its connection is taken over: what aiohttp has read of it is used up,
the rest is received into the piece that is being filled, and not one byte more than the body has, so that what follows
it is aiohttp's again. Only plain connections, and bodies that say how long they are.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Final

from registry.api.body import BodyTooSlow, read_some

if TYPE_CHECKING:
    from registry.api.request import Request

LEAST: Final = 512 << 10
"""Bytes that have still to come for a connection to be worth taking over."""


class BodySocket:
    """The rest of one request's body. `close` gives the connection back to aiohttp."""

    def __init__(self, request: Request, before: bytes, left: int) -> None:
        """`before` was received already, `left` bytes are still to come. ConnectionError where the client is gone."""
        transport = request.connection.transport
        if transport is None:
            raise ConnectionResetError("the client has closed the connection")
        self._request = request
        self._connection = request.connection
        self._loop = asyncio.get_running_loop()
        self._before = memoryview(before)
        self._left = left
        self._socket = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        self._number = self._socket.fileno()
        self._waiting: asyncio.Future[None] | None = None
        self._interrupted: BaseException | None = None
        request.reader = self

    async def ready(self, until: float) -> bool:
        """Waits until there is something to read; False at the body's end. BodyTooSlow at the loop's time `until`."""
        if not self._before and self._left:
            self._request.go_on()
            await self._readable(until)
        return bool(self._before or self._left)

    async def read_into(self, room: memoryview, until: float) -> int:
        """Fills some of `room` and returns how much; 0 at the body's end.

        BodyTooSlow at the loop's time `until`, ConnectionError where the client is gone.
        """
        if self._before:
            count = min(len(room), len(self._before))
            room[:count] = self._before[:count]
            self._before = self._before[count:]
            return count
        if not self._left:
            return 0
        room = room[: self._left]
        while True:
            try:
                count = self._socket.recv_into(room)
                break
            except (BlockingIOError, InterruptedError):
                await self._readable(until)
        if not count:
            raise ConnectionResetError("the client has closed the connection")
        self._left -= count
        self._request.received += count
        return count

    async def _readable(self, until: float) -> None:
        if self._interrupted is not None:
            raise self._interrupted
        waiting = self._waiting = self._loop.create_future()
        self._loop.add_reader(self._number, self._wake)
        try:
            async with asyncio.timeout_at(until):
                await waiting
        except TimeoutError:
            raise BodyTooSlow from None
        finally:
            self._loop.remove_reader(self._number)
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def interrupt(self, error: BaseException) -> None:
        """The connection is lost, or the server ends: raised where the next bytes are waited for."""
        self._interrupted = error
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)

    def close(self) -> None:
        """Ends the reading; where something of the body is left, the connection cannot go on."""
        self._request.reader = None
        self._socket.close()
        self._connection.give_back(self._request, whole=not self._left and not self._before)


class BodyStream:
    """Any other body, as aiohttp hands it on."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._rest = memoryview(b"")

    async def ready(self, until: float) -> bool:
        """As BodySocket's."""
        if not self._rest:
            self._rest = await self._more(until)
        return bool(self._rest)

    async def read_into(self, room: memoryview, until: float) -> int:
        """As BodySocket's."""
        if not self._rest:
            self._rest = await self._more(until)
        count = min(len(room), len(self._rest))
        room[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    async def _more(self, until: float) -> memoryview:
        return memoryview(await read_some(self._request, until))

    def close(self) -> None:
        """Nothing to give back."""


def source_of(request: Request) -> BodySocket | BodyStream:
    """What reads the body of an upload."""
    length = request.content_length
    if length is None or length - request.body.total_bytes < LEAST or request.connection.ssl_context is not None:
        return BodyStream(request)
    request.go_on()
    taken = request.connection.take_over(request)
    if taken is None:
        return BodyStream(request)
    before, left = taken
    return BodySocket(request, before, left)
