"""The folder in which the workers keep the numbers that /metrics adds up."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from typing import Final

_PREFIX: Final = "wherry-metrics-"
_LOCK: Final = "lock"
# Memory, where there is some: these files are written with every request and need not outlive the server.
_MEMORY: Final = "/dev/shm"  # noqa: S108 (mkdtemp makes a private folder in it)


class MetricsFolder:
    """A new, empty folder; `close` removes it.

    It is locked as long as the parent lives, so that the next one to start can tell, and remove, what a killed one
    left behind.
    """

    __slots__ = ("_lock", "path")

    def __init__(self, parent: str | None = None) -> None:
        parent = parent or (_MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else tempfile.gettempdir())
        _remove_left_behind(parent)
        while True:
            self.path = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)
            lock = os.path.join(self.path, _LOCK)
            self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            if os.path.exists(lock):
                return
            # Another server, starting at the same time, took it for one that was left behind.
            os.close(self._lock)

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _remove_left_behind(parent: str) -> None:
    for name in os.listdir(parent):
        path = os.path.join(parent, name)
        if not name.startswith(_PREFIX):
            continue
        # Another user's, one that goes away at this moment, or one that is being made: not ours to remove.
        with contextlib.suppress(OSError):
            lock = os.open(os.path.join(path, _LOCK), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(lock)
