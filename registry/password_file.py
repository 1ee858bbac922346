"""Changes to a password file (`USER:BCRYPT-HASH` lines): one user at a time, the rest byte for byte as it was."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from typing import Final

import bcrypt

from registry.auth.htpasswd import FILE_LIMIT, PASSWORD_LIMIT, HtpasswdError, parse
from registry.whole_file import check_kind, read_whole

USER_LIMIT: Final = 255
# bcrypt's own name for what it makes is 2b; 2y is the same, and what Apache's htpasswd and its readers know.
_OURS, _EVERYWHERE = b"$2b$", b"$2y$"


class PasswordFileError(ValueError):
    """A name, a password or a file that cannot be; the message says why."""


def set_password(path: str, user: str, password: str, cost: int) -> bool:
    """Adds the user, or changes the password; the file is made when absent. True if the user is new.

    `cost`: two to this power rounds of bcrypt, 4 to 31. Raises PasswordFileError, OSError.
    """
    check_user(user)
    secret = password.encode("utf-8", "surrogateescape")
    if not secret:
        raise PasswordFileError("the password is empty")
    if len(secret) > PASSWORD_LIMIT:
        raise PasswordFileError(
            f"the password has {len(secret)} bytes; bcrypt takes {PASSWORD_LIMIT} and would ignore the rest"
        )
    if b"\0" in secret:
        raise PasswordFileError("the password contains a NUL")
    hashed = bcrypt.hashpw(secret, bcrypt.gensalt(cost))
    line = user.encode() + b":" + hashed.replace(_OURS, _EVERYWHERE, 1)
    lines = _lines(path) if os.path.exists(path) else []
    place = next((number for number, other in enumerate(lines) if _is_of(other, user)), None)
    if place is None:
        lines.append(line)
    else:
        lines[place] = line
    _write(path, lines)
    return place is None


def delete_user(path: str, user: str) -> bool:
    """False if there was no such user; the file is untouched then. Raises PasswordFileError, OSError."""
    check_user(user)
    lines = _lines(path)
    kept = [line for line in lines if not _is_of(line, user)]
    if len(kept) == len(lines):
        return False
    _write(path, kept)
    return True


def check_user(user: str) -> None:
    """Raises PasswordFileError for a name that cannot be in the file or in HTTP's Basic scheme (RFC 7617)."""
    if not user or len(user.encode("utf-8", "surrogateescape")) > USER_LIMIT:
        raise PasswordFileError(f"a user's name has 1 to {USER_LIMIT} bytes")
    if ":" in user or not user.isprintable() or user != user.strip() or user.startswith("#"):
        raise PasswordFileError(
            f"{user!r} is no user's name: it has no colon, no control characters, no blanks around it, no # in front"
        )


def check_file(path: str) -> None:
    """Before a password is asked for. PasswordFileError, OSError for a file that is there and is not to be changed."""
    if os.path.exists(path):
        _lines(path)


def _lines(path: str) -> list[bytes]:
    text, _ = read_whole(path, FILE_LIMIT)
    try:
        parse(text)
    except HtpasswdError as error:
        raise PasswordFileError(f"{path}: {error}; nothing was changed, put that line right first") from None
    return text.splitlines()


def _is_of(line: bytes, user: str) -> bool:
    name, colon, _ = line.strip().partition(b":")
    return bool(colon) and name == user.encode()


def _write(path: str, lines: list[bytes]) -> None:
    """A server that reads the file at any moment sees the old or the new one, whole."""
    # Through a link the file it points to is replaced, not the link.
    target = os.path.realpath(path)
    descriptor, scratch = tempfile.mkstemp(prefix=".htpasswd-", dir=os.path.dirname(target))
    try:
        with open(descriptor, "wb") as file:
            with contextlib.suppress(FileNotFoundError):
                _as_it_was(descriptor, check_kind(target))
            file.write(b"".join(line + b"\n" for line in lines))
            file.flush()
            os.fsync(descriptor)
        os.rename(scratch, target)
    except BaseException:
        os.unlink(scratch)
        raise
    folder = os.open(os.path.dirname(target), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _as_it_was(descriptor: int, before: os.stat_result) -> None:
    """Gives the new file the owner and the mode of the old one: who could read it is meant to go on."""
    mode = stat.S_IMODE(before.st_mode)
    try:
        os.chown(descriptor, before.st_uid, before.st_gid)
    except PermissionError:
        # What the group might do was meant for another group.
        mode &= ~stat.S_IRWXG
    os.fchmod(descriptor, mode)
