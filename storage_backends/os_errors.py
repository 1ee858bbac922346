"""An errno becomes a StoreError."""

from __future__ import annotations

import errno
import os
from typing import Final

from storage_backends.errors import StoreError, StoreFailed, StoreFull

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Error numbers that say that no room is left."""


def failure(number: int, doing: str) -> StoreError:
    """The error for an errno: StoreFull where no room is left, else StoreFailed. `doing` is `operation key`."""
    text = f"{doing}: {os.strerror(number)} [{errno.errorcode.get(number, number)}]"
    if number in FULL:
        return StoreFull(f"{text}; make room, then try again")
    return StoreFailed(f"{text}; look at the disk and at the kernel's log")
