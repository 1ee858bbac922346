"""Faults to order: which I/O operation of the memory store fails, how, and before or after its effect."""

from __future__ import annotations

from typing import Literal

from storage_backends.os_errors import failure


class Faults:
    """Counts every I/O operation of a store and fails the one that was ordered, once.

    The store calls `before` ahead of an operation's effect and `after` behind it, under its lock.
    """

    __slots__ = ("_errno", "_left", "_when", "count", "fired")

    def __init__(self) -> None:
        self.count = 0
        """Operations begun since the store was made."""
        self.fired: str | None = None
        """`operation key` of the one that failed to order last; None while none has."""
        self._left = 0
        self._errno = 0
        self._when: Literal["before", "after"] = "before"

    def fail_at(self, n: int, errno: int, when: Literal["before", "after"] = "before") -> None:
        """The n-th operation from now (1: the next) fails with `errno`, before or after its effect; once."""
        if n < 1:
            raise ValueError(f"operation {n}: the next one is 1")
        self._left, self._errno, self._when, self.fired = n, errno, when, None

    def disarm(self) -> None:
        """Nothing fails any more."""
        self._left = 0

    def before(self, operation: str, key: str) -> None:
        """An operation begins. Raises StoreFull or StoreFailed where it was ordered to fail without effect."""
        self.count += 1
        if self._left < 0:  # the last one had no effect to fail after
            self._left = 1
        if self._left:
            self._left -= 1
            if not self._left:
                self.fired = f"{operation} {key}"
                if self._when == "before":
                    raise failure(self._errno, self.fired)
                self._left = -1

    def after(self) -> None:
        """The operation took effect. Raises where it was ordered to fail all the same."""
        if self._left < 0:
            self._left = 0
            raise failure(self._errno, self.fired or "")
