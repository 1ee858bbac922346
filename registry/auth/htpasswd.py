"""The password file: lines of `USER:BCRYPT-HASH`, read again when it changes.

A check costs what bcrypt costs, for users that do not exist as well; who was found right is remembered under a keyed
hash, so that only the first request of a client pays, until the file changes. A file that cannot be read leaves
what was read before in force.
"""

from __future__ import annotations

import hmac
import logging
import os
import re
import secrets
import time
from collections.abc import Callable
from threading import Lock
from typing import Final

import bcrypt

from registry.whole_file import read_whole

LOG: Final = logging.getLogger("registry.auth")

LOOK_SECONDS: Final = 1.0
"""The file is looked at no more often."""
KEPT: Final = 10_000
"""The most right passwords that are remembered."""
PASSWORD_LIMIT: Final = 72
"""bcrypt takes no notice of bytes behind these; neither did whoever made the hash."""

FILE_LIMIT: Final = 16 << 20
"""Bytes of the longest file that is read: some 200,000 users."""

_is_hash = re.compile(rb"\$2[aby]\$(0[4-9]|1[0-9]|2[0-9]|3[01])\$[./A-Za-z0-9]{53}").fullmatch
_Stamp = tuple[int, int, int, int]


class HtpasswdError(ValueError):
    """The file cannot be used; the message says which line, and why."""


def parse(text: bytes) -> dict[str, bytes]:
    """Users and their hashes. HtpasswdError; empty lines and those that begin with `#` say nothing."""
    users: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith(b"#"):
            continue
        name, colon, hashed = line.partition(b":")
        try:
            user = name.decode("utf-8")
        except UnicodeDecodeError:
            raise HtpasswdError(f"line {number}: the user's name is not UTF-8") from None
        if not colon or not user:
            raise HtpasswdError(f"line {number}: not USER:HASH")
        if _is_hash(hashed) is None:
            raise HtpasswdError(
                f"line {number}: the hash of {user!r} is not bcrypt's ($2y$...); `wherry htpasswd` or `htpasswd -B` "
                "makes one"
            )
        if user in users:
            raise HtpasswdError(f"line {number}: user {user!r} twice")
        users[user] = hashed
    return users


class Htpasswd:
    """The users of one file. `known` takes microseconds, `check` as long as bcrypt; any thread may call either."""

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Reads the file: OSError, HtpasswdError."""
        self._path = path
        self._clock = clock
        self._lock = Lock()
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, str] = {}
        self._stamp: _Stamp | None = None
        self._looked = 0.0
        self._users: dict[str, bytes] = {}
        self._nobody = b""
        stamp, users = self._read()
        self._take(stamp, users)

    def known(self, user: str, password: str) -> bool:
        """Whether this pair was found right before, and the file is still the same."""
        self.refresh()
        return self._known.get(self._mark(user, password)) == user

    def check(self, user: str, password: str) -> bool:
        """Whether the password is right; blocks for as long as bcrypt takes, whoever the user is."""
        self.refresh()
        users = self._users
        hashed = users.get(user, self._nobody)
        try:
            right = bcrypt.checkpw(password.encode("utf-8")[:PASSWORD_LIMIT], hashed)
        except ValueError:  # a NUL in the password: no hash was made of one
            right = False
        if not right or user not in users:
            return False
        with self._lock:
            if users is self._users:
                if len(self._known) >= KEPT:
                    self._known.clear()
                self._known[self._mark(user, password)] = user
        return True

    def fingerprint(self, user: str) -> str | None:
        """Changes when the user's hash does; None where there is no such user (any more)."""
        self.refresh()
        hashed = self._users.get(user)
        return None if hashed is None else hmac.digest(hashed, user.encode("utf-8"), "sha256").hex()[:32]

    def refresh(self) -> None:
        """Reads the file again if it changed, at most once a second; what cannot be read is logged."""
        now = self._clock()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        try:
            if _stamp(os.stat(self._path)) == self._stamp:
                return
            stamp, users = self._read()
        except (OSError, HtpasswdError) as error:
            LOG.error("%s is not read again, what it held before stays in force: %s", self._path, error)
            return
        self._take(stamp, users)
        LOG.info("%s was read again: %d users", self._path, len(users))

    def _read(self) -> tuple[_Stamp, dict[str, bytes]]:
        text, status = read_whole(self._path, FILE_LIMIT)
        return _stamp(status), parse(text)

    def _take(self, stamp: _Stamp, users: dict[str, bytes]) -> None:
        costs = [int(hashed[4:6]) for hashed in users.values()]
        cost = max(set(costs), key=costs.count) if costs else 10
        with self._lock:
            self._stamp = stamp
            self._users = users
            self._known = {}
            # A hash of nobody's password, as dear as the others are.
            self._nobody = bcrypt.hashpw(secrets.token_bytes(16), bcrypt.gensalt(4)).replace(b"$04$", b"$%02d$" % cost)

    def _mark(self, user: str, password: str) -> bytes:
        return hmac.digest(self._key, f"{user}\0{password}".encode(), "sha256")


def _stamp(status: os.stat_result) -> _Stamp:
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
