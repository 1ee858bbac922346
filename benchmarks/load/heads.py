"""HEAD, over and over. Not by wrk: it waits for the body that Content-Length promises and HEAD never has."""

from __future__ import annotations

import select
import socket
import time

from benchmarks import usage
from benchmarks.http_wire import Address, LoadFailed
from benchmarks.load.work import Work

_SILENCE_SECONDS = 30


def head(address: Address, target: str, seconds: float, connections: int) -> Work:
    """As many HEADs of `target` as the server answers within `seconds`. Raises LoadFailed unless all are 200."""
    host = f"{address[0]}:{address[1]}"
    request = f"HEAD {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: benchmarks\r\n\r\n".encode()
    sockets: dict[int, socket.socket] = {}
    poll = select.epoll()
    try:
        for _ in range(connections):
            connection = socket.create_connection(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sockets[connection.fileno()] = connection
            poll.register(connection.fileno(), select.EPOLLIN)
        for connection in sockets.values():
            connection.sendall(request)
        return _answers(poll, sockets, request, seconds)
    finally:
        poll.close()
        for connection in sockets.values():
            connection.close()


def _answers(poll: select.epoll, sockets: dict[int, socket.socket], request: bytes, seconds: float) -> Work:
    count = 0
    begun: dict[int, bytes] = {}
    cpu = usage.own_cpu_seconds()
    start = time.perf_counter()
    now = start
    while now < start + seconds:
        ready = poll.poll(_SILENCE_SECONDS)
        if not ready:
            raise LoadFailed(f"no answer to a HEAD for {_SILENCE_SECONDS} s")
        for number, _ in ready:
            connection = sockets[number]
            data = connection.recv(8192)
            if number in begun:
                data = begun.pop(number) + data
            if not data.endswith(b"\r\n\r\n"):
                if not data:
                    raise LoadFailed("the server closed the connection instead of answering a HEAD")
                begun[number] = data
                continue
            if data[:12] != b"HTTP/1.1 200":
                raise LoadFailed(f"HEAD: {data[:500]!r}")
            count += 1
            connection.send(request)
        now = time.perf_counter()
    return Work(count, now - start, usage.own_cpu_seconds() - cpu)
