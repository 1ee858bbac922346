"""A worker: an event loop that answers requests on the parent's sockets until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import uvloop

from registry.app import Service
from registry.config import Settings
from registry.observe.observing import observer_of
from registry.serve.acceptor import Acceptor
from registry.serve.drain import close_when_idle
from registry.serve.parent import WorkerLinks
from registry.serve.sockets import Listener
from registry.serve.tls import ServerTls
from registry.stores import open_store

if TYPE_CHECKING:
    from registry.upkeep.periodic import Periodic
    from storage_backends.base import Store

LOG: Final = logging.getLogger("registry.serve")


class Worker:
    """What all workers have in common, made in the parent; `run` is one worker's life, in its own process.

    `secret` signs tokens, so that every worker takes those of the others.
    """

    def __init__(
        self,
        settings: Settings,
        listeners: Sequence[Listener],
        tls: ServerTls | None,
        *,
        secret: bytes,
        metrics_folder: str | None,
    ) -> None:
        self._settings, self._listeners, self._tls = settings, listeners, tls
        self._secret, self._metrics_folder = secret, metrics_folder
        if settings.gc_every is not None:
            # Loaded here, in the parent, so that the workers share it.
            import registry.upkeep.periodic  # noqa: F401 (for the workers)

    def run(self, links: WorkerLinks) -> int:
        """Returns the exit code once everything is drained."""
        uvloop.run(self._serve(links))
        return 0

    async def _serve(self, links: WorkerLinks) -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_reader(links.parent, _orphaned)
        store = open_store(self._settings.store, floor=self._settings.free_floor)
        try:
            observer = observer_of(self._settings, self._metrics_folder)
            service = Service(self._settings, store, observer=observer, secret=self._secret)
            await service.start()
            server = service.server()
            acceptors = [
                Acceptor(
                    listener.socket,
                    server,
                    self._tls.context if self._tls is not None else None,
                    self._settings.header_timeout,
                    balance=links.balance,
                    index=links.index,
                    connections=lambda: len(server.connections),
                )
                for listener in self._listeners
            ]
            links.balance.tell(links.index, 0)
            for acceptor in acceptors:
                acceptor.start()
            os.write(links.ready, b"+")
            os.close(links.ready)
            collector = self._collector(store)
            if collector is not None:
                collector.start()
            await stop.wait()
            service.draining = True
            links.balance.forget(links.index)
            until = loop.time() + self._settings.drain_seconds
            ending = [acceptor.close() for acceptor in acceptors]
            if collector is not None:
                ending.append(asyncio.to_thread(collector.stop))
            await asyncio.gather(*ending)
            await close_when_idle(server, until)
            await service.close()
            if observer is not None:
                observer.close()
        finally:
            store.close()

    def _collector(self, store: Store) -> Periodic | None:
        """Every worker has one; in the store they agree on whose turn it is."""
        if self._settings.gc_every is None or self._settings.read_only:
            return None
        from registry.upkeep.ages import Ages
        from registry.upkeep.periodic import Periodic

        return Periodic(store, Ages.of(self._settings), self._settings.gc_every)

    def _reload(self) -> None:
        if self._tls is not None:
            self._tls.reload()


def _orphaned() -> None:
    """The parent is gone, without a chance to say so: nobody would ever stop or replace this process."""
    LOG.error("the parent is gone; worker %d stops", os.getpid())
    os._exit(1)
