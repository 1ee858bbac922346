"""A body on its way into the store: read in pieces of 1 MiB, each hashed and written by one job in a thread.

A *sink* is a generator that is sent the pieces, then None for the end, and returns what the upload came to; it runs in
threads, one step after another, so that its bytes stay in order. While one piece is being written the next is read. A
body that is cut is thrown into the sink as `Cut`, so that it can keep what came. A body that ends within its first
piece costs one trip to a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from registry.api.body import BROKEN, BodyTooSlow, broken, read_some
from registry.api.errors import Refusal
from registry.api.pieces import PIECE, Pieces
from storage_backends.errors import StoreFull

if TYPE_CHECKING:
    from registry.api.request import Request
    from registry.app import Registry

T = TypeVar("T")
Sink = Generator[None, memoryview | None, T]

PARTIAL_SECONDS: Final = 0.25
"""A piece that is not full after this time is written as it is: slow clients hold no memory."""


class Cut(Exception):
    """Thrown into a sink: no more of the body comes."""


async def take_in(registry: Registry, request: Request, sink: Sink[T]) -> T:
    """Reads the request's body into a sink and returns what that returns.

    Refusal: 429 where too many bodies are being read, 507 without room, 408 and 400 for a body that is cut. Else what
    the sink raises.
    """
    if not request.has_body:
        return await registry.blocking(_Feed(sink).finish, memoryview(b""))
    check_room(registry)
    if registry.uploads >= registry.settings.max_uploads:
        raise Refusal(
            429,
            "TOOMANYREQUESTS",
            f"{registry.uploads} uploads are running, which is the most; try again soon",
            headers=[("Retry-After", "1")],
        )
    registry.uploads += 1
    if registry.observer is not None:
        registry.observer.upload_began()
    try:
        return await _Intake(registry, request, _Feed(sink)).run()
    finally:
        registry.uploads -= 1
        if registry.observer is not None:
            registry.observer.upload_ended()


def check_room(registry: Registry) -> None:
    """Raises StoreFull below the floor of free space."""
    if registry.inline and registry.store.free() == 0:
        raise StoreFull("the floor of free space is reached")


class _Intake(Generic[T]):
    """One body."""

    def __init__(self, registry: Registry, request: Request, feed: _Feed[T]) -> None:
        self._registry = registry
        self._request = request
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._rest = memoryview(b"")
        self._job: asyncio.Future[None] | None = None

    async def run(self) -> T:
        registry = self._registry
        try:
            while await self._first():
                piece = await registry.pieces.borrow()
                give_back = partial(_give_back, registry.pieces, piece)
                try:
                    filled, ended = await self._fill(memoryview(piece))
                    await self._written()
                except BaseException:
                    give_back()
                    raise
                view = memoryview(piece)[:filled]
                if ended:
                    last = self._loop.run_in_executor(registry.threads, self._feed.finish, view)
                    last.add_done_callback(give_back)
                    return await last
                self._job = self._loop.run_in_executor(registry.threads, self._feed.go_on, view)
                self._job.add_done_callback(give_back)
            await self._written()
            return await registry.blocking(self._feed.finish, memoryview(b""))
        except BROKEN as error:
            raise broken(error) from None

    async def _written(self) -> None:
        if self._job is not None:
            await self._job

    async def _first(self) -> bool:
        """Waits, with nothing borrowed, until there is something to fill a piece with; False at the body's end."""
        if not self._rest:
            try:
                until = self._loop.time() + self._registry.settings.body_timeout
                self._rest = memoryview(await read_some(self._request, until))
            except (*BROKEN, asyncio.CancelledError):
                await asyncio.shield(self._cut(self._rest))
                raise
        return bool(self._rest)

    async def _fill(self, room: memoryview) -> tuple[int, bool]:
        """Fills a piece from the body: (bytes, whether the body has ended). What cuts the body reaches the sink."""
        filled = 0
        until = self._loop.time() + PARTIAL_SECONDS
        try:
            while True:
                count = min(len(self._rest), PIECE - filled)
                room[filled : filled + count] = self._rest[:count]
                self._rest = self._rest[count:]
                filled += count
                if filled == PIECE:
                    return filled, False
                self._rest = memoryview(await read_some(self._request, until))
                if not self._rest:
                    return filled, True
        except BodyTooSlow:
            return filled, False
        except (*BROKEN, asyncio.CancelledError):
            await asyncio.shield(self._cut(room[:filled]))
            raise

    async def _cut(self, piece: memoryview) -> None:
        await self._written()
        await self._registry.blocking(self._feed.cut, piece)


def _give_back(pieces: Pieces, piece: bytearray, done: object = None) -> None:
    pieces.give_back(piece)


class _Feed(Generic[T]):
    """A sink and its steps; each runs in a thread, never two at once."""

    __slots__ = ("_sink", "_started")

    def __init__(self, sink: Sink[T]) -> None:
        self._sink = sink
        self._started = False

    def go_on(self, piece: memoryview) -> None:
        self._start()
        if piece:
            self._sink.send(piece)

    def finish(self, piece: memoryview) -> T:
        self.go_on(piece)
        try:
            self._sink.send(None)
        except StopIteration as stop:
            value: T = stop.value
            return value
        raise AssertionError("a sink goes on after its end")

    def cut(self, piece: memoryview) -> None:
        """What came last, then the cut; what the sink makes of it is its own affair."""
        try:
            self.go_on(piece)
            self._sink.throw(Cut())
        except (Cut, StopIteration):
            pass

    def _start(self) -> None:
        if not self._started:
            self._started = True
            next(self._sink)
