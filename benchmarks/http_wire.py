"""HTTP/1.1 on one kept-alive socket, with as little work as a client can do."""

from __future__ import annotations

import mmap
import os
import socket
import struct
from typing import Final

Address = tuple[str, int]

_SILENCE_SECONDS: Final = 120
_HEAD_LIMIT: Final = 16 << 10
# Never written to: MSG_TRUNC makes the kernel drop what arrives, but Python wants a buffer that could hold it.
_NOWHERE: Final = memoryview(mmap.mmap(-1, 256 << 20))


class LoadFailed(Exception):
    """The server answered with something else than the load needs, or not at all."""


class Answer:
    """The head of an answer. `body` holds the bytes behind it, if they were asked for."""

    __slots__ = ("body", "head", "status")

    def __init__(self, head: bytes) -> None:
        if head[:9] != b"HTTP/1.1 ":
            raise LoadFailed(f"not an answer: {head[:200]!r}")
        self.head = head
        self.status = int(head[9:12])
        self.body = b""

    def field(self, name: bytes) -> bytes:
        """The value of the header `name` (lower case). Raises LoadFailed when there is none."""
        lowered = self.head.lower()
        start = lowered.find(b"\r\n" + name + b":")
        if start < 0:
            raise LoadFailed(f"no {name.decode()} in {self.head!r}")
        start += len(name) + 3
        return self.head[start : self.head.index(b"\r\n", start)].strip()

    def expect(self, status: int, what: str) -> Answer:
        """Itself. Raises LoadFailed, with the start of the body, when the status is another one."""
        if self.status != status:
            raise LoadFailed(f"{what}: {self.status}, not {status}: {self.head[:500]!r} {self.body[:500]!r}")
        return self


class Connection:
    """One connection; an exchange at a time. Raises LoadFailed, or OSError, when the server is silent or goes away."""

    def __init__(self, address: Address) -> None:
        self._host = f"{address[0]}:{address[1]}".encode()
        self._socket = socket.create_connection(address)
        # Blocking in the kernel, with its own time-out: Python's would make every socket call two.
        self._socket.settimeout(None)
        limit = struct.pack("ll", _SILENCE_SECONDS, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ahead = b""

    def close(self) -> None:
        self._socket.close()

    def request(self, method: bytes, target: bytes, fields: bytes = b"", length: int | None = None) -> bytes:
        """The bytes of a request's head; `fields` are whole lines, `length` is that of the body to follow."""
        size = b"" if length is None else b"Content-Length: %d\r\n" % length
        return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b%b\r\n" % (method, target, self._host, fields, size)

    def get(self, target: bytes, fields: bytes = b"") -> Answer:
        """A GET with its body in memory."""
        self.send(self.request(b"GET", target, fields))
        return self.answer()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def send_file(self, file: int, offset: int, length: int) -> None:
        """`length` bytes of an open file from `offset`, without a copy through this process."""
        end = offset + length
        while offset < end:
            sent = os.sendfile(self._socket.fileno(), file, offset, end - offset)
            if not sent:
                raise LoadFailed(f"the file ends at {offset} bytes, {end} are needed")
            offset += sent

    def head(self) -> Answer:
        """The head of the next answer; its body is left to be read."""
        data = self._ahead
        while (end := data.find(b"\r\n\r\n")) < 0:
            if len(data) > _HEAD_LIMIT:
                raise LoadFailed(f"a head of more than {_HEAD_LIMIT} bytes: {data[:200]!r}")
            data += self._receive()
        self._ahead = data[end + 4 :]
        return Answer(data[: end + 4])

    def answer(self) -> Answer:
        """The next answer with its body in memory."""
        answer = self.head()
        left = int(answer.field(b"content-length"))
        pieces = [self._ahead[:left]]
        self._ahead = self._ahead[left:]
        left -= len(pieces[0])
        while left:
            piece = self._receive(left)
            pieces.append(piece)
            left -= len(piece)
        answer.body = b"".join(pieces)
        return answer

    def drop_body(self, answer: Answer) -> int:
        """Takes the body behind `answer` off the wire, in the kernel, without copying; gives its length in bytes."""
        length = int(answer.field(b"content-length"))
        left = length - len(self._ahead)
        if left < 0:
            raise LoadFailed(f"{-left} bytes more than the body's {length}")
        self._ahead = b""
        while left:
            try:
                taken = self._socket.recv_into(
                    _NOWHERE, min(left, len(_NOWHERE)), socket.MSG_TRUNC | socket.MSG_WAITALL
                )
            except BlockingIOError:
                raise LoadFailed(f"silent for {_SILENCE_SECONDS} s, {left} bytes before the end of a body") from None
            if not taken:
                raise LoadFailed(f"closed {left} bytes before the end of a body")
            left -= taken
        return length

    def _receive(self, most: int = 4 << 10) -> bytes:
        try:
            data = self._socket.recv(min(most, 1 << 20))
        except BlockingIOError:
            raise LoadFailed(f"no answer for {_SILENCE_SECONDS} s") from None
        if not data:
            raise LoadFailed("the server closed the connection instead of answering")
        return data
