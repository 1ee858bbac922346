"""The search: every interleaving of some threads' operations, every crash, and what comes after.

A thread is a generator. It may stop for ever between two operations, so a crash is an interleaving like any other.
From every distinct store reached, and after each power cut of it, everybody is dead and an operator comes back:
collectors sweep until nothing changes, the invariants hold after every write, no garbage is left, and a fresh push
succeeds. States are merged: a thread is known by its frames, each with its place and its variables.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

from registry.content.errors import ContentError
from registry.content.layout import Key
from registry.content.records import Record
from storage_backends.errors import StoreError
from tests.search.world import Cells, Ghost, World

Steps = Generator[Any, Any, Any]


class Program(NamedTuple):
    """What a thread does; `withdraws`: whether its deletions were asked for ('', 'untagged', 'asked')."""

    start: Callable[[], Steps]
    withdraws: str = ""


class Configuration(NamedTuple):
    title: str
    keys: list[Key]
    stored: dict[str, Record]
    programs: list[Program]
    sweep: Callable[[], Steps]
    again: Sequence[tuple[Program, str]] = ()
    untagged: bool = False
    power: bool = False
    scrubbed: bool = False
    immutable: bool = False


class Found(NamedTuple):
    states: int
    stores: int
    broken: str | None


class _Threads:
    """Nodes of the threads' program graphs, found by replaying what each was sent."""

    def __init__(self, programs: list[Program], world: World) -> None:
        self.programs, self.world = programs, world
        self.nodes: list[tuple[int, tuple[Any, ...], Any]] = []
        self.ids: dict[Any, int] = {}
        self.moves: dict[tuple[int, Any], int] = {}

    def node(self, program: int, history: tuple[Any, ...]) -> int:
        generator: Any = self.programs[program].start()
        frame: Any = generator
        results = iter(history)
        op: Any = None
        sent: list[Any] = []
        try:
            op = generator.send(None)
            while True:
                if self.world.silent(op):
                    op = generator.send(None)
                    continue
                try:
                    result = next(results)
                except StopIteration:
                    break
                sent.append(result)
                op = generator.throw(result) if isinstance(result, StoreError) else generator.send(result)
        except (StopIteration, ContentError, StoreError):
            op = frame = None
        frames: list[Any] = [program, op is None]
        while frame is not None:
            local = frame.gi_frame.f_locals
            frames.append((frame.gi_code.co_name, frame.gi_frame.f_lasti, _stable(local)))
            frame = frame.gi_yieldfrom if isinstance(frame.gi_yieldfrom, Generator) else None
        identity = tuple(map(str, frames))
        if identity not in self.ids:
            self.ids[identity] = len(self.nodes)
            self.nodes.append((program, history, op))
        return self.ids[identity]

    def move(self, node: int, result: Any) -> int:
        mark = (node, result if isinstance(result, (Record, bool, int, str, type(None))) else repr(result))
        if mark not in self.moves:
            program, history, _ = self.nodes[node]
            self.moves[mark] = self.node(program, (*history, result))
        return self.moves[mark]


def _stable(local: dict[str, Any]) -> str:
    """Variables as text that does not depend on the order in which a set was filled."""
    return ";".join(
        f"{name}={sorted(map(repr, value)) if isinstance(value, set) else value!r}"
        for name, value in sorted(local.items())
    )


def _apply(world: World, op: Any, cells: Cells, ghost: Ghost, withdraws: str) -> tuple[Any, Cells, Ghost]:
    try:
        return world.apply(op, cells, ghost, withdraws)
    except StoreError as error:
        return error, cells, ghost


def _alone(world: World, program: Program, cells: Cells, ghost: Ghost) -> tuple[Cells, Ghost, str | None]:
    """One thread to its end -> (cells, ghost, what broke)."""
    steps = program.start()
    result: Any = None
    try:
        while True:
            op = steps.throw(result) if isinstance(result, StoreError) else steps.send(result)
            result, cells, ghost = _apply(world, op, cells, ghost, program.withdraws)
            if bad := world.judge(cells, ghost):
                return cells, ghost, bad
    except StopIteration:
        return cells, ghost, None
    except ContentError as error:
        return cells, ghost, f"refused: {error}"


def _aftermath(world: World, found: Configuration, cells: Cells, ghost: Ghost) -> str | None:
    bad = world.judge(cells, ghost)
    sweep = Program(found.sweep, "untagged" if found.untagged else "")
    before: Any = None
    while not bad and before != [c[0] for c in cells]:
        before = [c[0] for c in cells]
        cells, ghost, bad = _alone(world, sweep, cells, ghost)
    bad = bad or world.garbage(cells)
    ghost = frozenset(g for g in ghost if g[0] != "withdrawn")  # concerned answers that were still on their way
    for program, wanted in found.again:
        if not bad:
            cells, ghost, bad = _alone(world, program, cells, ghost)
        if not bad and not any(g[0] == wanted for g in ghost):
            bad = f"a new push of {wanted} fails"
    return bad


def search(found: Configuration) -> Found:
    """Walks it all; stops at the first broken invariant."""
    world = World(
        found.keys,
        power=found.power,
        scrubbed=found.scrubbed,
        untagged=found.untagged,
        immutable=found.immutable,
    )
    threads = _Threads(found.programs, world)
    cells: Cells = tuple((found.stored.get(key.path), (), int(key.path in found.stored)) for key in world.keys)
    ghost: Ghost = frozenset(
        (path, record.life, record.fields["born"] if "born" in record.fields else _shown(record))
        for path, record in found.stored.items()
        if path.startswith(("repos/", "links/")) and "/referrers/" not in path
    )
    first = (cells, ghost, tuple(threads.node(n, ()) for n in range(len(found.programs))))
    seen, queue = {first}, deque([first])
    stores: set[tuple[Cells, Ghost]] = set()
    while queue:
        cells, ghost, nodes = queue.popleft()
        if (cells, ghost) not in stores:
            stores.add((cells, ghost))
            for values in world.cuts(cells):
                after = tuple((value, (), cell[2]) for value, cell in zip(values, cells, strict=True))
                if after != cells and (after, ghost) in stores:
                    continue
                stores.add((after, ghost))
                if bad := _aftermath(world, found, after, ghost):
                    return Found(len(seen), len(stores), bad)
        for n, node in enumerate(nodes):
            op = threads.nodes[node][2]
            if op is None:
                continue
            result, after, promises = _apply(world, op, cells, ghost, found.programs[n].withdraws)
            state = (after, promises, (*nodes[:n], threads.move(node, result), *nodes[n + 1 :]))
            if state not in seen:
                seen.add(state)
                queue.append(state)
    return Found(len(seen), len(stores), None)


def _shown(record: Record) -> str:
    shown = record.fields.get("shown")
    return str(shown["digest"]) if shown else ""
