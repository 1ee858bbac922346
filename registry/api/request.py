"""One request, read once: what handlers see of it, and what aiohttp's protocol needs it to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from aiohttp.helpers import set_exception
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import HttpVersion10
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from registry.api.errors import Refusal

if TYPE_CHECKING:
    from registry.api.body_socket import BodySocket
    from registry.api.connection import Connection
    from registry.api.routes import Route
    from registry.auth.access import Caller

QUERY_FIELDS = 1000
"""Most fields of a query that are read."""


class Request:
    """`target` is the path and query as they came; `path` and `query_text` its halves, still encoded.

    `body` is aiohttp's stream of the body's bytes; it is read through `read_some`, which answers an
    `Expect: 100-continue` first: so nothing is asked of a client before a handler, behind the authorization, reads.
    """

    __slots__ = (
        "_continued",
        "_left",
        "_query",
        "_task",
        "begun",
        "body",
        "caller",
        "connection",
        "headers",
        "id",
        "keep_alive",
        "method",
        "old",
        "path",
        "query_text",
        "reader",
        "received",
        "route",
        "started",
        "target",
    )

    def __init__(self, message: RawRequestMessage, body: StreamReader, connection: Connection) -> None:
        self.method: str = message.method
        self.target: str = message.path
        self.path, _, self.query_text = message.path.partition("?")
        self.headers: Mapping[str, str] = message.headers
        self.keep_alive: bool = not message.should_close
        self.old: bool = message.version == HttpVersion10
        self.body = body
        self.connection = connection
        self.route: Route | None = None
        self.caller: Caller | None = None
        self.id: str | None = None
        """Sent as X-Request-Id; an observer gives it."""
        self.received = 0
        """Bytes of the body that were read."""
        self.reader: BodySocket | None = None
        """What reads the body from the socket, where something does."""
        self.begun = 0.0
        """When it was taken up, on the event loop's clock."""
        self.started = False
        """Something of the answer was sent."""
        self._query: dict[str, list[str]] | None = None
        self._continued = False
        self._left = b""
        self._task: Any = None

    @property
    def remote(self) -> str | None:
        """The client's address; behind a trusted proxy the one that the proxy names. None over a unix socket."""
        return self.connection.service.origins.client(self)

    @property
    def user(self) -> str:
        """Who asks; empty where nobody said who they are."""
        return "" if self.caller is None else self.caller.name

    @property
    def has_body(self) -> bool:
        return self.body is not EMPTY_PAYLOAD

    @property
    def content_length(self) -> int | None:
        """Of the body in bytes, 0 where there is none; None where the client did not say (chunked)."""
        if not self.has_body:
            return 0
        text = self.headers.get("Content-Length")
        return None if text is None else int(text)

    @property
    def unread(self) -> float:
        """Bytes of the body that the client has still to send, as far as it said."""
        if not self.has_body or self.body.is_eof():
            return 0
        length = self.content_length
        return float("inf") if length is None else length - max(self.body.total_bytes, self.received)

    @property
    def query(self) -> Mapping[str, list[str]]:
        """Every value of every field, decoded. Refusal (400) for what is no query."""
        if self._query is None:
            try:
                self._query = parse_qs(
                    self.query_text, keep_blank_values=True, errors="strict", max_num_fields=QUERY_FIELDS
                )
            except ValueError as error:
                raise Refusal(400, "BAD_REQUEST", f"the query cannot be read: {error}") from None
        return self._query

    def field(self, name: str) -> str | None:
        """The value of a field of the query, None where absent. Refusal (400) where it is given twice."""
        if not self.query_text:
            return None
        values = self.query.get(name)
        if values is None:
            return None
        if len(values) != 1:
            raise Refusal(400, "BAD_REQUEST", f"{name} is given {len(values)} times in the query; give it once")
        return values[0]

    async def read_some(self) -> bytes:
        """Some more bytes of the body, none at its end. Raises what cut it: see `intake`."""
        self.go_on()
        data, self._left = self._left, b""
        if not data:
            data = await self.body.readany()
        self.received += len(data)
        return data

    @property
    def waits(self) -> bool:
        """Whether the client holds its body back until it is told to go on, and was not."""
        return not self._continued and self.has_body and "Expect" in self.headers and not self.body.total_bytes

    def go_on(self) -> None:
        """Tells a client that waits to send its body. Refusal: 417 where it expects what cannot be
        met, 501 where the body comes in a coding that is not undone here.
        """
        if self._continued:
            return
        self._continued = True
        coding = self.headers.get("Transfer-Encoding", "chunked")
        if self.has_body and coding.strip().lower() != "chunked":
            # RFC 9112, section 6.1. Its bytes would else be taken for those that the client meant.
            message = f"Transfer-Encoding is {coding[:100]!r}: only chunked can be read"
            raise Refusal(501, "UNSUPPORTED", message, closes=True)
        expected = self.headers.get("Expect")
        if expected is None or not self.has_body:
            return
        if expected.lower() != "100-continue":
            raise Refusal(417, "UNSUPPORTED", f"Expect is {expected[:100]!r}: only 100-continue can be met")
        if not self.old and not self.body.total_bytes:
            self.connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # What aiohttp's protocol asks for.

    def _finish(self) -> None:
        """Nothing is left to give back."""

    def _cancel(self, error: BaseException) -> None:
        """The connection is lost: whoever reads the body learns it, after what came before."""
        body = self.body
        if self.reader is not None:
            self.reader.interrupt(error)
        if self.has_body and body.exception() is None:
            if body.total_bytes > self.received:
                self._left = body.read_nowait()
            set_exception(body, error)
