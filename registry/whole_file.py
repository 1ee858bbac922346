"""Files that an operator names, read whole: bounded in size, and nothing that never ends or that reading changes."""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

_KINDS: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def read_whole(path: str, limit: int, *, pipes: bool = False) -> tuple[bytes, os.stat_result]:
    """All bytes of a regular file, and its status as it was when it was opened.

    `limit`: the most bytes that it may have. With `pipes` a pipe is read to its end too, waiting for whoever writes
    it. OSError, whose `strerror` says what is wrong, also for another kind of file and for one that is longer.
    """
    # Before it is opened: opening a device can do something already, and that of a pipe waits.
    check_kind(path, pipes=pipes)
    with open(path, "rb", opener=_open_pipe if pipes else _open) as file:
        status = os.fstat(file.fileno())
        _check(path, status, pipes)
        parts, left = [], limit + 1
        while left and (part := file.read(left)):
            parts.append(part)
            left -= len(part)
    if not left:
        raise OSError(errno.EFBIG, f"it has more than {limit} bytes", path)
    return b"".join(parts), status


def check_kind(path: str, *, pipes: bool = False) -> os.stat_result:
    """The status of a regular file (with `pipes` also of a pipe); OSError for what is another kind, or is not there."""
    status = os.stat(path)
    _check(path, status, pipes)
    return status


def _check(path: str, status: os.stat_result, pipes: bool) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFREG or (pipes and kind == stat.S_IFIFO):
        return
    raise OSError(errno.EINVAL, f"it is {_KINDS.get(kind, 'no file')}; give a regular file", path)


def _open(path: str, flags: int) -> int:
    # It may have become a pipe since it was looked at; that must not hold up who reads.
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _open_pipe(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC)
