"""The shape of keys: nothing outside of it reaches a store, so no key leaves it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage_backends.base import ANY, HasLocalPath, HasStamp, Store, seal

HOSTILE = [
    "",
    "/",
    "/etc/passwd",
    "a/",
    "/a",
    "a//b",
    ".",
    "..",
    "a/..",
    "../a",
    "a/../b",
    "a/./b",
    "./a",
    "a\0b",
    "a\nb",
    "a\n",
    "a b",
    "a\\b",
    "a:b",
    "a@b",
    "a+b",
    "a~",
    "a%2e%2e/b",
    "ä",
    "a/ä",
    "\udc80",
    "a" * 256,
    "a/" + "b" * 256,
    "/".join(["a" * 255] * 4 + ["b" * 2]),
    "tmp",
    "tmp/a",
    "lock",
    "lock/00",
]
FINE = [
    "a",
    "format.json",
    "A/b.c_d-e!f,g/0",
    "...",
    "..a",
    ".a/b..",
    "a" * 255,
    "/".join(["a" * 255] * 4),
    "tmpx/a",
    "a/tmp",
    "a/lock/b",
]


def operations(store: Store) -> dict[str, Callable[[str], object]]:
    """Every method that takes a key."""
    value, _ = seal({})
    found: dict[str, Callable[[str], object]] = {
        "get": store.records.get,
        "put": lambda key: store.records.put(key, value, ANY),
        "put synced": lambda key: store.records.put(key, value, ANY, sync=True),
        "delete": lambda key: store.records.delete(key, ANY),
        "write": lambda key: store.bytes.write(key, 0),
        "write on": lambda key: store.bytes.write(key, 1),
        "finish": lambda key: store.bytes.finish(key, 0),
        "size": store.bytes.size,
        "read": lambda key: store.bytes.read(key, 0, 1),
        "sync bytes": store.bytes.sync,
        "delete bytes": store.bytes.delete,
    }
    if isinstance(store, HasStamp):
        found["stamp"] = store.stamp
    if isinstance(store, HasLocalPath):
        found["open_local"] = store.open_local
    return found


@pytest.mark.parametrize("key", HOSTILE)
def test_a_key_outside_of_the_shape_is_a_value_error_everywhere(store: Store, key: str) -> None:
    for operation in operations(store).values():
        with pytest.raises(ValueError, match="not a key"):
            operation(key)
    if not key.endswith("/") or key == "/":
        with pytest.raises(ValueError, match="not a key"):
            store.records.sync([key])
    with pytest.raises(ValueError, match="not a prefix"):
        store.records.list(key + "/")
    with pytest.raises(ValueError, match="not a prefix"):
        store.bytes.list(key + "/")
    assert store.records.list("") == []


@pytest.mark.parametrize("prefix", ["a", "a/b", "/", "//", "a//", "../", "a/../", "tmp/", "lock/", "\0/", "a/ "])
def test_a_prefix_is_empty_or_a_key_with_a_slash_behind(store: Store, prefix: str) -> None:
    with pytest.raises(ValueError, match="not a prefix"):
        store.records.list(prefix)
    with pytest.raises(ValueError, match="not a prefix"):
        store.bytes.list(prefix)


@pytest.mark.parametrize("key", FINE)
def test_a_key_of_the_shape_is_kept(store: Store, key: str) -> None:
    value, version = seal({"key": key})
    assert store.records.put(key, value, ANY, sync=True) == version
    found = store.records.get(key)
    assert found is not None and found.value == value
    assert [each.key for each in store.records.list("")] == [key]
    store.records.sync([key])
    assert store.records.delete(key, version, sync=True)
    assert store.records.get(key) is None


def test_a_key_below_a_record_is_absent(store: Store) -> None:
    value, _ = seal({})
    store.records.put("a/b", value, ANY)
    assert store.records.get("a/b/c") is None
    assert store.records.get("a") is None
    assert store.records.delete("a/b/c", ANY) is False
    assert store.records.delete("a", ANY) is False
    assert store.records.list("a/b/") == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.text(alphabet="ab./!,-_\0 \\~", max_size=12))
def test_no_text_is_anything_but_a_key_or_a_value_error(store: Store, key: str) -> None:
    parts = key.split("/")
    fits = all(part and part not in (".", "..") and not set(part) & set("\0 \\~") for part in parts)
    if fits:
        assert store.records.get(key) is None
    else:
        with pytest.raises(ValueError, match="not a key"):
            store.records.get(key)
