"""What the service calls so that others can see its work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from registry.api.request import Request
    from registry.api.response import Response


class Observer(Protocol):
    """Every method returns within microseconds, raises nothing, and is called in the event loop's thread."""

    def request_id(self, request: Request) -> str | None:
        """Called before anything else is done for a request; the value of its answer's X-Request-Id, if one is sent."""
        ...

    def answered(
        self,
        request: Request,
        response: Response,
        *,
        route: str,
        seconds: float,
        received: int,
        request_id: str | None,
        user: str | None,
    ) -> None:
        """Called once a request, when its answer is complete or given up.

        `route` is one of the few names of the route table, never a part of the path; `received` counts bytes of
        the body that were read. The bytes that were sent are the response's `body_length`.
        """
        ...

    def upload_began(self) -> None:
        """A request with bytes for an upload has begun to be read."""
        ...

    def upload_ended(self) -> None:
        """Once for every `upload_began`, whatever became of it."""
        ...

    def store_failed(self, error: Exception) -> None:
        """The store raised StoreFull, StoreFailed or CorruptRecord."""
        ...

    def metrics(self) -> bytes | None:
        """The page for GET /metrics in Prometheus' text format, None where there is none (404).

        The exception of both rules: takes milliseconds, and is called in a thread.
        """
        ...

    def close(self) -> None:
        """No more will be told: what is not yet passed on is, now."""
        ...
