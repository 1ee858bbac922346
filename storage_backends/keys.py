"""The shape of a key, checked at every entry of every store, so that no key leaves the store's folder."""

from __future__ import annotations

import re
from typing import Final

TMP: Final = "tmp"
LOCK: Final = "lock"
OWN: Final = (TMP, LOCK)
"""First components that a store on disk keeps for itself; no key begins with one."""

LONGEST: Final = 1024
"""Bytes in the longest key: what S3 takes."""

_COMPONENT: Final = r"(?!\.\.?(?:/|\Z))[A-Za-z0-9._!,-]{1,255}"
_KEY: Final = re.compile(rf"(?!(?:tmp|lock)(?:/|\Z)){_COMPONENT}(?:/{_COMPONENT})*")
_is_key = _KEY.fullmatch


def check_key(key: str) -> None:
    """ValueError for what is no key (the shape is in `base`)."""
    if _is_key(key) is None or len(key) > LONGEST:
        raise ValueError(
            f"not a key of a store: {key[:300]!r}; keys are components of 1 to 255 of A-Z a-z 0-9 . _ - ! , "
            f"joined by `/`, {LONGEST} bytes in all, none of them `.` or `..`, the first none of {' '.join(OWN)}"
        )


def check_prefix(prefix: str) -> None:
    """ValueError for what is no prefix of a listing: empty, or a key and a `/`."""
    if prefix and (prefix[-1] != "/" or _is_key(prefix, 0, len(prefix) - 1) is None or len(prefix) > LONGEST):
        raise ValueError(f"not a prefix of keys: {prefix[:300]!r}; it is empty, or a key with a `/` behind it")


def folder_of(key: str) -> str:
    """The key of the folder that a key is in; empty for the top."""
    return key.rpartition("/")[0]
