"""The collector in a loop, with nothing left to wait for, beside sixteen clients: no accepted layer is ever lost.

With a grace of 0 a blob that no manifest names yet may go under its pusher's hands; the client is told (404) and pushes
it again. What was answered with 201 and not deleted since has to be there, byte for byte, whenever it is looked at.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from registry.stores import open_store
from registry.upkeep.collector import collect
from registry.upkeep.fsck import fsck
from storage_backends.base import Store
from storage_backends.memory import MemoryStore
from tests.servers import WHERRY, RunningRegistry
from tests.upkeep.doors import Door, HttpDoor, StepsDoor
from tests.upkeep.gc_loop import NOW, add
from tests.upkeep.load import CLIENTS, Client, work

Record = Callable[[str, object], None]


@contextmanager
def gc_in_a_process(path: str, totals: Counter[str]) -> Iterator[None]:
    """`totals` is what it did, once it has ended."""
    command = [sys.executable, "-m", "tests.upkeep.gc_loop", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield
            assert process.poll() is None, process.communicate()[1]
        finally:
            process.terminate()
            printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    totals.update(json.loads(printed))


@contextmanager
def gc_in_a_thread(store: Store, totals: Counter[str]) -> Iterator[None]:
    stop, failed = threading.Event(), []

    def loop() -> None:
        try:
            while not stop.is_set():
                add(totals, collect(store, NOW))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(120)
    assert failed == []


def hold_to_it(store: Store, did: Counter[str], collected: Counter[str], clients: list[Client], say: Record) -> None:
    """Nothing was lost; two more runs leave nothing over, and nothing broken."""
    print(f"clients: {dict(sorted(did.items()))}; collector: {dict(sorted(collected.items()))}")
    say("clients", dict(did))
    say("collector", dict(collected))
    assert [text for client in clients for text in client.lost] == []
    assert collected["runs"] >= 3
    assert collected["blobs"] >= 10, "the collector took too little to prove anything"
    assert min(did["pushes"], did["mounts"], did["tags moved"], did["deletions"], did["looks"]) >= 10
    for _ in range(2):
        assert collect(store, NOW).error is None
    report = fsck(store)
    assert report.broken == []
    assert report.unreferenced == {}
    for client in clients:
        client.door = StepsDoor(store)
        client.look_at_everything()
    assert [text for client in clients for text in client.lost] == []
    assert report.checked["manifests"] == sum(len(client.owned) for client in clients)


def in_memory(seconds: float, say: Record) -> None:
    store = MemoryStore(power_cuts=False)
    collected: Counter[str] = Counter()
    with gc_in_a_thread(store, collected):
        did, clients = work([StepsDoor(store) for _ in range(CLIENTS)], seconds)
    hold_to_it(store, did, collected, clients, say)


def on_disk(path: str, seconds: float, say: Record) -> None:
    store = open_store(path)
    collected: Counter[str] = Counter()
    with gc_in_a_process(path, collected):
        did, clients = work([StepsDoor(store) for _ in range(CLIENTS)], seconds)
    hold_to_it(store, did, collected, clients, say)
    store.close()


def over_http(path: str, seconds: float, say: Record) -> None:
    collected: Counter[str] = Counter()
    store = open_store(path)
    with RunningRegistry(path, "--workers", "2", "--access-log", "off") as server:
        with gc_in_a_process(path, collected):
            doors: list[Door] = [HttpDoor(server.url, store) for _ in range(CLIENTS)]
            did, clients = work(doors, seconds)
        for _ in range(2):
            times = ("--grace", "0", "--trash-time", "0", "--session-time", "0")
            subprocess.run([WHERRY, "gc", "--store", path, *times], check=True, timeout=60, capture_output=True)
        done = subprocess.run([WHERRY, "fsck", "--store", path, "--json"], check=True, timeout=60, capture_output=True)
        assert (json.loads(done.stdout)["broken"], json.loads(done.stdout)["unreferenced"]) == ([], {})
        hold_to_it(store, did, collected, clients, say)
    store.close()


def test_in_memory(record_property: Record) -> None:
    in_memory(3, record_property)


def test_on_disk(tmp_path: Path, record_property: Record) -> None:
    on_disk(str(tmp_path / "store"), 5, record_property)


def test_over_http(tmp_path: Path, record_property: Record) -> None:
    over_http(str(tmp_path / "store"), 8, record_property)


@pytest.mark.soak
@pytest.mark.parametrize("how", ["memory", "disk", "http"])
def test_for_a_minute(tmp_path: Path, record_property: Record, how: str) -> None:
    path = str(tmp_path / "store")
    match how:
        case "memory":
            in_memory(60, record_property)
        case "disk":
            on_disk(path, 60, record_property)
        case "http":
            over_http(path, 60, record_property)
