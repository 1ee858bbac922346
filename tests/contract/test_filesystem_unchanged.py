"""The disk store compares stamps at once, and says what comparing them one by one says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage_backends.base import ANY, HasUnchanged, seal
from storage_backends.filesystem import FilesystemStore

KEYS = ("catalog/a", "repos/a/tags/1", "repos/a/manifests/sha256/00/00")
Stamps = list[tuple[str, tuple[int, ...]]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FilesystemStore]:
    made = FilesystemStore(str(tmp_path / "store"))
    made.open()
    yield made
    made.close()


@pytest.fixture
def stamps(store: FilesystemStore) -> Stamps:
    taken: Stamps = []
    for key in KEYS:
        store.records.put(key, seal({"key": key})[0], ANY)
        stamp = store.stamp(key)
        assert stamp is not None
        taken.append((key, stamp))
    return taken


def test_what_is_as_it_was_is_unchanged(store: FilesystemStore, stamps: Stamps) -> None:
    assert isinstance(store, HasUnchanged)
    assert store.unchanged(stamps)
    assert store.unchanged([])


@pytest.mark.parametrize("change", ["put", "delete", "same again"])
@pytest.mark.parametrize("key", KEYS)
def test_what_has_changed_is_told(store: FilesystemStore, stamps: Stamps, change: str, key: str) -> None:
    if change == "delete":
        assert store.records.delete(key, ANY)
    else:
        store.records.put(key, seal({"key": key if change == "same again" else "other"})[0], ANY)
    assert not store.unchanged(stamps)


def test_a_folder_that_is_gone_is_a_change(store: FilesystemStore, stamps: Stamps, tmp_path: Path) -> None:
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    assert not store.unchanged(stamps)
    (tmp_path / "elsewhere").rename(tmp_path / "store")
    assert store.unchanged(stamps)
