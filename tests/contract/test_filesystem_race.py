"""Several processes on one folder: no swap is lost, one creates, one deletes; without the lock the same test fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from storage_backends.base import ANY, seal, unseal
from storage_backends.filesystem import FilesystemStore
from tests.contract.racer import COUNTER

HERE = Path(__file__).parents[2]


def run(root: Path, how: str, processes: int, turns: int) -> dict[str, int]:
    """What was lost in a race: swaps that were not kept, keys that not exactly one process created or deleted."""
    store = FilesystemStore(str(root))
    store.open()
    for turn in range(turns):
        store.records.put(f"links/sha256/aa/{turn}/old", seal({})[0], ANY)
    racers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.contract.racer", str(root), f"p{number}", str(turns), how],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    for racer in racers:
        assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    told = [line.split() for racer in racers for line in racer.communicate(timeout=60)[0].splitlines()]
    assert all(racer.returncode == 0 for racer in racers)
    found = store.records.get(COUNTER)
    assert found is not None
    fields, _ = unseal(found.value, COUNTER)
    assert [each.key for each in store.records.list("links/")] == sorted(
        f"links/sha256/aa/{turn}/new" for turn in range(turns)
    )
    store.close()
    return {
        "swaps": len(told) * turns - fields["sum"],
        "created": abs(sum(int(created) for _, created, _ in told) - turns),
        "deleted": abs(sum(int(deleted) for _, _, deleted in told) - turns),
    }


@pytest.mark.parametrize(("how", "processes"), [("locked", 4), ("forked", 2)])
def test_processes_that_race_lose_nothing(tmp_path: Path, how: str, processes: int) -> None:
    assert run(tmp_path / "store", how, processes, 60) == {"swaps": 0, "created": 0, "deleted": 0}


def test_the_race_is_lost_without_the_lock(tmp_path: Path) -> None:
    for attempt in range(20):
        if run(tmp_path / str(attempt), "unlocked", 4, 60)["swaps"] > 0:
            return
    raise AssertionError("twenty races without a lock lost no swap: the race test cannot fail")
