"""What processes cost: CPU time from /proc/PID/stat, memory (PSS) from /proc/PID/smaps_rollup, peaks by sampling."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_TICK = 1 / os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """`pid` and all processes below it that live; empty when it has ended."""
    found = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for thread in os.listdir(f"/proc/{parent}/task"):
                # A thread may end between the listing and the read.
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    waiting += map(int, Path(f"/proc/{parent}/task/{thread}/children").read_text().split())
            found.append(parent)
    return found


def cpu_seconds(pid: int) -> dict[int, float]:
    """Seconds of CPU, user and system, that each process of the tree used so far; ended children are not in it."""
    used = {}
    for process in tree(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # The name, in brackets, may hold blanks: fields are counted from the last bracket.
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            used[process] = (int(fields[11]) + int(fields[12])) * _TICK
    return used


def pss_bytes(pid: int) -> int:
    """The proportional set size, in bytes, summed over the tree: every shared page is counted once among its users."""
    total = 0
    for process in tree(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
                    break
    return total


def machine_cpu_seconds() -> float:
    """Seconds of CPU that the whole machine spent on anything but idling and waiting, all cores together."""
    fields = Path("/proc/stat").read_text().split(maxsplit=9)
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[1:9])
    return (user + nice + system + irq + softirq + steal) * _TICK


def own_cpu_seconds() -> float:
    """Seconds of CPU of this process and of its children that ended: what the load itself costs."""
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        total += used.ru_utime + used.ru_stime
    return total


class PeakMemory:
    """Samples the PSS of a process tree from a thread while the `with` block runs; `bytes` is the largest seen.

    One sample walks the page tables of every process, about a millisecond for 100 MB, so four a second.
    """

    def __init__(self, pid: int, every_seconds: float = 0.25) -> None:
        self.bytes = 0
        self._pid = pid
        self._every = every_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="memory", daemon=True)

    def _sample(self) -> None:
        while True:
            self.bytes = max(self.bytes, pss_bytes(self._pid))
            if self._over.wait(self._every):
                self.bytes = max(self.bytes, pss_bytes(self._pid))
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
