"""A registry's service behind a real socket, on an event loop in a thread of this process."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

import uvloop

from registry.app import Service
from registry.config import Settings
from registry.observe.observer import Observer
from storage_backends.base import Store

T = TypeVar("T")


class Running:
    """Serves from when it is made until `close`. `loop_kind` is `uvloop` or `asyncio`."""

    def __init__(
        self,
        store: Store,
        *,
        observer: Observer | None = None,
        secret: bytes | None = None,
        tls: ssl.SSLContext | None = None,
        loop_kind: str = "uvloop",
        unix: str | None = None,
        **settings: Any,
    ) -> None:
        self.store = store
        self.settings = Settings(**{"store": store.name, "free_floor": 0, "threads": 4, "workers": 1, **settings})
        self.errors: list[dict[str, Any]] = []
        self._loop = uvloop.new_event_loop() if loop_kind == "uvloop" else asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: self.errors.append(context))
        self._thread = threading.Thread(target=self._loop.run_forever, name="server", daemon=True)
        self._thread.start()
        self.service, self._server, self._http = self.on_loop(self._start(observer, secret, tls, unix))
        self.port: int = 0 if unix else self._server.sockets[0].getsockname()[1]

    async def _start(
        self, observer: Observer | None, secret: bytes | None, tls: ssl.SSLContext | None, unix: str | None
    ) -> tuple[Service, asyncio.Server, Any]:
        service = Service(self.settings, self.store, observer=observer, secret=secret)
        await service.start()
        http = service.server()
        loop = asyncio.get_running_loop()
        if unix is not None:
            return service, await loop.create_unix_server(http, unix, ssl=tls), http
        return service, await loop.create_server(http, "127.0.0.1", 0, ssl=tls), http

    def on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the server's loop and gives what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def call(self, function: Callable[[], T]) -> T:
        """Calls a function on the server's loop."""

        async def work() -> T:
            return function()

        return self.on_loop(work())

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return self.call(lambda: len(self._http.connections))

    async def _stop(self) -> None:
        self._server.close()
        await self._http.shutdown(0.2)
        await self.service.close()

    def close(self) -> None:
        self.on_loop(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()
        assert not self.errors, self.errors

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
