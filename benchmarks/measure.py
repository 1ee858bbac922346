"""The runs of a case, alternating between the servers, with what each cost."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Final

from benchmarks import machine, usage
from benchmarks.cases import Bench, Case
from benchmarks.effort import Effort
from benchmarks.load.work import Work
from benchmarks.servers import Server


class Sample:
    """One run: what the load did, the CPU seconds and peak PSS (bytes) of the server, and who else used the cores.

    `busiest` is the share of the server's CPU time that its busiest process used, None where there is but one.
    `client_share` and `other_share` are shares of the CPU time of all cores, of the load and of everything else.
    """

    __slots__ = ("busiest", "client_share", "cpu", "other_share", "peak", "work")

    def __init__(
        self, work: Work, cpu: float, busiest: float | None, peak: int, client_share: float, other_share: float
    ) -> None:
        self.work = work
        self.cpu = cpu
        self.busiest = busiest
        self.peak = peak
        self.client_share = client_share
        self.other_share = other_share


Tell = Callable[[str], None]
_CORES: Final = len(os.sched_getaffinity(0))


def alternate(case: Case, servers: Sequence[Server], bench: Bench, effort: Effort, tell: Tell) -> list[list[Sample]]:
    """`effort.rounds` runs on each server in turns, after one run each that is not counted; a list for each server.

    Every other round goes the other way round, so that no server always has the disk that the other one left.
    Raises LoadFailed or ServerFailed.
    """
    for server in servers:
        tell(f"{case.title}: {server.name} warms up")
        case.load(bench, server.address, effort.warm())
    samples: list[list[Sample]] = [[] for _ in servers]
    for turn in range(effort.rounds):
        order = list(zip(servers, samples, strict=True))
        for server, mine in order if turn % 2 == 0 else reversed(order):
            tell(f"{case.title}: {server.name}, round {turn + 1} of {effort.rounds}")
            mine.append(_run(case, server, bench, effort))
    return samples


def _run(case: Case, server: Server, bench: Bench, effort: Effort) -> Sample:
    # What others left unwritten would otherwise be written during this run.
    os.sync()
    if case.memory:
        machine.touch_free_memory(case.memory)
    before = usage.cpu_seconds(server.pid)
    total, own, start = usage.machine_cpu_seconds(), usage.own_cpu_seconds(), time.perf_counter()
    with usage.PeakMemory(server.pid) as peak:
        work = case.load(bench, server.address, effort)
    elapsed = time.perf_counter() - start
    after = usage.cpu_seconds(server.pid)
    own = usage.own_cpu_seconds() - own
    total = usage.machine_cpu_seconds() - total
    server.check()
    used = [seconds - before.get(process, 0.0) for process, seconds in after.items()]
    cpu = sum(used)
    return Sample(
        work,
        cpu,
        max(used) / cpu if cpu and len(used) > 1 else None,
        peak.bytes,
        work.client_cpu / (work.seconds * _CORES),
        max(0.0, total - own - cpu) / (elapsed * _CORES),
    )
