"""A store as a whole: opened, checked, closed."""

from __future__ import annotations

from storage_backends.base import ANY, HasStamp, Store, seal
from tests.contract.conftest import StoreFactory


def test_a_fresh_store_is_empty_sound_and_named(store: Store) -> None:
    store.check()
    assert store.name
    assert store.records.list("") == []
    assert store.bytes.list("data/") == []


def test_free_is_a_number_of_bytes_or_unknown(store: Store) -> None:
    free = store.free()
    assert free is None or free >= 0


def test_opening_again_keeps_what_is_there(store_factory: StoreFactory) -> None:
    one = store_factory.open()
    value, _ = seal({"a": 1})
    one.records.put("catalog/a", value, ANY, sync=True)
    with one.bytes.write("data/d/d1", 0) as writer:
        writer.write(b"hello")
    other = store_factory.open()
    found = other.records.get("catalog/a")
    assert found is not None and found.value == value
    assert other.bytes.read("data/d/d1", 0, 5) == b"hello"
    one.check()
    other.check()


def test_a_stamp_that_was_just_taken_is_settled_only_where_no_write_can_repeat_it(store: Store) -> None:
    if isinstance(store, HasStamp):
        store.records.put("catalog/a", seal({})[0], ANY)
        stamp = store.stamp("catalog/a")
        assert stamp is not None
        assert store.settled(stamp) is (not store.shared)
