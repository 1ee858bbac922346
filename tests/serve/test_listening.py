"""Addresses: taken once, loudly refused when taken, served over every one that is named."""

import contextlib
import http.client
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.clients import read_all, status, until
from tests.servers import WHERRY, RunningRegistry, status_of


def refused(*flags: str, env: dict[str, str] | None = None) -> str:
    """What a server that cannot start says; it must exit with 1."""
    command = [WHERRY, "serve", "--store", "memory:", *flags]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=30, env={**os.environ, **(env or {})}, check=False
    )
    assert done.returncode == 1, done
    assert done.stderr.startswith("Error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def over_unix(path: Path) -> int:
    """The status of GET /v2/ over a unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(os.fspath(path))
        client.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return int(read_all(client).split()[1])


@pytest.fixture
def taken() -> Iterator[str]:
    """An address where another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield f"127.0.0.1:{other.getsockname()[1]}"


def test_a_second_server_on_the_port_fails_and_says_so(tmp_path):
    with RunningRegistry(tmp_path / "a") as first:
        said = refused("--listen", first.address)
        assert said == (
            f"Error: cannot listen on {first.address}: another program listens there already; stop it, or give "
            "another address with --listen\n"
        )
        assert status(first) == 200


def test_a_port_that_another_program_has_is_refused(taken):
    assert f"cannot listen on {taken}" in refused("--listen", taken)


def test_nothing_is_left_of_the_addresses_before_the_one_that_is_taken(tmp_path, taken):
    path = tmp_path / "s.sock"
    refused("--listen", f"unix:{path}", "--listen", taken)
    assert not path.exists()


def test_an_address_of_another_machine_is_refused():
    assert "this machine has no such address" in refused("--listen", "192.0.2.1:5000")


def test_a_name_that_has_no_address_is_refused():
    assert "no address has the name" in refused("--listen", "registry.invalid:5000")


def test_a_port_can_be_had_again_right_after_a_stop(tmp_path):
    with RunningRegistry(tmp_path / "a") as first:
        address = first.address
        client = http.client.HTTPConnection(address)
        client.request("GET", "/v2/")
        client.getresponse().read()
    # The connection, closed by the server, leaves the port in TIME_WAIT.
    with RunningRegistry(tmp_path / "a", "--listen", address) as second:
        assert second.address == address
    client.close()


def test_every_address_is_served_and_named(tmp_path):
    path = tmp_path / "s.sock"
    flags = ["--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--listen", f"unix:{path}", "--listen", "localhost:0"]
    with RunningRegistry(tmp_path / "data", *flags) as server:
        assert len(server.urls) >= 4
        assert server.urls[0].startswith("http://127.0.0.1:")
        assert server.urls[1].startswith("http://[::1]:")
        assert server.urls[2] == f"http+unix://{path}"
        assert over_unix(path) == 200
        for url in server.urls:
            assert url.startswith("http+unix:") or status_of(f"{url}/v2/") == 200
            assert not url.endswith(":0")
        workers = "(1 worker)" if len(os.sched_getaffinity(0)) == 1 else f"({len(os.sched_getaffinity(0))} workers)"
        for line in server.log().splitlines()[: len(server.urls)]:
            assert line.startswith("wherry 0.1.0: serving ")
            assert line.endswith(f" from {tmp_path / 'data'} {workers}")


@pytest.mark.parametrize(("suffix", "mode"), [("", 0o660), ("?mode=600", 0o600), ("?mode=666", 0o666)])
def test_a_socket_file_has_its_mode_and_goes_with_the_server(tmp_path, suffix, mode):
    path = tmp_path / "s.sock"
    with RunningRegistry("memory:", "--listen", f"unix:{path}{suffix}"):
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert not path.exists()


def test_a_socket_file_that_a_killed_server_left_is_replaced(tmp_path):
    path = tmp_path / "s.sock"
    first = RunningRegistry("memory:", "--listen", f"unix:{path}")
    first.kill()
    assert path.exists()
    with RunningRegistry("memory:", "--listen", f"unix:{path}"):
        assert over_unix(path) == 200


def test_a_socket_file_that_is_in_use_is_left_alone(tmp_path):
    path = tmp_path / "s.sock"
    with RunningRegistry("memory:", "--listen", f"unix:{path}"):
        said = refused("--listen", f"unix:{path}")
        assert "another program listens there already" in said
        assert over_unix(path) == 200


def test_a_path_that_is_no_socket_is_left_alone(tmp_path):
    path = tmp_path / "notes"
    path.write_text("mine")
    assert "is no socket; it was left alone" in refused("--listen", f"unix:{path}")
    assert path.read_text() == "mine"


def test_a_socket_file_in_no_folder_is_refused(tmp_path):
    assert f"the folder {tmp_path}/absent is not there" in refused("--listen", f"unix:{tmp_path}/absent/s.sock")


def test_a_socket_file_of_a_newer_server_survives_the_end_of_the_older(tmp_path):
    path = tmp_path / "s.sock"
    with RunningRegistry("memory:", "--listen", f"unix:{path}", "--listen", "127.0.0.1:0"):
        path.unlink()
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as other:
            other.bind(os.fspath(path))
            made = path.stat().st_ino
            # The older server ends here.
    assert path.stat().st_ino == made


# As systemd does it: the socket is descriptor 3, the variables are meant for the process ID that reads them.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_the_sockets_of_systemd_are_served(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port, number = listening.getsockname()[1], listening.fileno()
        command = [sys.executable, "-c", HAND_OVER, str(number), WHERRY, "serve", "--store", "memory:"]
        with (tmp_path / "log").open("wb") as log:
            server = subprocess.Popen([*command, "--listen", "systemd"], stderr=log, pass_fds=[number])
    try:
        # From here on nobody but the server has the socket, so that an answer is its.
        until("an answer", lambda: status_of(f"http://127.0.0.1:{port}/v2/") == 200)
        assert f"serving http://127.0.0.1:{port} from memory:" in (tmp_path / "log").read_text()
    finally:
        server.terminate()
        assert server.wait(30) == 0


@pytest.mark.parametrize(
    "env", [{}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}, {"LISTEN_FDS": "x"}], ids=["none", "not ours", "garbage"]
)
def test_systemd_without_sockets_is_refused(env):
    assert "no sockets were handed over" in refused("--listen", "systemd", env=env)


def test_what_systemd_hands_over_must_listen():
    with Path(os.devnull).open() as nothing:
        command = [sys.executable, "-c", HAND_OVER, str(nothing.fileno()), WHERRY, "serve", "--listen", "systemd"]
        done = subprocess.run(
            [*command, "--store", "memory:"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            pass_fds=[nothing.fileno()],
        )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: cannot listen on systemd: descriptor 3")
