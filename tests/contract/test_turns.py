"""Turns order threads that ask for them, and are let go of while the disk is waited for."""

from __future__ import annotations

import threading
from pathlib import Path

from storage_backends.base import ABSENT, HasTurns, seal
from storage_backends.filesystem import FilesystemStore
from storage_backends.syscalls import Syscalls
from storage_backends.turns import Turns

PATIENCE = 10.0


class Stuck(Syscalls):
    """An fsync that lasts until it is allowed to end."""

    def __init__(self) -> None:
        self.begun, self.allowed, self.armed = threading.Event(), threading.Event(), False

    def fsync(self, fd: int) -> None:
        if self.armed:
            self.armed = False
            self.begun.set()
            assert self.allowed.wait(PATIENCE)
        super().fsync(fd)


def test_who_waits_for_the_disk_lets_others_have_the_turn(tmp_path: Path) -> None:
    stuck = Stuck()
    store = FilesystemStore(str(tmp_path), syscalls=stuck)
    store.open()
    assert isinstance(store, HasTurns)
    stuck.armed = True

    def slow() -> None:
        with store.turn():
            assert store.records.put("catalog/slow", seal({})[0], ABSENT) is not None

    thread = threading.Thread(target=slow)
    thread.start()
    assert stuck.begun.wait(PATIENCE)
    with store.turn():
        assert store.records.put("catalog/quick", seal({})[0], ABSENT) is not None
        assert store.records.get("catalog/slow") is None
    stuck.allowed.set()
    thread.join(PATIENCE)
    assert store.records.get("catalog/slow") is not None
    store.close()


def test_a_long_turn_is_passed_on_and_only_one_thread_has_it() -> None:
    turns, inside, seen, over = Turns(), [0], [0], threading.Event()

    def long() -> None:
        with turns.turn():
            while not over.is_set():
                inside[0] += 1
                seen[0] = max(seen[0], inside[0])
                inside[0] -= 1
                turns.pass_on()

    thread = threading.Thread(target=long)
    thread.start()
    for _ in range(3):
        with turns.turn():
            inside[0] += 1
            seen[0] = max(seen[0], inside[0])
            inside[0] -= 1
    over.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert seen[0] == 1


def test_a_turn_ends_with_an_error_too() -> None:
    turns = Turns()
    try:
        with turns.turn(), turns.waiting():
            raise OSError
    except OSError:
        pass
    with turns.turn():
        pass
