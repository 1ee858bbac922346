"""Clients that dribble or say nothing hold a connection no longer than the settings allow."""

import time

import pytest

from tests.serve.clients import raw, status
from tests.servers import RunningRegistry


@pytest.fixture(scope="module")
def server():
    with RunningRegistry("memory:", "--header-timeout", "1s", "--keepalive", "2s") as running:
        yield running


def closed_after(connected, dribble: bytes = b"", within: float = 10) -> tuple[float, bytes]:
    """Seconds until the server closes, and what it said before; a byte of `dribble` goes out five times a second."""
    connected.settimeout(0.2)
    begun = time.monotonic()
    received = b""
    sending = iter(dribble)
    while time.monotonic() - begun < within:
        try:
            data = connected.recv(4096)
        except TimeoutError:
            for byte in sending:
                connected.sendall(bytes([byte]))
                break
            continue
        except (ConnectionResetError, BrokenPipeError):
            break
        if not data:
            break
        received += data
    else:
        pytest.fail(f"still open after {within} s")
    return time.monotonic() - begun, received


def test_a_head_that_dribbles_in_is_cut_off(server):
    with raw(server) as client:
        seconds, received = closed_after(client, b"GET /v2/ HTTP/1.1\r\nX: " + b"a" * 1000)
    assert 0.9 <= seconds < 3
    assert received.startswith(b"HTTP/1.1 408 ")
    assert b'"errors":[{"code":' in received


def test_a_client_that_says_nothing_is_closed(server):
    with raw(server) as client:
        seconds, received = closed_after(client)
    assert 0.9 <= seconds < 3
    assert received == b""


def test_a_second_head_that_dribbles_in_is_cut_off(server):
    with raw(server) as client:
        client.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
        seconds, received = closed_after(client, b"GET /v2/ HTTP/1.1\r\nX: " + b"a" * 1000)
    assert 0.9 <= seconds < 3
    assert received.startswith(b"HTTP/1.1 408 ")


def test_an_idle_connection_is_closed_after_keepalive(server):
    with raw(server) as client:
        client.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
        seconds, received = closed_after(client)
    assert 1.5 <= seconds < 4
    assert received == b""


def test_many_that_dribble_hold_nobody_up(server):
    slow = [raw(server) for _ in range(200)]
    for client in slow:
        client.sendall(b"GET /v2/ HT")
    assert status(server) == 200
    for client in slow:
        client.close()
