"""`wherry htpasswd`: users of a password file, one at a time, the rest as it was."""

import os
import pty
import socket
import stat
import subprocess

import bcrypt
import pytest

from registry.auth.htpasswd import Htpasswd
from registry.password_file import PasswordFileError, check_user, delete_user, set_password
from tests.cli.typing_it import wherry
from tests.serve.clients import connection, until
from tests.servers import WHERRY, RunningRegistry


@pytest.fixture
def file(tmp_path):
    return tmp_path / "htpasswd"


def put(file, user: str, password: str, *flags: str):
    return wherry("htpasswd", file, user, "--password-stdin", "--cost", "4", *flags, stdin=password)


def test_a_user_is_added_to_a_new_file(file):
    done = put(file, "alice", "secret\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Added user alice\n", "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes().startswith(b"alice:$2y$04$")
    assert Htpasswd(str(file)).check("alice", "secret")
    assert not Htpasswd(str(file)).check("alice", "secret\n")
    assert [path.name for path in file.parent.iterdir()] == ["htpasswd"]


def test_a_password_is_changed_in_its_place_and_all_else_is_left(file):
    put(file, "alice", "one")
    put(file, "bob", "two")
    before = file.read_bytes().splitlines()
    file.write_bytes(b"# the team\n" + before[0] + b"\n\n" + before[1])
    done = put(file, "alice", "three")
    assert done.stdout == "Changed the password of user alice\n"
    lines = file.read_bytes().splitlines()
    assert (lines[0], lines[2], lines[3]) == (b"# the team", b"", before[1])
    assert lines[1].startswith(b"alice:")
    users = Htpasswd(str(file))
    assert users.check("alice", "three")
    assert not users.check("alice", "one")
    assert users.check("bob", "two")


def test_a_user_is_deleted(file):
    put(file, "alice", "one")
    put(file, "bob", "two")
    done = wherry("htpasswd", file, "alice", "--delete")
    assert (done.returncode, done.stdout) == (0, "Deleted user alice\n")
    assert not Htpasswd(str(file)).check("alice", "one")
    assert Htpasswd(str(file)).check("bob", "two")


def test_a_user_who_is_not_there_cannot_be_deleted(file):
    put(file, "alice", "one")
    before = file.stat()
    done = wherry("htpasswd", file, "bob", "--delete")
    assert (done.returncode, done.stderr) == (1, f"Error: {file}: there is no user 'bob'\n")
    assert file.stat().st_ino == before.st_ino


def test_a_file_that_is_not_there_has_nobody_to_delete(file):
    done = wherry("htpasswd", file, "bob", "--delete")
    assert (done.returncode, done.stderr) == (1, f"Error: {file}: No such file or directory\n")


@pytest.mark.parametrize("user", ["", "a:b", " a", "a\nb", "a\x00", "#a", "x" * 256, "\udc80"])
def test_a_name_that_cannot_be_is_refused(user):
    with pytest.raises(PasswordFileError):
        check_user(user)


@pytest.mark.parametrize("user", ["a", "a b", "alice@example.org", "ä", "x" * 255])
def test_a_name_that_can_be_is_taken(file, user):
    assert set_password(str(file), user, "secret", 4)
    assert Htpasswd(str(file)).check(user, "secret")
    assert delete_user(str(file), user)


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "the password is empty"),
        ("x" * 73, "the password has 73 bytes; bcrypt takes 72 and would ignore the rest"),
        ("ä" * 37, "the password has 74 bytes; bcrypt takes 72 and would ignore the rest"),
        ("a\0b", "the password contains a NUL"),
    ],
)
def test_a_password_that_bcrypt_would_not_keep_whole_is_refused(file, password, said):
    done = put(file, "alice", password)
    assert (done.returncode, done.stderr) == (1, f"Error: {said}\n")
    assert not file.exists()


def test_a_password_of_72_bytes_is_kept_whole(file):
    put(file, "alice", "x" * 72)
    assert Htpasswd(str(file)).check("alice", "x" * 72)
    assert not Htpasswd(str(file)).check("alice", "x" * 71)


def test_the_cost_is_what_was_asked_for(file):
    done = wherry("htpasswd", file, "alice", "--password-stdin", "--cost", "5", stdin="secret")
    assert done.returncode == 0
    assert file.read_bytes().startswith(b"alice:$2y$05$")
    wherry("htpasswd", file, "alice", "--password-stdin", stdin="secret")
    assert file.read_bytes().startswith(b"alice:$2y$10$")


@pytest.mark.parametrize("cost", ["3", "32", "x", "-1"])
def test_a_cost_that_bcrypt_does_not_have_is_bad_usage(file, cost):
    done = wherry("htpasswd", file, "alice", "--password-stdin", f"--cost={cost}", stdin="secret")
    assert done.returncode == 2
    assert "give a whole number from 4 to 31" in done.stderr


def test_without_a_terminal_the_password_is_not_waited_for(file):
    done = wherry("htpasswd", file, "alice")
    assert done.returncode == 1
    assert "--password-stdin" in done.stderr


def at_a_terminal(file, *typed: str) -> tuple[int, str]:
    """The exit code, and what the terminal showed."""
    ours, theirs = pty.openpty()
    command = [WHERRY, "htpasswd", file, "alice", "--cost", "4"]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    answered = 0
    while True:
        try:
            data = os.read(ours, 1024)
        except OSError:
            break
        if not data:
            break
        shown += data
        # Not before the question is there whole: asking throws away what was typed before.
        if answered < min(len(typed), shown.count(b": ")):
            os.write(ours, typed[answered].encode() + b"\n")
            answered += 1
    os.close(ours)
    return process.wait(30), shown.decode()


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(file):
    code, shown = at_a_terminal(file, "secret", "secret")
    assert code == 0, shown
    assert "secret" not in shown
    assert Htpasswd(str(file)).check("alice", "secret")


def test_two_passwords_that_differ_change_nothing(file):
    code, shown = at_a_terminal(file, "secret", "sacred")
    assert code == 1
    assert "the two passwords differ; nothing was changed" in shown
    assert not file.exists()


def test_a_link_to_the_file_stays_a_link(file, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(file)
    put(link, "alice", "one")
    put(link, "bob", "two")
    assert link.is_symlink()
    assert Htpasswd(str(file)).check("bob", "two")


def make_fifo(path):
    os.mkfifo(path)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@pytest.mark.parametrize(("make", "kind"), [(make_fifo, "pipe"), (make_socket, "socket"), (os.mkdir, "folder")])
@pytest.mark.parametrize("flag", ["--password-stdin", "--delete"])
def test_what_is_no_regular_file_is_refused_and_left_as_it_is(file, make, kind, flag):
    make(file)
    before = file.stat()
    done = wherry("htpasswd", file, "alice", flag, stdin="secret")
    assert (done.returncode, done.stderr) == (1, f"Error: {file}: it is a {kind}; give a regular file\n")
    assert file.stat() == before
    assert [path.name for path in file.parent.iterdir()] == ["htpasswd"]


def test_a_device_is_refused():
    # A terminal's: no file can be put in its place, should this ever fail.
    ours, theirs = pty.openpty()
    device = os.ttyname(theirs)
    done = wherry("htpasswd", device, "alice", "--password-stdin", stdin="secret")
    assert (done.returncode, done.stderr) == (1, f"Error: {device}: it is a device; give a regular file\n")
    os.close(ours)
    os.close(theirs)


def test_the_mode_of_a_file_that_is_there_is_kept(file):
    put(file, "alice", "one")
    file.chmod(0o640)
    put(file, "bob", "two")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert wherry("htpasswd", file, "bob", "--delete").returncode == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize("flag", ["--password-stdin", "--delete"])
@pytest.mark.parametrize("line", ["alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "alice:$apr1$x$y", "alice", ":x"])
def test_a_file_that_the_server_would_refuse_is_not_changed(file, line, flag):
    text = f"# the team\n{line}\n"
    file.write_text(text)
    done = wherry("htpasswd", file, "bob", flag, stdin="secret")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {file}: line 2: ")
    assert file.read_text() == text


def test_a_file_with_a_user_twice_is_not_changed(file):
    put(file, "alice", "one")
    file.write_bytes(file.read_bytes() * 2)
    done = put(file, "alice", "two")
    assert (done.returncode, "line 2: user 'alice' twice" in done.stderr) == (1, True)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    done = put(tmp_path / "absent/htpasswd", "alice", "one")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "No such file or directory" in done.stderr


def test_what_apaches_program_made_is_kept(file):
    hashed = bcrypt.hashpw(b"old", bcrypt.gensalt(4)).replace(b"$2b$", b"$2y$")
    file.write_bytes(b"carol:" + hashed + b"\n")
    put(file, "alice", "one")
    users = Htpasswd(str(file))
    assert users.check("carol", "old")
    assert users.check("alice", "one")


def test_a_running_server_notices_a_new_user(file, tmp_path):
    import base64

    put(file, "alice", "one")
    with RunningRegistry(tmp_path / "data", "--htpasswd", file, "--workers", "2") as server:

        def may(user: str, password: str) -> bool:
            client = connection(server)
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            client.request("GET", "/v2/", headers={"Authorization": f"Basic {token}"})
            status = client.getresponse().status
            client.close()
            assert status in (200, 401)
            return status == 200

        assert may("alice", "one")
        assert not may("bob", "two")
        put(file, "bob", "two")
        until("bob in every worker", lambda: all(may("bob", "two") for _ in range(6)))
        wherry("htpasswd", file, "alice", "--delete")
        until("alice gone", lambda: not any(may("alice", "one") for _ in range(6)))
