"""Takes connections from one listening socket that several workers share.

Not the event loop's own server: that one takes all that wait in one go, so that one of two workers was seen with 16 of
16 connections, and its close resets what is still queued.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from registry.serve.balance import Balance

LOG: Final = logging.getLogger("registry.serve")

# Seconds that a worker with more connections than another leaves it to take the next one.
_COURTESY: Final = 0.001
# Seconds without accepting when descriptors or memory have run out: nothing but an end of other work helps.
_PAUSE: Final = 0.2
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Acceptor:
    """Makes a protocol of each connection; `handshake_seconds` is how long a TLS handshake may take.

    `connections` tells how many this worker has; where others have fewer, they are left the next one.
    """

    __slots__ = (
        "_balance",
        "_closing",
        "_connecting",
        "_connections",
        "_handshake",
        "_index",
        "_listening",
        "_loop",
        "_paused",
        "_protocol",
        "_tls",
    )

    def __init__(
        self,
        listening: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None,
        handshake_seconds: float,
        *,
        balance: Balance,
        index: int,
        connections: Callable[[], int],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listening, self._protocol, self._tls = listening, protocol, tls
        self._handshake = handshake_seconds
        self._balance, self._index, self._connections = balance, index, connections
        self._connecting: set[asyncio.Task[None]] = set()
        self._paused: asyncio.TimerHandle | None = None
        self._closing = False

    def start(self) -> None:
        """Connections are taken from now on, one a turn of the event loop."""
        self._paused = None
        self._loop.add_reader(self._listening.fileno(), self._called)

    async def close(self) -> None:
        """Takes what still waits in the queue, then lets go of the socket; returns when these are connected.

        A connection that arrives between the last look and the close of the last worker is reset: the kernel has no
        way to end a queue for new ones alone. The queue is closed to them first (a backlog of 0), so that this is
        one at most.
        """
        self._closing = True
        if self._paused is not None:
            self._paused.cancel()
        else:
            self._loop.remove_reader(self._listening.fileno())
        try:
            self._listening.listen(0)
            while self._accept_one():
                pass
        except OSError as error:
            LOG.warning("connections in the queue may be reset: %s", error)
        self._listening.close()
        if self._connecting:
            await asyncio.wait(self._connecting)

    def _called(self) -> None:
        mine = self._connections() + len(self._connecting)
        self._balance.tell(self._index, mine)
        fewest = self._balance.fewest_elsewhere(self._index)
        # With many connections a small difference is no matter, while the wait would be.
        if mine > fewest + fewest // 8:
            self._loop.remove_reader(self._listening.fileno())
            self._paused = self._loop.call_later(_COURTESY, self._courtesy_over)
        else:
            self._accept_one()

    def _courtesy_over(self) -> None:
        self.start()
        self._accept_one()

    def _accept_one(self) -> bool:
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError):
            # Another worker was faster.
            return False
        except ConnectionAbortedError:
            return True
        except OSError as error:
            if error.errno not in _EXHAUSTED or self._closing:
                raise
            self._loop.remove_reader(self._listening.fileno())
            LOG.error("no connection can be taken: %s; trying again in %g s", error.strerror, _PAUSE)
            self._paused = self._loop.call_later(_PAUSE, self.start)
            return False
        connection.setblocking(False)
        task = self._loop.create_task(self._connect(connection))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return True

    async def _connect(self, connection: socket.socket) -> None:
        try:
            if self._tls is None:
                await self._loop.connect_accepted_socket(self._protocol, connection)
            else:
                await self._loop.connect_accepted_socket(
                    self._protocol, connection, ssl=self._tls, ssl_handshake_timeout=self._handshake
                )
        except OSError as error:
            # What strangers send to a TLS port is no news for the operator.
            LOG.debug("a connection failed before its first request: %s", error)
            connection.close()
