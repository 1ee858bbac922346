"""A body on its way into the store: read in pieces of 1 MiB, each hashed and written by one job in a thread.

A *sink* is a generator that is sent the pieces, then None for the end, and returns what the upload came to; it runs in
threads, one step after another, so that its bytes stay in order. While one piece is being written the next is read. A
body that is cut is thrown into the sink as `Cut`, so that it can keep what came. A body that ends within its first
piece costs one trip to a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from registry.api.body import BROKEN, BodyTooSlow, broken
from registry.api.body_socket import BodySocket, BodyStream, source_of
from registry.api.errors import Refusal
from registry.api.pieces import PIECE, Pieces
from storage_backends.errors import StoreFull

if TYPE_CHECKING:
    from registry.api.registry import Registry
    from registry.api.request import Request

S = TypeVar("S")
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
        raise StoreFull(
            "no more space is free than free_floor keeps (--free-floor); delete images and collect, or make room"
        )


class _Intake(Generic[T]):
    """One body."""

    def __init__(self, registry: Registry, request: Request, feed: _Feed[T]) -> None:
        self._registry = registry
        self._request = request
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._source: BodySocket | BodyStream | None = None
        self._piece: bytearray | None = None  # being filled
        self._filled = 0
        self._job: asyncio.Future[Any] | None = None  # the step that runs in a thread, or ran last

    async def run(self) -> T:
        try:
            return await self._pour()
        except BaseException as error:
            # Whatever it was, also the end of the server: the sink learns it, and keeps what it can.
            await asyncio.shield(self._cut())
            if isinstance(error, ConnectionError):
                self._request.connection.abort()  # nobody is there to be told
            if isinstance(error, BROKEN):
                raise broken(error) from None
            raise
        finally:
            if self._source is not None:
                self._source.close()

    async def _pour(self) -> T:
        source = self._source = source_of(self._request)
        body_timeout = self._registry.settings.body_timeout
        while await source.ready(self._loop.time() + body_timeout):  # with nothing borrowed
            self._piece = await self._registry.pieces.borrow()
            ended = await self._fill(source, memoryview(self._piece))
            await self._written()
            if ended:
                return await asyncio.shield(self._hand_over(self._feed.finish))
            self._hand_over(self._feed.go_on)
        await self._written()
        return await asyncio.shield(self._hand_over(self._feed.finish))

    def _hand_over(self, step: Callable[[memoryview], S]) -> asyncio.Future[S]:
        """Starts a step with what was filled; the piece comes back when that is done."""
        piece, self._piece = self._piece, None
        view = memoryview(b"") if piece is None else memoryview(piece)[: self._filled]
        self._filled = 0
        job = self._loop.run_in_executor(self._registry.threads, step, view)
        if piece is not None:
            job.add_done_callback(partial(_give_back, self._registry.pieces, piece))
        self._job = job
        return job

    async def _written(self) -> None:
        if self._job is not None:
            await asyncio.shield(self._job)

    async def _fill(self, source: BodySocket | BodyStream, room: memoryview) -> bool:
        """Fills the piece from the body, for a while; whether the body has ended."""
        until = self._loop.time() + PARTIAL_SECONDS
        while self._filled < PIECE:
            try:
                count = await source.read_into(room[self._filled :], until)
            except BodyTooSlow:
                return False
            if not count:
                return True
            self._filled += count
        return False

    async def _cut(self) -> None:
        """The sink gets what was read, then the cut."""
        if self._job is not None:
            await asyncio.wait([self._job])
            self._job.exception()  # known already, or of no interest behind what cut the body
        piece, self._piece = self._piece, None
        view = memoryview(b"") if piece is None else memoryview(piece)[: self._filled]
        try:
            await self._registry.blocking(self._feed.cut, view)
        finally:
            if piece is not None:
                self._registry.pieces.give_back(piece)


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
