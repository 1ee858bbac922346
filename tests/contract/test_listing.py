"""Listings: byte order of whole keys, pages, and what a listing must hold while others write."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from storage_backends.base import ANY, Listed, Store, seal
from tests.contract.conftest import StoreFactory

TREE = [
    "c/a!b",
    "c/a!b0/x",
    "c/a,b/x",
    "c/a-b",
    "c/a.b/x",
    "c/a/!",
    "c/a/b/c",
    "c/a/b/d",
    "c/a/b-",
    "c/a/z",
    "c/a0",
    "c/aa",
    "c/b/0",
    "c-/x",
    "c0",
    "d/A",
    "d/Z/a",
    "d/_",
    "d/a",
]


def fill(store: Store, keys: Sequence[str]) -> None:
    for key in keys:
        store.records.put(key, seal({})[0], ANY)


def keys_of(listed: Sequence[Listed]) -> list[str]:
    return [each.key for each in listed]


def pages(list_: Callable[[str, str, int], Sequence[Listed]], prefix: str, limit: int) -> list[str]:
    found: list[str] = []
    after = ""
    while page := list_(prefix, after, limit):
        assert len(page) <= limit
        found += keys_of(page)
        after = found[-1]
    return found


def test_the_order_is_that_of_the_bytes_of_whole_keys(store: Store) -> None:
    fill(store, TREE)
    assert keys_of(store.records.list("")) == sorted(TREE)


def test_a_prefix_gives_what_is_below_it_alone(store: Store) -> None:
    fill(store, TREE)
    for prefix in ("c/", "c/a/", "c/a/b/", "c/a!b0/", "c-/", "d/", "c0/", "x/", "c/x/"):
        assert keys_of(store.records.list(prefix)) == sorted(key for key in TREE if key.startswith(prefix)), prefix


def test_a_listing_begins_above_after_wherever_that_points(store: Store) -> None:
    fill(store, TREE)
    cuts = {key[:end] for key in TREE for end in range(len(key) + 1)}
    cuts |= {cut + more for cut in cuts for more in ("!", "/", "0", "~", "\udcff", "ä", "\0")}
    for prefix, after in itertools.product(("", "c/", "c/a/", "c/a/b/", "d/"), sorted(cuts)):
        expected = sorted(key for key in TREE if key.startswith(prefix) and key > after)
        assert keys_of(store.records.list(prefix, after)) == expected, (prefix, after)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_joined_are_the_whole(store: Store, limit: int) -> None:
    fill(store, TREE)
    for prefix in ("", "c/", "c/a/"):
        assert pages(store.records.list, prefix, limit) == sorted(key for key in TREE if key.startswith(prefix))


def test_a_limit_of_none_gives_none(store: Store) -> None:
    fill(store, TREE)
    assert store.records.list("", "", 0) == []


def test_the_limit_is_1000_where_none_is_given(store: Store) -> None:
    for number in range(1001):
        with store.bytes.write(f"data/{number:04}", 0):
            pass
    assert keys_of(store.bytes.list("data/")) == [f"data/{number:04}" for number in range(1000)]
    assert keys_of(store.bytes.list("data/", "data/0999")) == ["data/1000"]


def test_a_listing_tells_when_a_record_was_written(store: Store) -> None:
    before = time.time()
    fill(store, ["a/b"])
    (listed,) = store.records.list("a/")
    found = store.records.get("a/b")
    assert found is not None and listed.mtime == found.mtime
    assert before - 2 <= listed.mtime <= time.time() + 2


def test_deleted_keys_are_not_listed(store: Store) -> None:
    fill(store, TREE)
    for key in TREE[::2]:
        store.records.delete(key, ANY)
    assert keys_of(store.records.list("")) == sorted(TREE[1::2])


def test_pages_go_on_after_a_key_that_was_deleted(store: Store) -> None:
    fill(store, TREE)
    (first, second) = keys_of(store.records.list("", "", 2))
    store.records.delete(second, ANY)
    assert [first, *keys_of(store.records.list("", second))] == sorted(set(TREE) - {second})


def test_bytes_are_listed_likewise(store: Store) -> None:
    keys = [f"data/{x:02x}/{x:02x}{y}" for x in range(3) for y in range(3)]
    for key in keys:
        with store.bytes.write(key, 0) as writer:
            writer.write(b"x")
    assert keys_of(store.bytes.list("data/")) == keys
    assert keys_of(store.bytes.list("data/", "data/01/011", 2)) == keys[5:7]
    assert pages(store.bytes.list, "data/", 2) == keys
    store.bytes.delete(keys[4])
    assert keys_of(store.bytes.list("data/01/")) == [keys[3], keys[5]]


def test_a_key_that_stays_is_in_every_listing_while_others_come_go_and_are_replaced(
    store_factory: StoreFactory,
) -> None:
    reader, writer = store_factory.open(), store_factory.open()
    stay = [f"repos/r/tags/{number:03}" for number in range(150)]
    come = [f"repos/r/tags/{number:03}x" for number in range(150)]
    gone = [f"repos/r{number}/tags/1" for number in range(3)]
    fill(writer, stay)
    done = threading.Event()

    def replace(share: int) -> None:
        turns = itertools.cycle(range(share, len(stay), 2))
        while not done.is_set():
            turn = next(turns)
            fill(writer, [stay[turn], come[turn], gone[share]])
            writer.records.delete(come[turn], ANY)
            writer.records.delete(gone[share], ANY)

    with ThreadPoolExecutor(2) as pool:
        replacing = [pool.submit(replace, share) for share in range(2)]
        try:
            for turn in range(200):
                found = pages(reader.records.list, "repos/", 50) if turn % 2 else keys_of(reader.records.list("repos/"))
                assert found == sorted(set(found))
                assert set(stay) <= set(found)
                assert set(found) <= {*stay, *come, *gone}
        finally:
            done.set()
        for each in replacing:
            each.result()


def test_big_folders_show_every_change_at_once(store_factory: StoreFactory) -> None:
    one, other = store_factory.open(), store_factory.open()
    names = [f"data/d/{number:05}" for number in range(1500)]
    for key in names:
        with one.bytes.write(key, 0):
            pass
    assert pages(other.bytes.list, "data/d/", 400) == names
    for turn in range(40):
        new = f"data/d/{turn:05}!"
        with one.bytes.write(new, 0):
            pass
        assert keys_of(other.bytes.list("data/d/", names[turn], 1)) == [new]
        one.bytes.delete(new)
        assert keys_of(other.bytes.list("data/d/", names[turn], 1)) == [names[turn + 1]]


def test_many_readers_of_a_big_folder_see_what_was_written_before_they_asked(store: Store) -> None:
    for number in range(1200):
        with store.bytes.write(f"data/d/{number:05}", 0):
            pass

    def write_then_look(name: str) -> None:
        for turn in range(8):
            key = f"data/d/{name}{turn}"
            with store.bytes.write(key, 0):
                pass
            assert key in keys_of(store.bytes.list("data/d/", "data/d/9", 1000))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write_then_look, "abcdef"))
