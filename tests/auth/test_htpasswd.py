"""The password file: what is a user's line, when it is read again, what a check costs."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.auth import htpasswd
from registry.auth.htpasswd import KEPT, LOOK_SECONDS, Htpasswd, HtpasswdError, parse
from tests.credentials import Credentials, write_htpasswd

HASH = bcrypt.hashpw(b"secret", b"$2b$04$abcdefghijklmnopqrstuu")  # the same in every process of a test run


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def users(tmp_path: Path, clock: Clock) -> Callable[..., Htpasswd]:
    def make(*credentials: Credentials) -> Htpasswd:
        return Htpasswd(str(write_htpasswd(tmp_path / "users", *credentials)), clock)

    return make


def _replace(file: Path, *credentials: Credentials) -> None:
    new = write_htpasswd(file.with_name("new"), *credentials)
    new.replace(file)


def test_the_right_password_of_a_user_is_right(users: Callable[..., Htpasswd]) -> None:
    table = users(Credentials("ann", "secret"), Credentials("b ö b", "pass:word é"))
    assert table.check("ann", "secret")
    assert table.check("b ö b", "pass:word é")
    for user, password in (
        ("ann", "Secret"),
        ("ann", ""),
        ("ann", "pass:word é"),
        ("nobody", "secret"),
        ("", "secret"),
        ("ann", "sec\0ret"),
        ("ann", "secret\0"),
        ("an", "n:secret"),
    ):
        assert not table.check(user, password)


def test_bytes_behind_the_72nd_are_as_good_as_none(users: Callable[..., Htpasswd]) -> None:
    """As bcrypt has it, and whoever made the file."""
    table = users(Credentials("ann", "x" * 72))
    assert table.check("ann", "x" * 100)
    assert not table.check("ann", "x" * 71)


def test_the_hashes_of_other_programs_are_taken(tmp_path: Path) -> None:
    for prefix in (b"$2y$", b"$2a$", b"$2b$"):
        file = tmp_path / "users"
        file.write_bytes(b"# users\n\n ann:" + HASH.replace(b"$2b$", prefix) + b" \r\n")
        assert Htpasswd(str(file)).check("ann", "secret")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"ann", "line 1: not USER:HASH"),
        (b"\n:" + HASH, "line 2: not USER:HASH"),
        (b"ann:$apr1$x$y", "not bcrypt's"),
        (b"ann:{SHA}abc", "not bcrypt's"),
        (b"ann:secret", "not bcrypt's"),
        (b"ann:" + HASH[:-1], "not bcrypt's"),
        (b"ann:" + HASH + b":more", "not bcrypt's"),
        (b"ann:" + HASH.replace(b"$04$", b"$99$"), "not bcrypt's"),
        (b"\xff:" + HASH, "not UTF-8"),
        (b"ann:" + HASH + b"\nann:" + HASH, "line 2: user 'ann' twice"),
    ],
)
def test_a_file_with_a_wrong_line_is_refused_with_the_line(text: bytes, why: str) -> None:
    with pytest.raises(HtpasswdError, match=why.replace("$", r"\$")):
        parse(text)


@given(st.binary(max_size=200))
def test_any_file_is_users_or_an_error(text: bytes) -> None:
    try:
        users = parse(text)
    except HtpasswdError:
        return
    assert all(len(hashed) == 60 for hashed in users.values())


def test_a_missing_file_is_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Htpasswd(str(tmp_path / "none"))


def test_a_right_password_is_remembered_and_a_wrong_one_never(users: Callable[..., Htpasswd]) -> None:
    table = users(Credentials("ann", "secret"))
    assert not table.known("ann", "secret")
    table.check("ann", "secret")
    table.check("ann", "wrong")
    assert table.known("ann", "secret")
    assert not table.known("ann", "wrong")
    assert not table.known("nobody", "secret")


def test_no_password_is_kept_in_memory_as_it_is(users: Callable[..., Htpasswd]) -> None:
    table = users(Credentials("ann", "very secret"))
    table.check("ann", "very secret")
    assert all(b"very secret" not in mark and len(mark) == 32 for mark in table._known)


def test_what_is_remembered_is_bounded(users: Callable[..., Htpasswd], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(htpasswd, "KEPT", 3)
    table = users(*(Credentials(f"u{number}", "x") for number in range(5)))
    for number in range(5):
        assert table.check(f"u{number}", "x")
        assert len(table._known) <= 3
    assert KEPT > 3


def test_a_changed_file_is_read_again_and_what_was_remembered_is_forgotten(
    users: Callable[..., Htpasswd], clock: Clock, tmp_path: Path
) -> None:
    table = users(Credentials("ann", "old"), Credentials("bob", "same"))
    assert table.check("ann", "old")
    before = table.fingerprint("ann")
    _replace(tmp_path / "users", Credentials("ann", "new"))
    clock.now += LOOK_SECONDS
    assert not table.known("ann", "old")
    assert not table.check("ann", "old")
    assert table.check("ann", "new")
    assert not table.check("bob", "same")
    assert table.fingerprint("ann") not in (None, before)
    assert table.fingerprint("bob") is None


def test_the_file_is_looked_at_once_a_second_at_most(
    users: Callable[..., Htpasswd], clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = users(Credentials("ann", "x"))
    looks = []
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda *a, **k: looks.append(a[0]) or real(*a, **k))
    for _ in range(100):
        clock.now += LOOK_SECONDS / 10
        table.known("ann", "x")
    assert len([look for look in looks if look == str(tmp_path / "users")]) <= 11


@pytest.mark.parametrize("broken", [b"nonsense", None])
def test_a_broken_file_leaves_the_old_one_in_force_and_says_so(
    users: Callable[..., Htpasswd], clock: Clock, tmp_path: Path, broken: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    table = users(Credentials("ann", "secret"))
    file = tmp_path / "users"
    if broken is None:
        file.unlink()
    else:
        file.write_bytes(broken)
    clock.now += LOOK_SECONDS
    assert table.check("ann", "secret")
    assert "stays in force" in caplog.text and "secret" not in caplog.text
    _replace(file, Credentials("bob", "hidden"))
    clock.now += LOOK_SECONDS
    assert table.check("bob", "hidden")
    assert not table.check("ann", "secret")


def test_an_unknown_user_costs_what_a_known_one_does(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_bytes(b"ann:" + bcrypt.hashpw(b"secret", bcrypt.gensalt(9)) + b"\n")
    table = Htpasswd(str(file))

    def seconds(user: str) -> float:
        best = 1.0
        for _ in range(3):
            began = time.process_time()
            table.check(user, "wrong")
            best = min(best, time.process_time() - began)
        return best

    known, unknown = seconds("ann"), seconds("nobody")
    assert 0.5 < unknown / known < 2


def test_an_empty_file_has_no_users_and_still_costs(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_bytes(b"")
    assert not Htpasswd(str(file)).check("ann", "secret")


def test_a_file_that_never_ends_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="it is a device; give a regular file"):
        Htpasswd("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a pipe; give a regular file"):
        Htpasswd(str(tmp_path / "pipe"))


def test_a_file_of_more_than_16_mib_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_bytes(b"#" * (16 << 20))
    Htpasswd(str(file))
    file.write_bytes(b"#" * ((16 << 20) + 1))
    with pytest.raises(OSError, match="it has more than 16777216 bytes"):
        Htpasswd(str(file))
