"""kill -9 before every system call that changes the disk, in pushes, mounts, tag moves, deletes and collections."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.upkeep.fsck import fsck
from storage_backends.filesystem import FilesystemStore
from tests.faults.scenario import Client, Gone, Story


class Nursery:
    """The process that bears servers and collectors (see `nursery`)."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def bear(self, do: str, store: Path, kill_at: int | None = None) -> tuple[int, int]:
        """(pidfd, port) of a child; -1 where it is dead already."""
        said = self._say({"do": do, "store": str(store), "kill_at": kill_at})
        try:
            return os.pidfd_open(said["pid"]), said["port"]
        except ProcessLookupError:  # killed already
            return -1, said["port"]

    def _say(self, order: dict[str, Any]) -> dict[str, int]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self.hear()

    def hear(self) -> dict[str, int]:
        assert self.process.stdout is not None
        said: dict[str, int] = json.loads(self.process.stdout.readline())
        return said

    def stop(self, child: int) -> int:
        """Ends a server in good order; how many system calls that change something it made."""
        signal.pidfd_send_signal(child, signal.SIGTERM)
        calls = self.hear()["calls"]
        self.buried(child)
        return calls

    @staticmethod
    def buried(child: int) -> None:
        if child < 0:
            return
        ready, _, _ = select.select([child], [], [], 60)
        assert ready, "a child that was to die lives on"
        os.close(child)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    found = Nursery()
    yield found
    found.close()


def told(nursery: Nursery, store: Path, kill_at: int | None) -> tuple[Story, int | None]:
    """The story as far as the server lived, and how many calls it made if it was not killed."""
    story = Story()
    child, port = nursery.bear("serve", store, kill_at)
    client = Client(port)
    whole = story.tell(client)
    client.close()
    if whole:
        return story, nursery.stop(child)
    nursery.buried(child)
    return story, None


def checked(nursery: Nursery, store: Path, story: Story) -> list[str]:
    """A new server is held to the promises, before and after collections that leave nothing behind."""
    child, port = nursery.bear("serve", store)
    client = Client(port)
    broken = story.check(client)
    for _ in range(2):
        collector, _ = nursery.bear("collect", store)
        nursery.hear()
        nursery.buried(collector)
    story.named()
    broken += [f"after collections: {what}" for what in story.check(client)]
    client.close()
    nursery.stop(child)
    left = [name for folder in (store / "tmp").iterdir() for name in folder.iterdir()]
    broken += [f"temporary file left: {name}" for name in left]
    found = FilesystemStore(str(store))
    found.open()
    report = fsck(found)
    broken += [f"fsck: {finding}" for finding in report.broken]
    broken += [f"fsck: {count} {kind} unreferenced" for kind, count in report.unreferenced.items()]
    found.close()
    return broken


def spread(total: int, wanted: int) -> list[int]:
    """At most `wanted` of 1..total, evenly."""
    return sorted({1 + n * (total - 1) // max(1, wanted - 1) for n in range(wanted)} & set(range(1, total + 1)))


def kill_everywhere(nursery: Nursery, folder: Path, wanted: int | None) -> tuple[int, int, list[str]]:
    """(points, requests answered before the kills, what broke) over the story and the collection after it."""
    whole = folder / "whole"
    story, calls = told(nursery, whole, None)
    assert calls is not None
    broken = checked(nursery, whole, story)
    assert not broken, broken
    points = answers = 0
    for at in range(1, calls + 1) if wanted is None else spread(calls, wanted):
        store = folder / f"serve-{at}"
        story, none = told(nursery, store, at)
        answers += story.answers
        points += none is None  # the last calls may not be reached: how many there are differs a little
        broken += [f"killed before call {at}: {what}" for what in checked(nursery, store, story)]
        shutil.rmtree(store)
    return points, answers, broken


def kill_collections(nursery: Nursery, folder: Path, wanted: int | None) -> tuple[int, list[str]]:
    """(points, what broke): a collector is killed at its work on a store with much to collect."""
    origin = folder / "origin"
    story, _ = told(nursery, origin, None)
    trial = folder / "trial"
    shutil.copytree(origin, trial)
    child, _ = nursery.bear("collect", trial)
    calls = nursery.hear()["calls"]
    nursery.buried(child)
    shutil.rmtree(trial)
    points, broken = 0, []
    for at in range(1, calls + 1) if wanted is None else spread(calls, wanted):
        shutil.copytree(origin, trial)
        child, _ = nursery.bear("collect", trial, at)
        nursery.buried(child)
        after = Story()
        after.blobs, after.manifests, after.tags = set(story.blobs), set(story.manifests), dict(story.tags)
        after.named()
        broken += [f"collector killed before call {at}: {what}" for what in checked(nursery, trial, after)]
        points += 1
        shutil.rmtree(trial)
    return points, broken


def test_a_sample_of_kills_hurts_nothing(
    nursery: Nursery, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    points, answers, broken = kill_everywhere(nursery, tmp_path, 64)
    more, also = kill_collections(nursery, tmp_path, 15)
    record_property("points", points + more)
    print(
        f"{points} kills of a server ({answers} answers before them), {more} of a collector, {len(broken + also)} hurt"
    )
    assert not broken + also
    assert points + more >= 60


@pytest.mark.soak
def test_no_kill_hurts_anything(
    nursery: Nursery, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    points, answers, broken = kill_everywhere(nursery, tmp_path, None)
    more, also = kill_collections(nursery, tmp_path, None)
    record_property("points", points + more)
    print(
        f"{points} kills of a server ({answers} answers before them), {more} of a collector, {len(broken + also)} hurt"
    )
    assert not broken + also


def test_the_story_finds_what_is_lost(nursery: Nursery, tmp_path: Path) -> None:
    """A check that cannot fail would prove nothing: bytes are cut, a record is taken away."""
    story, _ = told(nursery, tmp_path / "store", None)
    biggest = max((tmp_path / "store" / "data").glob("*/*"), key=lambda path: path.stat().st_size)
    os.truncate(biggest, 10)
    child, port = nursery.bear("serve", tmp_path / "store")
    client = Client(port)
    with contextlib.suppress(Gone):  # an answer that is cut short tells the client as well
        assert story.check(client)
    client.close()
    nursery.stop(child)
