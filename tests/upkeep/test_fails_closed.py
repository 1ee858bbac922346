"""Where the store cannot be believed, nothing is deleted (an empty listing once emptied repositories: restic#4619)."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from oci_spec.digest import Digest
from registry.content.layout import BlobKey, CatalogKey, Key, LinkKey, ManifestKey, SessionKey, TagKey
from registry.upkeep.collector import collect
from storage_backends.base import ANY, Listed, Store
from storage_backends.errors import StoreFailed, UnsuitableStore
from storage_backends.filesystem import FilesystemStore
from storage_backends.memory import MemoryStore
from tests.upkeep.collecting import UNTAGGED, run
from tests.upkeep.pushing import Client, keys


class _Lying:
    """Records whose listings are wrong in one way."""

    def __init__(self, store: Store, lie: Callable[[str, Sequence[Listed]], Sequence[Listed]]) -> None:
        self._records, self._lie = store.records, lie

    def list(self, prefix: str, after: str = "", limit: int = 1000) -> Sequence[Listed]:
        return self._lie(prefix, self._records.list(prefix, after, limit))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)


def _collect_with(store: Store, lie: Callable[[str, Sequence[Listed]], Sequence[Listed]]) -> str:
    real, store.records = store.records, _Lying(store, lie)
    try:
        error = collect(store, UNTAGGED).error
    finally:
        store.records = real
    assert error is not None
    return error


@pytest.fixture
def before(store: Store, client: Client) -> list[str]:
    """A store with something to keep and something of every kind to collect."""
    client.image("app", [b"kept"], "1")
    client.image("app", [b"untagged"])
    client.push("app", b"loose")
    client.begin("app", b"half")
    return keys(store)


def test_empty_listings_delete_nothing(store: Store, before: list[str]) -> None:
    assert "listing" in _collect_with(store, lambda prefix, found: [])
    assert keys(store) == before


def test_a_listing_that_fails_deletes_nothing_more(store: Store, before: list[str]) -> None:
    def lie(prefix: str, found: Sequence[Listed]) -> Sequence[Listed]:
        if prefix == "links/":
            raise StoreFailed("list links/: broken")
        return found

    assert _collect_with(store, lie) == "list links/: broken"
    gone = set(before) - set(keys(store))
    assert all("/manifests/" in key for key in gone), "only the level above was done"


def test_a_key_that_is_none_of_ours_ends_it(store: Store, client: Client, before: list[str]) -> None:
    def lie(prefix: str, found: Sequence[Listed]) -> Sequence[Listed]:
        return [*found, Listed("catalog/x/y/z", 0.0)] if prefix == "catalog/" and found else found

    assert "catalog/x/y/z" in _collect_with(store, lie)
    assert keys(store) == before


@pytest.mark.parametrize("prefix", ["catalog/", "repos/", "links/", "blobs/", "uploads/", "trash/"])
def test_a_stray_file_ends_it(tmp_path: Path, prefix: str) -> None:
    store = FilesystemStore(str(tmp_path))
    store.open()
    client = Client(store)
    body = client.image("app", [b"kept"], "1")
    client.push("app", b"loose")
    (tmp_path / prefix / "notes.d").mkdir()
    (tmp_path / prefix / "notes.d" / "a.txt").write_text("hello")
    report = collect(store, UNTAGGED)
    assert report.error is not None
    assert "notes.d/a.txt" in report.error
    client.pull("app", body)
    store.close()


@pytest.mark.parametrize("top", ["catalog", "repos", "links", "blobs", "uploads", "trash", "data", "gc"])
def test_a_folder_that_is_gone_deletes_nothing(tmp_path: Path, top: str) -> None:
    """Somebody moved it away, or the disk that was mounted there is not: it comes back, and all is well."""
    store = FilesystemStore(str(tmp_path / "store"))
    store.open()
    client = Client(store)
    body = client.image("app", [b"kept"], "1")
    client.push("app", b"loose")
    client.begin("app", b"half")
    before = keys(store)
    os.rename(tmp_path / "store" / top, tmp_path / "away")
    report = collect(store, UNTAGGED)
    assert report.error is not None
    assert top in report.error
    os.rename(tmp_path / "away", tmp_path / "store" / top)
    assert keys(store) == before
    client.pull("app", body)
    run(store, UNTAGGED)
    store.close()


@pytest.mark.parametrize("top", ["catalog", "links", "data"])
def test_a_store_that_lacks_a_folder_is_not_opened(tmp_path: Path, top: str) -> None:
    store = FilesystemStore(str(tmp_path))
    store.open()
    Client(store).image("app", [b"kept"], "1")
    store.close()
    os.rename(tmp_path / top, tmp_path / "away")
    with pytest.raises(UnsuitableStore, match=top):
        FilesystemStore(str(tmp_path)).open()
    assert not (tmp_path / top).exists()


@pytest.mark.parametrize(
    "value", [b"", b"garbage", b'{"n":"', b'{"n":"' + b"0" * 32 + b'","firm":"yes","condemned":1}']
)
@pytest.mark.parametrize("kind", ["catalog", "tag", "manifest", "link", "blob", "upload"])
def test_a_record_that_does_not_parse_ends_it(kind: str, value: bytes) -> None:
    store = MemoryStore()
    client = Client(store)
    body = client.image("app", [b"kept"], "1")
    uuid = client.begin("app", b"half")
    client.push("app", b"loose")
    keys_of_kinds: dict[str, Key] = {
        "catalog": CatalogKey("app"),
        "tag": TagKey("app", "1"),
        "manifest": ManifestKey("app", Digest.of(body)),
        "link": LinkKey("app", Digest.of(b"kept")),
        "blob": BlobKey(Digest.of(b"kept")),
        "upload": SessionKey(uuid),
    }
    key = keys_of_kinds[kind]
    good = store.records.get(key.path)
    assert good is not None
    store.corrupt(key.path, value)
    report = collect(store, UNTAGGED)
    assert report.error is not None
    assert key.path in report.error
    store.records.put(key.path, good.value, ANY)
    client.pull("app", body)
    run(store, UNTAGGED)
    client.pull("app", body)


def test_any_operation_that_fails_ends_it_and_the_next_run_goes_on() -> None:
    """EIO and ENOSPC at each operation of a run in turn, before and after its effect."""
    count = 0
    for number in (errno.EIO, errno.ENOSPC):
        for when in ("before", "after"):
            n = 0
            while True:
                n += 1
                store = MemoryStore()
                client = Client(store)
                body = client.image("app", [b"kept"], "1")
                client.image("app", [b"untagged"])
                client.push("app", b"loose")
                client.begin("app", b"half")
                store.faults.fail_at(n, number, when)  # type: ignore[arg-type]
                report = collect(store, UNTAGGED)
                if store.faults.fired is None:
                    break
                count += 1
                client.pull("app", body)
                restarted = MemoryStore()
                restarted.records, restarted.bytes = store.records, store.bytes
                fired = store.faults.fired
                store.faults.disarm()
                if fired.startswith("sync"):
                    continue  # a failed sync is never repeated in this process; `test_power_cuts` restarts it
                run(store, UNTAGGED, force=True)
                run(store, UNTAGGED)
                client.pull("app", body)
                assert len(keys(store)) == 9, f"{fired}: {report.error}"
    assert count > 400
