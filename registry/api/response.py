"""An answer as bytes: what is fixed of its head is built once, the date and the connection's fate at the end.

It stands in for aiohttp's response where aiohttp's protocol asks for one (`prepare`, `write_eof`, `keep_alive`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from registry.api.request import Request

Header = tuple[str, str]

JSON: Final = "application/json"
OCTETS: Final = "application/octet-stream"
WARNING_LIMIT: Final = 4096
"""Bytes of all Warning headers of one answer (distribution-spec, Warnings)."""

_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}
_BODYLESS: Final = frozenset({204, 304})


def head_of(status: int, headers: Iterable[Header], length: int | None) -> bytes:
    """Status line and header lines, without the date and the empty line. `length` None: the answer has no body ever.

    ValueError for a value that would begin another line.
    """
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}", "Docker-Distribution-Api-Version: registry/2.0"]
    lines.extend(f"{name}: {value}" for name, value in headers)
    if length is not None:
        lines.append(f"Content-Length: {length}")
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        raise ValueError(f"a header holds a line break: {text!r}")
    return text.encode("utf-8") + b"\r\n"


class Clock:
    """The Date line, made once a second."""

    __slots__ = ("_line", "_second")

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def date(self) -> bytes:
        """The last line of a head and the empty line behind it."""
        now = int(time.time())
        if now != self._second:
            self._line = f"Date: {formatdate(now, usegmt=True)}\r\n\r\n".encode("ascii")
            self._second = now
        return self._line


class Response:
    """`body` is sent unless the request was a HEAD. `sent`: a handler has sent it all by itself."""

    __slots__ = ("_request", "body", "body_length", "head", "keep_alive", "sent", "status")

    def __init__(
        self,
        status: int,
        headers: Iterable[Header] = (),
        body: bytes = b"",
        *,
        head: bytes | None = None,
        sent: bool = False,
    ) -> None:
        self.status = status
        self.body = body
        if head is None:
            head = head_of(status, headers, None if status in _BODYLESS else len(body))
        self.head = head
        self.sent = sent
        self.keep_alive = True
        self.body_length = 0
        """Bytes of the body that were sent."""
        self._request: Request | None = None

    @classmethod
    def of_json(cls, status: int, value: Any, headers: Iterable[Header] = (), content_type: str = JSON) -> Response:
        """`value` as JSON, in its order and without blanks."""
        body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
        return cls(status, [("Content-Type", content_type), *headers], body)

    def encode(self, request: Request) -> bytes:
        """The whole answer to this request; settles whether the connection goes on."""
        head = self.full_head(request)
        if request.method == "HEAD" or not self.body:
            return head
        self.body_length = len(self.body)
        return head + self.body

    def full_head(self, request: Request) -> bytes:
        """The head with its end."""
        connection = request.connection
        if not (self.keep_alive and request.keep_alive and not connection.draining):
            self.keep_alive = False
            tail = b"Connection: close\r\n"
        elif request.old:
            tail = b"Connection: keep-alive\r\n"
        else:
            tail = b""
        if request.id is not None:
            tail += f"X-Request-Id: {request.id}\r\n".encode("latin-1")
        return self.head + tail + connection.clock.date()

    # What aiohttp's protocol asks for.

    async def prepare(self, request: Request) -> None:
        """Hands everything to the transport. ConnectionError where it is closed."""
        self._request = request
        if not self.sent:
            self.sent = True
            request.started = True
            request.connection.write(self.encode(request))

    async def write_eof(self) -> None:
        """Waits until the transport took what was written. ConnectionError where the client is gone or too slow."""
        assert self._request is not None
        await self._request.connection.drained()


def warning(text: str, used: int = 0) -> Header:
    """A Warning header (distribution-spec, Warnings), cut where it gets too long.

    `used`: bytes that other warnings of this answer take.
    """
    room = WARNING_LIMIT - used - len('299 - ""')
    quoted: list[str] = []
    for character in text:
        plain = character if character.isprintable() else " "
        piece = f"\\{plain}" if plain in '\\"' else plain
        room -= len(piece.encode("utf-8"))
        if room < 0:
            break
        quoted.append(piece)
    return "Warning", f'299 - "{"".join(quoted)}"'
