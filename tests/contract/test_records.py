"""Records: compare-and-swap, what is absent, what is corrupt, what is durable as far as one process can tell."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from storage_backends.base import ABSENT, ANY, HasStamp, Store, seal, unseal
from storage_backends.errors import CorruptRecord
from tests.contract.conftest import StoreFactory

KEY = "repos/team!app/tags/1"


def put(store: Store, key: str, **fields: object) -> str:
    value, nonce = seal(fields)
    assert store.records.put(key, value, ANY) == nonce
    return nonce


def test_what_was_never_put_is_absent(store: Store) -> None:
    assert store.records.get(KEY) is None


def test_get_gives_the_value_its_version_and_its_time(store: Store) -> None:
    before = time.time()
    value, nonce = seal({"a": 1}, b"tail \0\xff\n\n" * 100_000)
    version = store.records.put(KEY, value, ABSENT)
    found = store.records.get(KEY)
    assert found is not None
    assert found.value == value
    assert found.version == version == nonce
    assert before - 2 <= found.mtime <= time.time() + 2


def test_put_if_absent_writes_once(store: Store) -> None:
    first, version = seal({"a": 1})
    assert store.records.put(KEY, first, ABSENT) == version
    assert store.records.put(KEY, seal({"a": 2})[0], ABSENT) is None
    found = store.records.get(KEY)
    assert found is not None and found.value == first


def test_put_at_a_version_writes_where_it_holds(store: Store) -> None:
    first = put(store, KEY, a=1)
    value, second = seal({"a": 2})
    assert store.records.put(KEY, value, first) == second
    assert store.records.put(KEY, seal({"a": 3})[0], first) is None
    found = store.records.get(KEY)
    assert found is not None and found.value == value


def test_put_at_a_version_of_what_is_absent_is_lost(store: Store) -> None:
    version = put(store, KEY, a=1)
    assert store.records.delete(KEY, version)
    assert store.records.put(KEY, seal({"a": 2})[0], version) is None
    assert store.records.get(KEY) is None


def test_put_any_writes_whatever_is_there(store: Store) -> None:
    put(store, KEY, a=1)
    second = put(store, KEY, a=2)
    found = store.records.get(KEY)
    assert found is not None and found.version == second


def test_the_same_value_sealed_again_is_another_version(store: Store) -> None:
    first = put(store, KEY, a=1)
    second = put(store, KEY, a=1)
    assert first != second
    assert store.records.delete(KEY, first) is False


def test_no_condition_is_taken_for_a_version(store: Store) -> None:
    put(store, KEY, a=1)
    for name in ("ABSENT", "ANY", "", "None"):
        assert store.records.put(KEY, seal({})[0], name) is None
        assert store.records.delete(KEY, name) is False


def test_delete_at_its_version_deletes(store: Store) -> None:
    first = put(store, KEY, a=1)
    second = put(store, KEY, a=2)
    assert store.records.delete(KEY, first) is False
    assert store.records.delete(KEY, second) is True
    assert store.records.get(KEY) is None
    assert store.records.delete(KEY, second) is False
    assert store.records.delete(KEY, ANY) is False


def test_delete_any_deletes_what_is_there(store: Store) -> None:
    put(store, KEY, a=1)
    assert store.records.delete(KEY, ANY, sync=True) is True
    assert store.records.get(KEY) is None


def test_delete_if_absent_never_deletes(store: Store) -> None:
    put(store, KEY, a=1)
    assert store.records.delete(KEY, ABSENT) is False
    assert store.records.get(KEY) is not None


def test_a_deleted_key_can_be_put_again(store: Store) -> None:
    for key in (KEY, "links/sha256/1a/1a2b/team!app", "gc/probe"):
        for _ in range(3):
            version = store.records.put(key, seal({})[0], ABSENT, sync=True)
            assert version is not None
            assert store.records.delete(key, version)
        assert store.records.list(key.rpartition("/")[0] + "/") == []


@pytest.mark.parametrize("value", [b"", b"{}", b'{"a":1}', b'{"n":"0"}', b'{"n":"' + b"a" * 32 + b'",'])
def test_a_value_that_no_seal_made_is_a_value_error_and_not_written(store: Store, value: bytes) -> None:
    with pytest.raises(ValueError, match="not a value to put"):
        store.records.put(KEY, value, ANY)
    assert store.records.get(KEY) is None


@pytest.mark.parametrize(
    "value", [b"", b"\0" * 100, b"{}", b'{"a":1}', b'{"n":"' + b"a" * 32, b'{"n":"' + b"a" * 32 + b'","b']
)
def test_what_is_no_record_is_corrupt_never_absent(store_factory: StoreFactory, value: bytes) -> None:
    store = store_factory.open()
    put(store, KEY, a=1)
    store_factory.corrupt(KEY, value)
    with pytest.raises(CorruptRecord, match=KEY):
        store.records.get(KEY)
    assert store.records.put(KEY, seal({})[0], ABSENT) is None
    assert [each.key for each in store.records.list("repos/")] == [KEY]
    with pytest.raises(CorruptRecord):
        store.records.get(KEY)


def test_a_corrupt_record_is_replaced_and_deleted_by_any_alone(store_factory: StoreFactory) -> None:
    store = store_factory.open()
    store_factory.corrupt(KEY, b"?")
    assert store.records.put(KEY, seal({})[0], "0" * 32) is None
    assert store.records.delete(KEY, "0" * 32) is False
    put(store, KEY, a=1)
    found = store.records.get(KEY)
    assert found is not None and unseal(found.value, KEY)[0] == {"a": 1}
    store_factory.corrupt(KEY, b"?")
    assert store.records.delete(KEY, ANY) is True
    assert store.records.get(KEY) is None


def test_all_holders_see_what_one_wrote(store_factory: StoreFactory) -> None:
    one, other = store_factory.open(), store_factory.open()
    first = put(one, KEY, a=1)
    found = other.records.get(KEY)
    assert found is not None and found.version == first
    value, second = seal({"a": 2})
    assert other.records.put(KEY, value, first) == second
    assert one.records.put(KEY, seal({"a": 3})[0], first) is None
    assert one.records.delete(KEY, second)
    assert other.records.get(KEY) is None
    assert other.records.list("repos/") == []


def test_sync_takes_what_is_there_what_is_not_and_folders(store: Store) -> None:
    put(store, KEY, a=1)
    put(store, "links/sha256/1a/1a2b/team!app", a=1)
    store.records.delete("links/sha256/1a/1a2b/team!app", ANY)
    store.records.sync([])
    store.records.sync([KEY, KEY, "links/sha256/1a/1a2b/team!app", "never/was/here", "top"])
    store.records.sync(["repos/", "repos/team!app/", "links/", "never/", "never/was/"])
    store.records.sync(iter([KEY]))
    assert store.records.get(KEY) is not None


def test_threads_lose_no_swap(store: Store) -> None:
    put(store, KEY, count=0)

    def add(_: int) -> None:
        while True:
            found = store.records.get(KEY)
            assert found is not None
            fields, _tail = unseal(found.value, KEY)
            if store.records.put(KEY, seal({"count": fields["count"] + 1})[0], found.version):
                return

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(160)))
    found = store.records.get(KEY)
    assert found is not None and unseal(found.value, KEY)[0] == {"count": 160}


def test_of_many_threads_one_creates_and_one_deletes(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        for turn in range(10):
            key = f"repos/r{turn % 2}/tags/1"
            created = list(pool.map(lambda key: store.records.put(key, seal({})[0], ABSENT), [key] * 8))
            assert sum(version is not None for version in created) == 1
            deleted = list(pool.map(lambda key: store.records.delete(key, ANY), [key] * 8))
            assert sum(deleted) == 1


def test_creating_races_the_removal_of_the_emptied_folder(store: Store) -> None:
    def work(name: str) -> None:
        for _ in range(60):
            key = f"links/sha256/1a/1a2b/{name}"
            version = store.records.put(key, seal({})[0], ABSENT)
            assert version is not None
            assert store.records.get(key) is not None
            assert store.records.delete(key, version)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, ["a", "b", "c", "d"]))
    assert store.records.list("links/") == []


def test_a_stamp_changes_with_every_write_and_is_none_where_absent(store: Store) -> None:
    if isinstance(store, HasStamp):
        assert store.stamp(KEY) is None
        seen = set()
        for turn in range(50):
            put(store, KEY, turn=turn % 2)
            stamp = store.stamp(KEY)
            assert stamp is not None and stamp not in seen
            assert store.stamp(KEY) == stamp
            seen.add(stamp)
        store.records.delete(KEY, ANY)
        assert store.stamp(KEY) is None
