"""aiohttp's connection, with a short way for the requests that pulls are made of.

aiohttp parses; a request without a body that `Service.quick` can answer from memory and a few stats is answered where
it was parsed, without a task, a stream and a response object of aiohttp's; everything else goes aiohttp's way. Here are
also the limits that aiohttp lacks (a time for the head, one for a client that does not read) and its own errors
as JSON.

This leans on attributes of aiohttp's RequestHandler that are not documented; `tests/api/test_connection.py` fails where
a version of aiohttp does without them.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

from aiohttp import web, web_protocol
from aiohttp.helpers import set_exception
from aiohttp.http import HttpRequestParser
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD

from registry.api import errors
from registry.api.request import Request
from registry.api.response import Response

if TYPE_CHECKING:
    from registry.api.origins import Origins
    from registry.api.response import Clock
    from registry.config import Settings

QUICK_METHODS: Final = frozenset({"GET", "HEAD"})
FIELD_EXTRA: Final = 1
"""By how much the limit of a header is above that of the request line, so that the error tells which was too long."""


class Answering(Protocol):
    """What answers the requests of connections."""

    settings: Settings
    origins: Origins
    clock: Clock
    draining: bool

    def quick(self, request: Request) -> Response | None: ...

    async def handler(self, request: Request) -> Response: ...

    def answered(self, request: Request, response: Response) -> None: ...


class Connection(web.RequestHandler):
    """One client's connection."""

    __slots__ = ("_head_timer", "_partial", "_taken", "clock", "newest", "service")

    def __init__(
        self, manager: web.Server, *, loop: asyncio.AbstractEventLoop, service: Answering, **limits: Any
    ) -> None:
        super().__init__(manager, loop=loop, **limits)
        self.service = service
        self.clock = service.clock
        self._head_timer: asyncio.TimerHandle | None = None
        self._partial = False  # a part of a head came
        self._taken = False  # somebody else reads the socket
        # The request that was made last. aiohttp's own note of it is made a turn of the event loop later, when its
        # handler begins, and a body may break before that.
        self.newest: Request | None = None

    @property
    def draining(self) -> bool:
        return self.service.draining

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done() or self._messages:
            super().data_received(data)
            if self._messages:
                if self._head_timer is not None:
                    self._head_came()
                self._tell_of_broken_body()
            elif data and not self._request_in_progress:
                self._part_of_head_came()
            return
        # The task that would be woken sleeps on until something is left for it.
        self._waiter = None
        try:
            super().data_received(data)
        finally:
            self._waiter = waiter
        messages = self._messages
        if not messages:
            if data and not self._upgraded:
                self._part_of_head_came()
            return
        if self._head_timer is not None:
            self._head_came()
        self._tell_of_broken_body()
        while messages:
            message, payload = messages[0]
            if payload is not EMPTY_PAYLOAD or not self._quickly(message, payload):
                break
            messages.popleft()
            if self._parser is not None:
                self._parser.message_consumed()
        if messages:
            if not waiter.done():
                waiter.set_result(None)
        elif self._buffer_paused:
            self._resume_reading_if_drained()

    def _tell_of_broken_body(self) -> None:
        """What aiohttp could not read is the body of the last request before: whoever reads that is told."""
        messages = self._messages
        error = getattr(messages[-1][0], "exc", None)
        if error is None:
            return
        broken = web_protocol.RequestPayloadError(str(error))
        request = self.newest
        if len(messages) > 1:
            body = messages[-2][1]
            if not body.is_eof():
                messages.pop()
                set_exception(body, broken)
        elif request is not None and not request.body.is_eof():
            messages.pop()
            request._cancel(broken)

    def _quickly(self, message: Any, payload: Any) -> bool:
        """Answers at once where that can be done; False where it cannot."""
        if (
            self._paused
            or getattr(message, "method", None) not in QUICK_METHODS
            or message.should_close
            or self.service.draining
        ):
            return False
        request = Request(message, payload, self)
        response = self.service.quick(request)
        if response is None:
            return False
        transport = self.transport
        if transport is not None and not transport.is_closing():
            transport.write(response.encode(request))
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        self.service.answered(request, response)
        return True

    # A body that is read from the socket (see `body_socket`).

    def take_over(self, request: Request) -> tuple[bytes, int] | None:
        """(what came of the body, how many bytes of it are in the socket or still to come); None where it is broken.

        Nothing is read of the connection from here on but by the caller, until `give_back`.
        """
        transport, body = self.transport, request.body
        length = request.content_length
        assert length is not None
        if transport is None or body.exception() is not None:
            return None
        self._taken = True
        transport.pause_reading()
        body.set_read_chunk_size(length)  # so that aiohttp holds nothing back
        if self._reading_paused:
            self.resume_reading()
        before = body.read_nowait()
        request.received += len(before)
        return before, length - body.total_bytes

    def give_back(self, request: Request, *, whole: bool) -> None:
        """aiohttp reads again: the next request where the whole body was read, else the rest, to throw it away."""
        self._taken = False
        request.keep_alive = request.keep_alive and whole
        if self.transport is None or self._parser is None:
            return
        if whole:
            # To the parser that there was the body has not ended, and never will.
            self._parser = HttpRequestParser(
                self,
                self._loop,
                self._read_bufsize,
                max_line_size=self.max_line_size,
                max_field_size=self.max_field_size,
                max_headers=self.max_headers,
                payload_exception=web_protocol.RequestPayloadError,
                auto_decompress=False,
                max_msg_queue_size=self._max_msg_queue_size,
            )
            request.body.feed_eof()
        self._resume_transport_reading()

    def _resume_transport_reading(self) -> None:
        if not self._taken:
            super()._resume_transport_reading()

    # The time for a head.

    def _await_head(self) -> None:
        self._head_timer = self._loop.call_later(self.service.settings.header_timeout, self._head_is_late)

    def _part_of_head_came(self) -> None:
        self._partial = True
        if self._head_timer is None:
            self._await_head()

    def _head_came(self) -> None:
        self._partial = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        waiter = self._waiter
        if waiter is None or waiter.done() or self._messages or self.transport is None:
            return
        if self._partial:
            late = errors.answer(408, errors.entry("TIMEOUT", "the request's head did not come in time"))
            self.transport.write(late.head + b"Connection: close\r\n" + self.clock.date() + late.body)
        self.force_close()

    # Writing, for handlers and answers.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Hands bytes to the transport. ConnectionError where it is closed."""
        transport = self.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has closed the connection")
        transport.write(data)

    async def drained(self) -> None:
        """Waits until the transport asks for more. ConnectionError where the client is gone, or reads nothing."""
        if not self._paused:
            return
        try:
            async with asyncio.timeout(self.service.settings.body_timeout):
                await self._drain_helper()
        except TimeoutError:
            self.abort()
            raise ConnectionAbortedError("the client reads nothing") from None

    async def emptied(self) -> None:
        """Waits until all that was written is the socket's. ConnectionError as `drained`."""
        transport = self.transport
        if transport is None:
            raise ConnectionResetError("the client has closed the connection")
        if transport.get_write_buffer_size():
            low, high = transport.get_write_buffer_limits()
            transport.set_write_buffer_limits(high=0)
            try:
                await self.drained()
            finally:
                if self.transport is not None:
                    transport.set_write_buffer_limits(high=high, low=low)

    def abort(self) -> None:
        """Cuts the connection, so that no client takes what it got for whole."""
        if self.transport is not None:
            self.transport.abort()

    # aiohttp's own errors.

    def handle_error(  # type: ignore[override]  # our request and response stand in for aiohttp's
        self, request: Request, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> Response:
        """What aiohttp could not read, or what escaped a handler, as JSON; the connection is closed."""
        if request.started:
            self.abort()
            raise ConnectionAbortedError("an answer was begun and cannot be ended")
        if status == HTTPStatus.BAD_REQUEST:
            response = _unreadable(exc, message)
        else:
            response = errors.translated(exc if isinstance(exc, Exception) else RuntimeError(message))
        response.keep_alive = False
        request.route = None
        self.service.answered(request, response)
        return response


def _unreadable(error: BaseException | None, message: str | None) -> Response:
    if isinstance(error, LineTooLong):
        _, limit, _ = error.args
        if limit % 2:
            return errors.answer(431, errors.entry("HEADER_TOO_LONG", f"a header is longer than {limit - 1} bytes"))
        return errors.answer(414, errors.entry("URI_TOO_LONG", f"the request's line is longer than {limit} bytes"))
    text = " ".join((message or "not HTTP").split())
    if "Too many headers" in text:
        return errors.answer(431, errors.entry("HEADER_TOO_LONG", "there are too many headers"))
    return errors.answer(400, errors.entry("BAD_REQUEST", f"the request cannot be read: {text[:200]}"))


class HttpServer(web.Server):
    """Makes a Connection for each client."""

    def __init__(self, service: Answering, **limits: Any) -> None:
        super().__init__(
            service.handler,  # type: ignore[arg-type]  # takes our request, which `request_factory` makes
            request_factory=_make,  # type: ignore[arg-type]  # likewise
        )
        self._service = service
        self._limits = limits

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, service=self._service, **self._limits)


def _make(message: Any, payload: Any, protocol: Connection, writer: object, task: object) -> Request:
    """aiohttp's request factory."""
    request = protocol.newest = Request(message, payload, protocol)
    return request
