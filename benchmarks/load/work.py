"""What a load did, in how long, and what that cost the client."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from benchmarks import usage


class Work:
    """`amount` (requests, bytes or images) done in `seconds`; `client_cpu` is the load's own CPU time in seconds.

    `median_seconds` is how long half of the requests took at most, where the load knows it.
    """

    __slots__ = ("amount", "client_cpu", "median_seconds", "seconds")

    def __init__(self, amount: float, seconds: float, client_cpu: float, median_seconds: float | None = None) -> None:
        self.amount = amount
        self.seconds = seconds
        self.client_cpu = client_cpu
        self.median_seconds = median_seconds


def timed(tasks: Sequence[Callable[[], float]]) -> Work:
    """Runs every task in a thread of its own, started together; the time is that until the last one ends.

    A task gives the amount that it did. What one raises is raised here, after all have ended.
    """
    amounts: list[float] = []
    failures: list[BaseException] = []
    gate = threading.Barrier(len(tasks) + 1)

    def run(task: Callable[[], float]) -> None:
        gate.wait()
        try:
            amounts.append(task())
        except BaseException as error:
            # Raised again by the thread that waits for all.
            failures.append(error)

    threads = [threading.Thread(target=run, args=(task,), daemon=True) for task in tasks]
    for thread in threads:
        thread.start()
    cpu = usage.own_cpu_seconds()
    gate.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    cpu = usage.own_cpu_seconds() - cpu
    if failures:
        raise failures[0]
    return Work(sum(amounts), seconds, cpu)
