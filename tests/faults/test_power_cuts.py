"""The power goes at a random operation of clients and collectors that are all under way: nothing accepted is lost.

On the memory store, where each key, on its own, may get back any older value since its last sync.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from registry.content.steps import BytesFinish, Delete, Operation, Put, Sync
from storage_backends.base import Store
from storage_backends.memory import MemoryStore
from tests.faults.interleaving import run

SEEDS = 300
MANY_SEEDS = 10_000


def _cut_the_power(seeds: range) -> tuple[int, int]:
    operations = answers = 0
    for seed in seeds:
        interleaving = run(MemoryStore(), seed)
        operations, answers = operations + interleaving.ledger.now, answers + interleaving.ledger.answers
        assert list(interleaving.broken()) == [], f"seed {seed}, after the power cut"
        assert list(interleaving.after()) == [], f"seed {seed}, collected afterwards"
    return operations, answers


def test_nothing_accepted_is_lost_to_a_power_cut(record_property: Callable[[str, object], None]) -> None:
    operations, answers = _cut_the_power(range(SEEDS))
    record_property("operations", operations)
    print(f"{SEEDS} power cuts, {operations:,} operations, {answers:,} answers, none of them lost")
    assert answers > 5 * SEEDS


@pytest.mark.soak
def test_nothing_accepted_is_lost_to_ten_thousand_power_cuts(record_property: Callable[[str, object], None]) -> None:
    operations, answers = _cut_the_power(range(SEEDS, SEEDS + MANY_SEEDS))
    record_property("operations", operations)
    print(f"{MANY_SEEDS} power cuts, {operations:,} operations, {answers:,} answers, none of them lost")
    assert answers > 5 * MANY_SEEDS


class _Nothing:
    def do(self, store: Store) -> None:
        """An operation that was left out."""


def _without_syncs(operation: Operation) -> Operation:
    return _Nothing() if isinstance(operation, Sync) else operation


def _without_syncs_of_bytes(operation: Operation) -> Operation:
    return _Nothing() if isinstance(operation, BytesFinish) else operation


def _without_syncs_of_writes(operation: Operation) -> Operation:
    if isinstance(operation, Put | Delete):
        operation.sync = False
    return operation


@pytest.mark.parametrize("wrong", [_without_syncs, _without_syncs_of_bytes, _without_syncs_of_writes])
def test_syncs_that_are_left_out_lose_what_was_accepted(wrong: Callable[[Operation], Operation]) -> None:
    """The same search, of which one knows that it can fail."""
    lost = [seed for seed in range(SEEDS) if list(run(MemoryStore(), seed, wrong).broken())]
    print(f"{wrong.__name__.strip('_')}: {len(lost)} of {SEEDS} power cuts lose something")
    assert len(lost) >= 5
