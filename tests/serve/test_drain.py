"""SIGTERM: what is running ends well, what is idle ends now, what has come is answered, nothing new begins."""

import http.client
import os
import signal
import socket
import time

import pytest

from tests.serve.clients import children, connection, push_blob, raw, read_all, until
from tests.servers import RunningRegistry

MIB = 1 << 20


@pytest.fixture
def server(tmp_path):
    with RunningRegistry(tmp_path / "data", "--workers", "2") as running:
        yield running


def stopped_accepting(server: RunningRegistry) -> bool:
    """Whether nobody has the port any more."""
    try:
        raw(server).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_running_download_is_finished(server):
    content = os.urandom(12 * MIB)
    path = push_blob(server, "x", content)
    with raw(server) as client:
        # Little room, so that most of the blob cannot have been sent yet when the signal comes.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262144)
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        begun = client.recv(1000)
        server.process.terminate()
        until("the end of accepting", lambda: stopped_accepting(server))
        head, _, body = (begun + read_all(client)).partition(b"\r\n\r\n")
    assert b" 200 OK" in head
    assert body == content
    assert server.process.wait(10) == 0


def test_a_running_upload_is_finished(server):
    content = os.urandom(8 * MIB)
    session = connection(server)
    session.request("POST", "/v2/x/blobs/uploads/")
    answer = session.getresponse()
    answer.read()
    location = answer.getheader("Location")
    session.close()
    with raw(server) as client:
        head = f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n"
        client.sendall(head.encode() + content[: 4 * MIB])
        server.process.terminate()
        until("the end of accepting", lambda: stopped_accepting(server))
        client.sendall(content[4 * MIB :])
        answered = read_all(client)
    assert answered.startswith(b"HTTP/1.1 202 ")
    assert f"range: 0-{len(content) - 1}".encode() in answered.lower()
    assert b"connection: close" in answered.lower()
    assert server.process.wait(10) == 0


def test_idle_connections_are_closed_at_once(server):
    clients = [connection(server) for _ in range(10)]
    for client in clients:
        client.request("GET", "/v2/")
        client.getresponse().read()
    begun = time.monotonic()
    server.process.terminate()
    assert server.process.wait(10) == 0
    assert time.monotonic() - begun < 5
    for client in clients:
        assert client.sock.recv(1) == b""


def test_a_request_whose_head_has_begun_is_answered_and_readiness_is_red(server):
    with raw(server) as client:
        client.sendall(b"GET /readyz HTTP/1.1\r\nHo")
        with raw(server) as other:
            other.sendall(b"GET /v2/ HTTP/1.1\r\nHo")
            server.process.terminate()
            until("the end of accepting", lambda: stopped_accepting(server))
            client.sendall(b"st: x\r\n\r\n")
            other.sendall(b"st: x\r\n\r\n")
            assert read_all(client).startswith(b"HTTP/1.1 503 ")
            answered = read_all(other)
            assert answered.startswith(b"HTTP/1.1 200 ")
            assert b"Connection: close\r\n" in answered
    assert server.process.wait(10) == 0


def test_connections_that_wait_to_be_accepted_are_answered_not_reset(server):
    workers = children(server.pid)
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    clients = [raw(server) for _ in range(40)]
    for client in clients:
        client.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
    server.process.terminate()
    for pid in workers:
        os.kill(pid, signal.SIGCONT)
    assert [read_all(client)[:12] for client in clients] == [b"HTTP/1.1 200"] * 40
    assert server.process.wait(10) == 0


def test_clients_that_come_while_the_server_stops_are_answered_or_refused(server):
    """Never reset in between, so that any client can tell that nothing of its request was done."""
    outcomes = {"answered": 0, "refused": 0, "reset": 0}
    for number in range(400):
        if number == 100:
            server.process.terminate()
        try:
            with raw(server) as client:
                client.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert read_all(client).startswith(b"HTTP/1.1 200 ")
                outcomes["answered"] += 1
        except ConnectionRefusedError:
            outcomes["refused"] += 1
        except ConnectionResetError:
            outcomes["reset"] += 1
    # One can fall into the moment between the last look into the queue and its end; see Acceptor.close.
    assert outcomes["reset"] <= 1, outcomes
    assert outcomes["answered"] >= 100
    assert outcomes["refused"] > 0


def test_what_takes_longer_than_drain_seconds_is_cut(tmp_path):
    with RunningRegistry(tmp_path / "data", "--drain-seconds", "1", "--workers", "2") as server:
        content = os.urandom(12 * MIB)
        path = push_blob(server, "x", content)
        with raw(server) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262144)
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            received = len(client.recv(1000))
            begun = time.monotonic()
            server.process.terminate()
            assert server.process.wait(20) == 0
            assert 1 <= time.monotonic() - begun < 6
            try:
                while data := client.recv(MIB):
                    received += len(data)
            except ConnectionResetError:
                pass
            assert received < len(content)
        assert "1 connections were still busy after drain_seconds and are cut" in server.log()


def test_a_worker_that_does_not_end_is_killed(tmp_path):
    with RunningRegistry(tmp_path / "data", "--drain-seconds", "0", "--workers", "2") as server:
        stuck = children(server.pid)[0]
        os.kill(stuck, signal.SIGSTOP)
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < 15
        assert f"worker {stuck} was killed by SIGKILL while it was stopping" in server.log()


def test_ctrl_c_drains_and_a_second_one_cuts(server):
    content = os.urandom(12 * MIB)
    path = push_blob(server, "x", content)
    with raw(server) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262144)
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        client.recv(1000)
        # As a terminal does it: to the whole group.
        os.killpg(server.pid, signal.SIGINT)
        until("the end of accepting", lambda: stopped_accepting(server))
        assert server.process.poll() is None
        os.killpg(server.pid, signal.SIGINT)
        assert server.process.wait(10) == 0


def test_an_answer_before_the_end_lets_a_client_keep_its_connection(server):
    client = http.client.HTTPConnection(server.address)
    for _ in range(3):
        client.request("GET", "/v2/")
        answer = client.getresponse()
        assert answer.read() == b"{}"
        assert answer.getheader("Connection") is None
    client.close()
