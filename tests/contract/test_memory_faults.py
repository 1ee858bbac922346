"""Faults to order on the memory store: which operation, before or after its effect, and what is red then."""

from __future__ import annotations

import errno
from collections.abc import Callable
from random import Random
from typing import Literal

import pytest

from storage_backends.base import ANY, seal
from storage_backends.errors import BytesBusy, StoreError, StoreFailed, StoreFull
from storage_backends.memory import MemoryStore

KEY = "repos/a/tags/1"
VALUE = seal({})[0]
When = Literal["before", "after"]


def write(store: MemoryStore) -> None:
    with store.bytes.write("data/1", 0) as writer:
        writer.write(b"hello")


OPERATIONS: dict[str, tuple[list[str], Callable[[MemoryStore], object]]] = {
    "get": (["get"], lambda store: store.records.get(KEY)),
    "put": (["put"], lambda store: store.records.put(KEY, VALUE, ANY)),
    "put synced": (["put", "sync"], lambda store: store.records.put(KEY, VALUE, ANY, sync=True)),
    "delete": (["delete"], lambda store: store.records.delete(KEY, ANY)),
    "delete synced": (["delete", "sync"], lambda store: store.records.delete(KEY, ANY, sync=True)),
    "sync": (["sync", "sync"], lambda store: store.records.sync([KEY, "repos/b/"])),
    "list": (["list"], lambda store: store.records.list("repos/")),
    "write": (["open", "write"], write),
    "finish": (["finish", "sync"], lambda store: store.bytes.finish("data/0", 0)),
    "size": (["size"], lambda store: store.bytes.size("data/0")),
    "read": (["read"], lambda store: store.bytes.read("data/0", 0, 1)),
    "sync bytes": (["sync"], lambda store: store.bytes.sync("data/0")),
    "delete bytes": (["delete"], lambda store: store.bytes.delete("data/0")),
    "list bytes": (["list"], lambda store: store.bytes.list("data/")),
}


def fresh() -> MemoryStore:
    store = MemoryStore()
    store.records.put(KEY, seal({"old": True})[0], ANY, sync=True)
    with store.bytes.write("data/0", 0):
        pass
    return store


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("number", "raised"), [(errno.EIO, StoreFailed), (errno.ENOSPC, StoreFull)])
def test_each_step_of_each_operation_fails_to_order_once(
    name: str, when: When, number: int, raised: type[StoreError]
) -> None:
    steps, operation = OPERATIONS[name]
    store = fresh()
    before = store.faults.count
    operation(store)
    assert store.faults.count - before == len(steps)
    for n, step in enumerate(steps, 1):
        store = fresh()
        store.faults.fail_at(n, number, when)
        with pytest.raises(raised, match=errno.errorcode[number]):
            operation(store)
        assert store.faults.fired is not None and store.faults.fired.startswith(step + " ")
        if step == "sync":
            with pytest.raises(StoreFailed):
                store.check()
        else:
            store.check()
            operation(store)


def test_a_put_that_fails_before_its_effect_writes_nothing_and_after_it_everything() -> None:
    for when, written in (("before", False), ("after", True)):
        store = fresh()
        store.faults.fail_at(1, errno.EIO, when)  # type: ignore[arg-type]  # a tuple's members are plain str
        with pytest.raises(StoreFailed):
            store.records.put(KEY, VALUE, ANY)
        found = store.records.get(KEY)
        assert found is not None and (found.value == VALUE) is written


def test_a_failed_sync_is_never_repeated_until_the_next_start() -> None:
    store = fresh()
    store.records.put(KEY, VALUE, ANY)
    store.faults.fail_at(1, errno.EIO)
    with pytest.raises(StoreFailed, match="EIO"):
        store.records.sync([KEY])
    for keys in ([KEY], ["repos/"], ["repos/a/tags/"]):
        with pytest.raises(StoreFailed, match="never repeated"):
            store.records.sync(keys)
    store.records.sync(["repos/b/tags/1"])
    with pytest.raises(StoreFailed):
        store.check()
    store.power_cut(Random(1))
    store.check()
    store.records.sync([KEY])


def test_a_failed_sync_of_a_folder_taints_what_is_below_it() -> None:
    store = fresh()
    store.faults.fail_at(1, errno.EIO)
    with pytest.raises(StoreFailed):
        store.records.sync(["repos/a/"])
    with pytest.raises(StoreFailed, match="never repeated"):
        store.records.sync([KEY])
    store.records.sync(["repos/b/tags/1"])


def test_a_fault_after_an_effect_that_there_was_not_strikes_the_next_operation() -> None:
    store = fresh()
    with store.bytes.write("data/0", 0):
        store.faults.fail_at(1, errno.EIO, "after")
        with pytest.raises(BytesBusy):
            store.bytes.write("data/0", 0)
        with pytest.raises(StoreFailed):
            store.records.get(KEY)


def test_what_is_disarmed_does_not_fail() -> None:
    store = fresh()
    store.faults.fail_at(1, errno.EIO)
    store.faults.disarm()
    assert store.records.get(KEY)
    assert store.faults.fired is None


def test_the_first_operation_is_number_one() -> None:
    with pytest.raises(ValueError, match="the next one is 1"):
        fresh().faults.fail_at(0, errno.EIO)
