"""One thread of a process at a time works on the disk store; while it waits for the disk, another does.

System calls on cached files take microseconds, but Python lets go of its lock for each of them: sixteen threads that
do little else spend most of their time handing that lock round (measured: 4,700 futex calls for one small image
pushed, most of the server's CPU time). With turns it goes between the event loop and one thread.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, local
from typing import Final

LONG_SECONDS: Final = 0.005
"""Who has had its turn for so long lets others go first."""


class _Mine(local):
    since = 0.0  # when this thread's turn began; 0: it has none


class Turns:
    """The turn, and whose it is. A thread without a turn may do everything as well: turns only order those who ask."""

    __slots__ = ("_lock", "_mine")

    def __init__(self) -> None:
        self._lock = Lock()
        self._mine = _Mine()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for the turn and has it inside; not to be nested."""
        self._take()
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Inside, the disk is waited for: if this thread has the turn, others have it meanwhile."""
        if not self._mine.since:
            yield
            return
        self._leave()
        try:
            yield
        finally:
            self._take()

    def pass_on(self) -> None:
        """Between two operations: a long turn is interrupted, so that short ones need not wait for its end."""
        if self._mine.since and time.monotonic() - self._mine.since > LONG_SECONDS:
            self._leave()
            time.sleep(0.0002)
            self._take()

    def after_fork(self) -> None:
        """In the child: nobody has the turn."""
        self._lock = Lock()
        self._mine = _Mine()

    def _take(self) -> None:
        self._lock.acquire()
        self._mine.since = time.monotonic()

    def _leave(self) -> None:
        self._mine.since = 0.0
        self._lock.release()
