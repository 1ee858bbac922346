"""Who is collecting now: a record that saves two collectors the same work. Nothing rests on it."""

from __future__ import annotations

import os
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
        if found is not None and not force and not _is_dead(found):
            if self._clock() < float(found.fields["until"]) <= self._clock() + SECONDS:
                return False
        yield from self._say(found.version if found is not None else ABSENT)
        return self._version is not None or force

    def renew(self) -> Steps[None]:
        """Once in a while, from whoever holds it; where another has it by now, that is left as it is."""
        if self._version is not None:
            yield from self._say(self._version)

    def give_back(self) -> Steps[None]:
        """The next collector need not wait."""
        if self._version is not None:
            yield Delete(KEY, self._version)
            self._version = None

    def _say(self, expected: Expected) -> Steps[None]:
        self.renewed = self._clock()
        host, boot = _machine()
        fields = {"until": self.renewed + SECONDS, "host": host, "boot": boot, "pid": os.getpid()}
        put: Record | None = yield Put(KEY, expected, Record(fields))
        self._version = put.version if put is not None else None


def _is_dead(lease: Record) -> bool:
    """Whether the collector ran on this machine and its process is gone. A wrong answer costs some work, no more."""
    host, boot = _machine()
    if lease.fields.get("host") != host:
        return False
    if lease.fields.get("boot") != boot:
        return True
    try:
        os.kill(int(lease.fields["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _machine() -> tuple[str, str]:
    """(name of the host, ID of its running kernel)."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return os.uname().nodename, file.read().strip()
