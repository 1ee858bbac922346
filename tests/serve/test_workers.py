"""The parent and its workers: a dead one is replaced, none outlives the parent, trouble at the start is said once."""

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.serve.clients import children, connection, is_alive, status, until
from tests.serve.test_listening import over_unix
from tests.servers import WHERRY, RunningRegistry


def test_there_are_as_many_workers_as_asked_for(tmp_path):
    with RunningRegistry(tmp_path / "data", "--workers", "3") as server:
        assert len(children(server.pid)) == 3
        assert "(3 workers)" in server.log()


def test_the_parent_has_one_thread(tmp_path):
    """It forks: a thread of its own could leave a lock behind in a new worker for ever."""
    with RunningRegistry(tmp_path / "data", "--workers", "2") as server:
        os.kill(children(server.pid)[0], signal.SIGKILL)
        until("two workers", lambda: len(children(server.pid)) == 2)
        assert len(os.listdir(f"/proc/{server.pid}/task")) == 1


def test_connections_are_shared_out_among_the_workers(tmp_path):
    with RunningRegistry(tmp_path / "data", "--workers", "2", "--access-log", "off") as server:
        before = {pid: _sockets(pid) for pid in children(server.pid)}
        clients = [connection(server) for _ in range(20)]
        for client in clients:
            client.request("GET", "/v2/")
            assert client.getresponse().read() is not None
        after = {pid: _sockets(pid) - count for pid, count in before.items()}
        # Ten each, but for a worker that the machine lets wait; the event loop's own server gave 16 of 16 to one.
        assert min(after.values()) >= 5, after


def _sockets(pid: int) -> int:
    return sum(os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:") for name in os.listdir(f"/proc/{pid}/fd"))


def test_a_killed_worker_is_replaced_and_the_service_goes_on(tmp_path):
    with RunningRegistry(tmp_path / "data", "--workers", "2") as server:
        for _ in range(3):
            before = children(server.pid)
            os.kill(before[0], signal.SIGKILL)
            until("the death", lambda before=before: before[0] not in children(server.pid))
            # The other one answers while the place is empty.
            assert status(server) == 200
            until("another worker", lambda before=before: len(set(children(server.pid)) - set(before)) == 1)
            assert before[1] in children(server.pid)
        assert re.search(r"worker \d+ was killed by SIGKILL soon after its start; starting another", server.log())
        assert server.stop() == 0


def test_a_server_whose_only_worker_dies_comes_back(tmp_path):
    with RunningRegistry(tmp_path / "data", "--workers", "1") as server:
        os.kill(children(server.pid)[0], signal.SIGKILL)
        # The socket is the parent's: who connects meanwhile waits, and is answered.
        assert status(server) == 200


def test_no_worker_outlives_a_killed_parent(tmp_path):
    with RunningRegistry(tmp_path / "data", "--workers", "2") as server:
        workers = children(server.pid)
        assert len(workers) == 2
        os.kill(server.pid, signal.SIGKILL)
        until("the end of the workers", lambda: not any(is_alive(pid) for pid in workers))
        address = server.address
    with RunningRegistry(tmp_path / "data", "--listen", address) as again:
        assert status(again) == 200


def test_a_server_gives_up_when_no_worker_can_be_started_any_more(tmp_path):
    with RunningRegistry(tmp_path / "data", "--workers", "2") as server:
        # What every start looks at first.
        (tmp_path / "data/format.json").write_text("not what it was")
        os.kill(children(server.pid)[0], signal.SIGKILL)
        assert server.process.wait(60) == 1
        assert "Error: a worker exited with 1 before it accepted connections; its messages say why" in server.log()
        assert "format.json" in server.log()


def said_by_a_failed_start(code: int, *flags: str | Path) -> str:
    """Standard error of a server that cannot start: one line."""
    command = [WHERRY, "serve", "--listen", "127.0.0.1:0", *map(str, flags)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_store_that_cannot_be_opened_is_told_once(tmp_path):
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in said_by_a_failed_start(1, "--store", tmp_path / "file", "--workers", "2")


def test_a_folder_of_something_else_is_no_store(tmp_path):
    (tmp_path / "repos").mkdir()
    (tmp_path / "repos/notes").write_text("mine")
    assert "format.json" in said_by_a_failed_start(1, "--store", tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), ("bob:plain\n", "line 1"), ("bob\n", "line 1")],
    ids=["absent", "no hash", "no colon"],
)
def test_a_password_file_that_cannot_be_used_is_told_once(tmp_path, content, said):
    file = tmp_path / "htpasswd"
    if content is not None:
        file.write_text(content)
    told = said_by_a_failed_start(2, "--store", "memory:", "--htpasswd", file)
    assert said in told
    assert str(file) in told


def test_the_start_up_line_is_said_once_all_workers_accept(tmp_path):
    with RunningRegistry(tmp_path / "data", "--workers", "2") as server:
        workers = children(server.pid)
        for pid in workers[:1]:
            os.kill(pid, signal.SIGSTOP)
        # The one that is left answers at once, without waiting for a worker that is still on its way.
        assert status(server) == 200
        for pid in workers[:1]:
            os.kill(pid, signal.SIGCONT)
        assert server.log().count("serving") == 1


def test_a_server_without_standard_streams_serves(tmp_path):
    """Its sockets must not get the numbers that messages go to."""
    path = tmp_path / "s.sock"
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", WHERRY, "serve", "--store", "memory:", "--listen"]
    server = subprocess.Popen([*command, f"unix:{path}"])
    try:
        until("an answer", lambda: path.exists() and _answers(path))
        assert over_unix(path) == 200
    finally:
        server.terminate()
        assert server.wait(30) == 0


def test_a_server_whose_log_nobody_reads_any_more_serves(tmp_path):
    path = tmp_path / "s.sock"
    command = [WHERRY, "serve", "--store", "memory:", "--listen", f"unix:{path}", "--log-level", "debug"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert server.stderr is not None
        assert b"serving" in server.stderr.readline()
        server.stderr.close()
        for _ in range(3):
            assert over_unix(path) == 200
        os.kill(children(server.pid)[0], signal.SIGKILL)
        assert over_unix(path) == 200
    finally:
        server.terminate()
        assert server.wait(30) == 0


def _answers(path: Path) -> bool:
    try:
        return over_unix(path) == 200
    except ConnectionRefusedError:
        return False


def test_sighup_without_tls_changes_nothing(tmp_path):
    with RunningRegistry(tmp_path / "data", "--workers", "2") as server:
        before = children(server.pid)
        os.kill(server.pid, signal.SIGHUP)
        os.killpg(server.pid, signal.SIGHUP)
        assert status(server) == 200
        assert children(server.pid) == before
        assert server.stop() == 0


def test_a_server_out_of_descriptors_goes_on_when_it_has_some_again(tmp_path):
    path = tmp_path / "s.sock"
    command = ["prlimit", "--nofile=64:64", WHERRY, "serve", "--store", tmp_path / "data", "--workers", "1"]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([*command, "--listen", f"unix:{path}"], stderr=log)
    try:
        until("an answer", lambda: path.exists() and _answers(path))
        clients = []
        for _ in range(100):
            clients.append(socket.socket(socket.AF_UNIX))
            clients[-1].connect(os.fspath(path))
        until(
            "the message", lambda: "no connection can be taken: Too many open files" in (tmp_path / "log").read_text()
        )
        for client in clients:
            client.close()
        assert over_unix(path) == 200
        assert "Traceback" not in (tmp_path / "log").read_text()
    finally:
        server.terminate()
        assert server.wait(30) == 0
