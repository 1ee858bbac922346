"""Who is collecting now: a record that saves two collectors the same work. Nothing rests on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from registry.content.layout import ProbeKey
from registry.content.records import Record
from registry.content.steps import ABSENT, Delete, Get, Put, Steps
from storage_backends.base import Expected

KEY: Final = ProbeKey("lease")
SECONDS: Final = 60.0
"""How long a collector that says nothing is believed to be at work."""


class Lease:
    """One collector's hold of `gc/lease`. `clock` gives seconds since 1970."""

    __slots__ = ("_clock", "_version", "renewed")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._version: str | None = None
        self.renewed = 0.0
        """When it was last said that this collector is at work."""

    def take(self, *, force: bool = False) -> Steps[bool]:
        """False: another collector is at work, and `force` was not given."""
        found: Record | None = yield Get(KEY)
        if found is not None and not force and self._clock() < float(found.fields["until"]) <= self._clock() + SECONDS:
            return False
        yield from self._say(found.version if found is not None else ABSENT)
        return self._version is not None or force

    def renew(self) -> Steps[None]:
        """Once a while, from whoever holds it; where another has it by now, that is left as it is."""
        if self._version is not None:
            yield from self._say(self._version)

    def give_back(self) -> Steps[None]:
        """The next collector need not wait."""
        if self._version is not None:
            yield Delete(KEY, self._version)
            self._version = None

    def _say(self, expected: Expected) -> Steps[None]:
        self.renewed = self._clock()
        put: Record | None = yield Put(KEY, expected, Record({"until": self.renewed + SECONDS}))
        self._version = put.version if put is not None else None
