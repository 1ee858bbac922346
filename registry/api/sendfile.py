"""sendfile to a client's socket from the event loop, under uvloop too, which has no `loop.sendfile`.

The transport must have nothing left to write. The socket's descriptor is duplicated, since a loop does not let others
watch a transport's own; each time the socket takes more, one call moves what fits, so that connections take turns.
"""

from __future__ import annotations

import asyncio
import os
import socket
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from storage_backends.errors import CorruptRecord

if TYPE_CHECKING:
    from registry.api.connection import Connection

AT_ONCE: Final = 1 << 20
"""Most bytes of one call: about as long as others wait for their turn."""


class SendFile:
    """One answer's way to the socket; a context manager."""

    def __init__(self, connection: Connection, descriptor: int) -> None:
        """ConnectionError where the client is gone."""
        transport = connection.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has closed the connection")
        self._connection = connection
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._from = descriptor
        self._socket = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        self._to = self._socket.fileno()
        self._text = b""
        self._start = 0
        self._end = 0
        self._done: asyncio.Future[None] | None = None
        self._watched = False
        self._moved = False
        self._timer: asyncio.TimerHandle | None = None

    async def send(self, text: bytes, start: int, count: int) -> None:
        """Sends `text`, then `count` bytes of the file from `start`.

        ConnectionError where the client is gone or reads nothing; CorruptRecord where the file ends before.
        """
        self._text = text
        self._start, self._end = start, start + count
        if self._step():
            return
        self._done = self._loop.create_future()
        self._loop.add_writer(self._to, self._writable)
        self._watched = True
        self._moved = True
        self._watch_for_stall()
        try:
            await self._done
        finally:
            self._unwatch()

    def _step(self) -> bool:
        """Moves what the socket takes now. True: all is sent."""
        if self._transport.is_closing():
            raise ConnectionResetError("the client has closed the connection")
        try:
            if self._text:
                more = socket.MSG_MORE if self._start < self._end else 0
                self._text = self._text[self._socket.send(self._text, more) :]
                if self._text:
                    return False
            if self._start < self._end:
                sent = os.sendfile(self._to, self._from, self._start, min(AT_ONCE, self._end - self._start))
                if not sent:
                    raise CorruptRecord(f"a blob's file ends at byte {self._start}; `wherry fsck` tells which")
                self._start += sent
        except (BlockingIOError, InterruptedError):
            return False
        self._moved = True
        return self._start >= self._end

    def _writable(self) -> None:
        done = self._done
        if done is None or done.done():
            return
        try:
            if self._step():
                done.set_result(None)
        except (OSError, CorruptRecord) as error:
            done.set_exception(error)

    def _watch_for_stall(self) -> None:
        done = self._done
        if done is None or done.done():
            return
        if not self._moved:
            done.set_exception(ConnectionAbortedError("the client reads nothing"))
            return
        self._moved = False
        self._timer = self._loop.call_later(self._connection.service.settings.body_timeout, self._watch_for_stall)

    def _unwatch(self) -> None:
        if self._watched:
            self._loop.remove_writer(self._to)
            self._watched = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unwatch()
        self._socket.close()
