"""The model's power cut: every key, on its own, may fall back as far as its last sync and no further."""

from __future__ import annotations

from random import Random

import pytest

from storage_backends.base import ANY, seal, unseal
from storage_backends.errors import BytesGone, BytesShort
from storage_backends.memory import MemoryStore

KEY = "repos/a/tags/1"
SEEDS = range(60)


def put(store: MemoryStore, key: str, number: int, *, sync: bool = False) -> None:
    assert store.records.put(key, seal({"number": number})[0], ANY, sync=sync)


def number_at(store: MemoryStore, key: str) -> int | None:
    found = store.records.get(key)
    return unseal(found.value, key)[0]["number"] if found else None


def test_a_key_falls_back_to_any_value_since_its_last_sync() -> None:
    seen = set()
    for seed in SEEDS:
        store = MemoryStore()
        put(store, KEY, 0)
        put(store, KEY, 1, sync=True)
        put(store, KEY, 2)
        store.records.delete(KEY, ANY)
        put(store, KEY, 3)
        store.power_cut(Random(seed))
        seen.add(number_at(store, KEY))
    assert seen == {1, 2, None, 3}


def test_what_was_never_synced_may_never_have_been() -> None:
    seen = set()
    for seed in SEEDS:
        store = MemoryStore()
        put(store, KEY, 1)
        store.power_cut(Random(seed))
        seen.add(number_at(store, KEY))
    assert seen == {None, 1}


@pytest.mark.parametrize("synced", [[KEY], ["repos/"], ["repos/a/"], ["x", "repos/a/tags/"]])
def test_what_is_synced_by_key_or_by_folder_stays(synced: list[str]) -> None:
    for seed in SEEDS:
        store = MemoryStore()
        put(store, KEY, 1)
        put(store, "repos/a/tags/2", 2, sync=True)
        store.records.delete("repos/a/tags/2", ANY)
        store.records.sync(synced)
        store.power_cut(Random(seed))
        assert number_at(store, KEY) == 1
        if KEY not in synced:
            assert number_at(store, "repos/a/tags/2") is None


def test_a_sync_of_one_key_says_nothing_of_another() -> None:
    seen = set()
    for seed in SEEDS:
        store = MemoryStore()
        for key in ("a/1", "a/2", "a/3"):
            put(store, key, 1)
        store.records.sync(["a/2"])
        store.power_cut(Random(seed))
        seen.add((number_at(store, "a/1"), number_at(store, "a/2"), number_at(store, "a/3")))
    assert seen == {(one, 1, three) for one in (None, 1) for three in (None, 1)}


def test_after_a_power_cut_all_is_durable_and_listed() -> None:
    for seed in SEEDS:
        store = MemoryStore()
        for turn in range(8):
            put(store, f"a/{turn}", turn)
            if turn % 3 == 0:
                store.records.delete(f"a/{turn}", ANY)
        store.power_cut(Random(seed))
        kept = [(key, number_at(store, key)) for key in [f"a/{turn}" for turn in range(8)]]
        assert [each.key for each in store.records.list("a/")] == [key for key, number in kept if number is not None]
        for again in range(3):
            store.power_cut(Random(again))
            assert kept == [(key, number_at(store, key)) for key, _ in kept]


def test_the_same_seed_gives_the_same_cut() -> None:
    outcomes = []
    for _ in range(2):
        store = MemoryStore()
        for turn in range(20):
            put(store, f"a/{turn % 5}", turn)
            with store.bytes.write(f"data/{turn}", 0) as writer:
                writer.write(bytes(range(50)))
        store.power_cut(Random(7))
        records = [number_at(store, f"a/{turn}") for turn in range(5)]
        outcomes.append((records, [store.bytes.size(f"data/{turn}") for turn in range(20)]))
    assert outcomes[0] == outcomes[1]


def test_a_stamp_from_before_the_cut_is_not_worn_after_it() -> None:
    for seed in SEEDS:
        store = MemoryStore()
        put(store, KEY, 1, sync=True)
        put(store, KEY, 2)
        before, number = store.stamp(KEY), number_at(store, KEY)
        store.power_cut(Random(seed))
        assert store.stamp(KEY) != before or number_at(store, KEY) == number


def test_bytes_that_were_not_finished_end_anywhere_hold_zeros_or_are_gone() -> None:
    sizes, kinds = set(), set()
    data = bytes(range(1, 11))
    for seed in range(400):
        store = MemoryStore()
        with store.bytes.write("data/1", 0) as writer:
            writer.write(data)
        store.power_cut(Random(seed))
        size = store.bytes.size("data/1")
        if size is None:
            kinds.add("gone")
            with pytest.raises(BytesGone):
                store.bytes.read("data/1", 0, 1)
            continue
        found = store.bytes.read("data/1", 0, 100)
        assert len(found) == size
        assert found in (data[:size], bytes(size))
        sizes.add(size)
        kinds.add("kept" if found == data[:size] else "zeros")
    assert sizes == set(range(11))
    assert kinds == {"gone", "kept", "zeros"}


def test_finished_bytes_stay_whole_and_what_is_written_behind_them_does_not() -> None:
    sizes = set()
    for seed in range(200):
        store = MemoryStore()
        with store.bytes.write("data/1", 0) as writer:
            writer.write(b"hello")
        store.bytes.finish("data/1", 5)
        with store.bytes.write("data/1", 5) as writer:
            writer.write(b" world")
        store.power_cut(Random(seed))
        assert store.bytes.read("data/1", 0, 5) == b"hello"
        sizes.add(store.bytes.size("data/1"))
    assert sizes == set(range(5, 12))


def test_a_deletion_of_bytes_may_be_undone_until_it_is_synced() -> None:
    seen = set()
    for seed in SEEDS:
        store = MemoryStore()
        with store.bytes.write("data/1", 0) as writer:
            writer.write(b"hello")
        store.bytes.finish("data/1", 5)
        store.bytes.delete("data/1")
        store.power_cut(Random(seed))
        seen.add(store.bytes.size("data/1"))
    assert seen == {None, 5}
    for seed in SEEDS:
        store = MemoryStore()
        with store.bytes.write("data/1", 0) as writer:
            writer.write(b"hello")
        store.bytes.finish("data/1", 5)
        store.bytes.delete("data/1")
        store.bytes.sync("data/1")
        store.power_cut(Random(seed))
        assert store.bytes.size("data/1") is None


def test_a_writer_does_not_outlive_the_cut() -> None:
    store = MemoryStore()
    writer = store.bytes.write("data/1", 0)
    writer.write(b"hello")
    store.power_cut(Random(1))
    with pytest.raises(BytesGone):
        writer.write(b" world")
    writer.close()
    size = store.bytes.size("data/1")
    with pytest.raises(BytesShort):
        store.bytes.write("data/1", (size or 0) + 1)
    with store.bytes.write("data/1", 0):
        pass


def test_a_server_keeps_no_older_values() -> None:
    store = MemoryStore(power_cuts=False)
    put(store, KEY, 1)
    store.records.delete(KEY, ANY)
    put(store, KEY, 2)
    with pytest.raises(ValueError, match="power_cuts=False"):
        store.power_cut(Random(1))
    assert number_at(store, KEY) == 2
