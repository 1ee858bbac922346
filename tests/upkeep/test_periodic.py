"""The collector inside a server: one process of all, again and again, whatever goes wrong."""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from registry.content.layout import TrashKey
from registry.upkeep.ages import Ages
from registry.upkeep.collector import Report
from registry.upkeep.periodic import TURN, Periodic
from storage_backends.base import ANY, Store, seal, unseal
from storage_backends.errors import StoreFailed
from storage_backends.filesystem import FilesystemStore
from storage_backends.memory import MemoryStore
from tests.upkeep.collecting import NOW
from tests.upkeep.pushing import Client, keys


class Reports:
    def __init__(self) -> None:
        self.all: list[Report] = []
        self._lock = Lock()

    def __call__(self, report: Report) -> None:
        with self._lock:
            self.all.append(report)


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)


def plant(store: Store) -> None:
    """Something for the collector to delete."""
    store.records.put(TrashKey("ab" * 16).path, seal({"digest": None})[0], ANY)


def test_it_collects_again_and_again(store: Store) -> None:
    reports = Reports()
    periodic = Periodic(store, NOW, 0.1, told=reports)
    periodic.start()
    for _ in range(3):
        plant(store)
        wait_until(lambda: keys(store) == [])
    periodic.stop()
    assert sum(report.trash for report in reports.all) == 3
    assert "collector" not in [thread.name for thread in threading.enumerate()]


def test_of_many_one_takes_each_turn(store: Store) -> None:
    """Eight of them, and one turn that lasts as long as the test."""
    reports = Reports()
    all_of_them = [Periodic(store, NOW, 3600, told=reports) for _ in range(8)]
    for each in all_of_them:
        each.start()
    wait_until(lambda: len(reports.all) == 1)
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() - begun > 0.5)
    for each in all_of_them:
        each.stop()
    assert len(reports.all) == 1


def test_a_restart_does_not_put_a_turn_off(store: Store) -> None:
    reports = Reports()
    first = Periodic(store, NOW, 3600, told=reports)
    first.start()
    wait_until(lambda: len(reports.all) == 1)
    first.stop()
    taken = turn(store)
    for later, expected in ((0, 1), (3590, 1), (3601, 2)):
        again = Periodic(store, NOW, 3600, told=reports, clock=lambda later=later: taken + later)  # type: ignore[misc]
        again.start()
        if expected == 1:
            begun = time.monotonic()
            wait_until(lambda begun=begun: time.monotonic() - begun > 0.2)  # type: ignore[misc]
        else:
            wait_until(lambda: len(reports.all) == 2)
        again.stop()
        assert len(reports.all) == expected


def turn(store: Store) -> float:
    """When the last turn was taken."""
    stored = store.records.get(TURN.path)
    assert stored is not None
    return float(unseal(stored.value, TURN.path)[0]["at"])


def test_a_turn_of_a_wrong_clock_holds_nobody_up(store: Store) -> None:
    reports = Reports()
    wrong = Periodic(store, NOW, 60, told=reports, clock=lambda: time.time() + 10**7)
    wrong.start()
    wait_until(lambda: len(reports.all) == 1)
    wrong.stop()
    right = Periodic(store, NOW, 60, told=reports)
    right.start()
    wait_until(lambda: len(reports.all) == 2)
    right.stop()


def test_errors_are_logged_and_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    failing = Failing(store)
    plant(store)
    reports = Reports()
    with caplog.at_level(logging.INFO):
        periodic = Periodic(failing, NOW, 0.1, told=reports)  # type: ignore[arg-type]
        periodic.start()
        wait_until(lambda: "the collector failed" in caplog.text)
        failing.healthy = True
        wait_until(lambda: keys(store) == [])
        periodic.stop()
    assert "collected in" in caplog.text


class Failing:
    """A store of which every operation fails until it is well again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.name = store.name
        self.bytes = store.bytes
        self.healthy = False

    @property
    def records(self) -> Any:
        if not self.healthy:
            raise StoreFailed("get: the disk is away")
        return self._store.records


def test_stop_ends_a_long_collection(store: Store, client: Client) -> None:
    for n in range(50):
        client.image(f"repository-{n}", [b"layer"], "1")
    stopped = Reports()
    periodic = Periodic(store, Ages(), 3600, told=stopped)
    periodic.start()
    wait_until(lambda: store.records.get(TURN.path) is not None)
    begun = time.monotonic()
    periodic.stop()
    periodic.stop()
    assert time.monotonic() - begun < 5


def _collect_in_process(path: str, go: Any, count: Any) -> None:
    store = FilesystemStore(path)
    store.open()
    reports = Reports()
    periodic = Periodic(store, NOW, 3600, told=reports)
    go.wait(30)
    periodic.start()
    wait_until(lambda: store.records.get(TURN.path) is not None)
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() - begun > 0.5)
    periodic.stop()
    with count.get_lock():
        count.value += len(reports.all)
    store.close()


def test_of_several_processes_one_collects(tmp_path: Path) -> None:
    store = FilesystemStore(str(tmp_path))
    store.open()
    Client(store).push("app", b"loose")
    context = multiprocessing.get_context("spawn")
    go, count = context.Event(), context.Value("i", 0)
    processes = [context.Process(target=_collect_in_process, args=(str(tmp_path), go, count)) for _ in range(4)]
    for process in processes:
        process.start()
    go.set()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert count.value == 1
    assert keys(store, "links/") == []
    store.close()
