"""The check of everything: silent about a sound store, and each kind of damage is found."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from oci_spec import media_type
from oci_spec.digest import Digest
from registry.content import catalog
from registry.content.errors import BlobUnknown, PartsUnknown
from registry.content.layout import (
    BlobKey,
    CatalogKey,
    DataKey,
    Key,
    LinkKey,
    ManifestKey,
    ReferrerKey,
    SessionKey,
    TagKey,
    TrashKey,
)
from registry.content.records import Record, new_trash
from registry.content.steps import ANY, Get, drive
from registry.upkeep.findings import FsckReport
from registry.upkeep.fsck import fsck
from storage_backends.base import Store, seal
from storage_backends.filesystem import FilesystemStore
from storage_backends.memory import MemoryStore
from tests.upkeep.collecting import UNTAGGED, run_out
from tests.upkeep.pushing import EMPTY, Client, descriptor, image, index, keys

LAYER = b"layer"
SUBJECT = image([LAYER])
SIGNATURE = image([b"signature"], SUBJECT)
FOREIGN = image([LAYER, descriptor(b"elsewhere", media_type.OCI_NONDISTRIBUTABLE_LAYER)])
INDEX = index([SUBJECT])

BLOB = BlobKey(Digest.of(LAYER))
MANIFEST = ManifestKey("team/app", Digest.of(SUBJECT))
MOUNTED = ManifestKey("other", Digest.of(SUBJECT))
LINK = LinkKey("other", Digest.of(LAYER))
ENTRY = ReferrerKey("team/app", Digest.of(SUBJECT), Digest.of(SIGNATURE))
TAG = TagKey("team/app", "1")
LACKS_LAYER_IN_OTHER = {("part", MOUNTED.path), ("part", ManifestKey("other", Digest.of(FOREIGN)).path)}
LACKS_LAYER = {("part", MANIFEST.path), *LACKS_LAYER_IN_OTHER}
UUID = "ab" * 16


def fill(client: Client) -> None:
    """Everything that there is: an index, a signature, mounted blobs, a foreign layer, a sparse repository."""
    client.image("team/app", [LAYER], "1", "latest")
    client.image("team/app", [b"signature"], subject=SUBJECT)
    client.index("team/app", [SUBJECT], "multi")
    assert client.mount("team/app", "other", LAYER)
    assert client.mount("team/app", "other", EMPTY)
    client.put("other", SUBJECT, "1")
    client.put("other", FOREIGN, "foreign")
    client.put("mirror", image([b"absent"]), "1", sparse=True)


@pytest.fixture
def sound(store: Store, client: Client) -> Store:
    fill(client)
    return store


def record(store: Store, key: Key) -> Record:
    def steps() -> Any:
        return (yield Get(key))

    found = drive(steps(), store)
    assert isinstance(found, Record)
    return found


def put(store: Store, key: Key, found: Record) -> None:
    value, _ = seal(found.fields, found.tail)
    store.records.put(key.path, value, ANY)


def remove(store: Store, key: Key) -> None:
    assert store.records.delete(key.path, record(store, key).version)


def data_of(store: Store, data: bytes) -> str:
    uuid = record(store, BlobKey(Digest.of(data))).data
    assert uuid is not None
    return DataKey(uuid).path


def overwrite(store: Store, path: str, data: bytes) -> None:
    with store.bytes.write(path, 0) as writer:
        writer.write(data)


def kinds(report: FsckReport) -> list[tuple[str, str]]:
    return [(finding.kind, finding.key) for finding in report.broken]


def test_a_sound_store_is_clean(sound: Store) -> None:
    report = fsck(sound)
    assert report.broken == []
    assert report.unreferenced == {}
    assert report.checked == {
        "repositories": 3,
        "blobs": 3,
        "bytes": 3,
        "links": 5,
        "manifests": 6,
        "tags": 6,
        "referrers": 1,
    }
    assert report.hashed == len(LAYER) + len(b"signature") + len(EMPTY)


def test_an_empty_store_is_clean(store: Store) -> None:
    assert fsck(store)[:5] == ({}, 0, [], {}, 0)


def change(key: Key, **fields: Any) -> Callable[[Store], None]:
    return lambda store: put(store, key, record(store, key).but(**fields))


def without(key: Key, field: str) -> Callable[[Store], None]:
    def plant(store: Store) -> None:
        found = record(store, key)
        put(store, key, Record({name: found.fields[name] for name in found.fields if name != field}, found.tail))

    return plant


def retail(key: Key, tail: bytes) -> Callable[[Store], None]:
    return lambda store: put(store, key, Record(record(store, key).fields, tail))


def raw(path: str) -> Callable[[Store], None]:
    def plant(store: Store) -> None:
        store.records.put(path, seal({})[0], ANY)

    return plant


def raw_bytes(path: str) -> Callable[[Store], None]:
    return lambda store: overwrite(store, path, b"bytes")


BROKEN: dict[str, tuple[Callable[[Store], Any], set[tuple[str, str]]]] = {
    "bytes are gone": (lambda store: store.bytes.delete(data_of(store, LAYER)), {("bytes-missing", BLOB.path)}),
    "bytes are cut": (lambda store: overwrite(store, data_of(store, LAYER), LAYER[:-1]), {("bytes-size", BLOB.path)}),
    "bytes are more": (lambda store: overwrite(store, data_of(store, LAYER), LAYER * 2), {("bytes-size", BLOB.path)}),
    "bytes rot": (lambda store: overwrite(store, data_of(store, LAYER), b"lAyer"), {("bytes-digest", BLOB.path)}),
    "a blob names no bytes": (change(BLOB, data=None), {("bytes-missing", BLOB.path)}),
    "a blob says another size": (change(BLOB, size=4), {("bytes-size", BLOB.path)}),
    "a blob is pending": (change(BLOB, firm=False), LACKS_LAYER),
    "a blob is quarantined": (change(BLOB, firm=False, data=None), LACKS_LAYER),
    "a blob record is gone": (lambda store: remove(store, BLOB), LACKS_LAYER),
    "a link is gone": (lambda store: remove(store, LINK), LACKS_LAYER_IN_OTHER),
    "a link is of an earlier life": (change(LINK, life="0" * 32), LACKS_LAYER_IN_OTHER),
    "a child is gone": (
        lambda store: remove(store, MANIFEST),
        {("part", ManifestKey("team/app", Digest.of(INDEX)).path)},
    ),
    "a child is pending": (
        change(MANIFEST, firm=False),
        {("part", ManifestKey("team/app", Digest.of(INDEX)).path), ("tag", TAG.path)}
        | {("tag", TagKey("team/app", "latest").path)},
    ),
    "a manifest's bytes rot": (
        retail(MANIFEST, SUBJECT.replace(b"application", b"Application")),
        {("manifest-digest", MANIFEST.path)},
    ),
    "a manifest is cut": (retail(MANIFEST, SUBJECT[:-20]), {("manifest-digest", MANIFEST.path)}),
    "a manifest is of another type": (change(MANIFEST, type=media_type.OCI_INDEX), {("record", MANIFEST.path)}),
    "a referrer entry is gone": (
        lambda store: remove(store, ENTRY),
        {("referrer", ManifestKey("team/app", ENTRY.digest).path)},
    ),
    "a referrer entry says another size": (
        change(ENTRY, size=1),
        {("referrer", ManifestKey("team/app", ENTRY.digest).path)},
    ),
    "a mark is no mark": (change(BLOB, firm="yes"), {("record", BLOB.path), *LACKS_LAYER}),
    "a blob has no size": (without(BLOB, "size"), {("record", BLOB.path), *LACKS_LAYER}),
    "a tag shows no digest": (
        change(TAG, shown={"digest": "sha256:1", "id": "1"}),
        {("record", TAG.path)},
    ),
    "a tag has no announcements": (without(TAG, "announced"), {("record", TAG.path)}),
    "an upload is of no repository": (raw(SessionKey(UUID).path), {("record", SessionKey(UUID).path)}),
    "trash of no digest": (
        lambda store: put(store, TrashKey(UUID), Record({"digest": "sha256:12"})),
        {("record", TrashKey(UUID).path)},
    ),
    "a record at the top": (raw("notes.txt"), {("stray", "notes.txt")}),
    "a folder of others": (raw("backup/catalog/x"), {("stray", "backup/catalog/x")}),
    "a record where none belongs": (raw("repos/team!app/notes/1"), {("stray", "repos/team!app/notes/1")}),
    "a blob in another's folder": (
        raw(BLOB.path.replace(f"/{BLOB.digest.hex[:2]}/", "/00/")),
        {("stray", BLOB.path.replace(f"/{BLOB.digest.hex[:2]}/", "/00/"))},
    ),
    "bytes in another's folder": (raw_bytes(f"data/00/{UUID}"), {("stray", f"data/00/{UUID}")}),
}


@pytest.mark.parametrize("damage", BROKEN)
def test_damage_is_found(sound: Store, damage: str) -> None:
    plant, expected = BROKEN[damage]
    plant(sound)
    assert set(kinds(fsck(sound))) == expected


@pytest.mark.parametrize("value", [b"", b"garbage", b'{"n":"', b'{"n":"' + b"0" * 32 + b'",]}'])
@pytest.mark.parametrize("key", [CatalogKey("other"), BLOB, LINK, MOUNTED, TagKey("other", "1"), ENTRY], ids=str)
def test_what_is_no_record_is_found(tmp_path: Path, key: Key, value: bytes) -> None:
    store = FilesystemStore(str(tmp_path))
    store.open()
    fill(Client(store))
    (tmp_path / key.path).write_bytes(value)
    found = kinds(fsck(store))
    store.close()
    assert ("record", key.path) in found
    assert {kind for kind, _ in found} <= {"record", "part"}


def push_that_dies(client: Client) -> None:
    with pytest.raises(PartsUnknown):
        client.put("other", image([b"never pushed"]), "1")


UNREFERENCED: dict[str, tuple[Callable[[Client], Any], dict[str, int]]] = {
    "a blob that no manifest names": (lambda client: client.push("other", b"loose"), {"links": 1}),
    "an open upload": (lambda client: client.begin("other", b"half"), {"uploads": 1}),
    "bytes that nothing names": (lambda client: overwrite(client.store, DataKey(UUID).path, b"1"), {"bytes": 1}),
    "trash": (lambda client: put(client.store, TrashKey(UUID), new_trash(None)), {"trash": 1}),
    "a tag whose manifest was deleted": (lambda client: client.delete("other", FOREIGN), {"tags": 1}),
    "a deleted subject's and a deleted referrer's entry": (
        lambda client: client.delete("team/app", SIGNATURE),
        {"referrers": 1, "links": 1},
    ),
    "a push that died": (
        push_that_dies,
        {"manifests": 1, "announcements": 1},
    ),
    "a deleted repository": (
        lambda client: drive(catalog.delete("other"), client.store),
        {"links": 2, "manifests": 2, "tags": 2},
    ),
    "a blob that no repository holds": (lambda client: remove(client.store, LinkKey("other", LOOSE)), {"blobs": 1}),
    "marks of a dead collector": (
        lambda client: [change(key, condemned=True)(client.store) for key in (BLOB, LINK, MANIFEST)],
        {"marks": 3},
    ),
}
LOOSE = Digest.of(b"loose")


@pytest.mark.parametrize("leftover", UNREFERENCED)
def test_what_is_left_over_is_counted_and_collected(sound: Store, client: Client, leftover: str) -> None:
    leave, expected = UNREFERENCED[leftover]
    if leftover == "a blob that no repository holds":
        client.push("other", b"loose")
    leave(client)
    report = fsck(sound)
    assert report.broken == []
    assert report.unreferenced == expected
    run_out(sound)
    report = fsck(sound)
    assert report.broken == []
    assert report.unreferenced == {}


@pytest.mark.parametrize("digest", [None, Digest.of(b"elsewhere")])
def test_trash_that_waits_for_a_pending_blob_is_no_leftover(
    sound: Store, client: Client, digest: Digest | None
) -> None:
    """A push of a foreign layer died: its manifest, which is accepted without, pins what there is of it."""
    client.push("other", b"elsewhere")
    key = BlobKey(Digest.of(b"elsewhere"))
    put(sound, key, record(sound, key).but(firm=False))
    uuid = record(sound, key).data
    assert uuid is not None
    put(sound, TrashKey(uuid), new_trash(digest))
    run_out(sound)
    report = fsck(sound)
    assert (report.broken, report.unreferenced) == ([], {})
    client.push("other", b"elsewhere")
    assert client.read("other", b"elsewhere") == b"elsewhere"
    run_out(sound)
    assert sound.bytes.size(DataKey(uuid).path) is None
    assert fsck(sound).unreferenced == {}


def test_bad_bytes_are_quarantined_and_the_next_push_heals(sound: Store, client: Client) -> None:
    overwrite(sound, data_of(sound, LAYER), b"lAyer")
    sound.bytes.delete(data_of(sound, EMPTY))
    report = fsck(sound, quarantine=True)
    assert report.quarantined == 2
    empty = BlobKey(Digest.of(EMPTY))
    assert {("bytes-digest", BLOB.path), ("bytes-missing", empty.path)} <= set(kinds(report))
    with pytest.raises(BlobUnknown):
        client.read("other", LAYER)
    assert {kind for kind, _ in kinds(fsck(sound))} == {"part"}
    client.push("other", LAYER, EMPTY)
    run_out(sound)
    report = fsck(sound)
    assert report.broken == []
    assert report.unreferenced == {}
    client.pull("team/app", INDEX)


def test_without_being_asked_nothing_is_changed(sound: Store) -> None:
    overwrite(sound, data_of(sound, LAYER), b"lAyer")
    before = {key: sound.records.get(key) for key in keys(sound) if not key.startswith("data/")}
    assert fsck(sound).quarantined == 0
    assert {key: sound.records.get(key) for key in keys(sound) if not key.startswith("data/")} == before


def test_large_blobs_are_hashed_in_pieces(store: Store, client: Client) -> None:
    data = bytes(range(256)) * (40 << 10)
    client.image("app", [data], "1")
    assert fsck(store).hashed == len(data) + len(EMPTY)
    at = len(data) - 1
    overwrite(store, data_of(store, data), data[:at] + b"\0")
    assert [kind for kind, _ in kinds(fsck(store))] == ["bytes-digest"]


def _delete_and_collect(client: Client) -> None:
    client.delete("team/app", SIGNATURE)
    client.delete("team/app", SUBJECT)
    run_out(client.store, UNTAGGED)


def _delete_repository_and_collect(client: Client) -> None:
    drive(catalog.delete("team/app"), client.store)
    run_out(client.store, UNTAGGED)


def _replace_repository(client: Client) -> None:
    _delete_repository_and_collect(client)
    client.image("team/app", [LAYER], "1")


def _replace_bytes(client: Client) -> None:
    """Deleted, collected and pushed again: other bytes in another record."""
    _delete_and_collect(client)
    client.image("team/app", [LAYER], "1")


CHANGES = [_delete_and_collect, _delete_repository_and_collect, _replace_repository, _replace_bytes]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_what_changes_before_any_read_is_no_finding(change: Callable[[Client], None]) -> None:
    """The change is made before the first read, before the second, and so on to the last."""
    turn = 0
    while True:
        turn += 1
        client = Client(MemoryStore(power_cuts=False))
        client.image("team/app", [LAYER], "1")
        client.image("team/app", [b"signature"], subject=SUBJECT)
        busy = ChangedAtRead(client.store, turn, partial(change, client))
        report = fsck(busy, threads=1)  # type: ignore[arg-type]
        assert report.broken == [], f"changed before read {turn}"
        if busy.reads < turn:
            break
    assert turn > 50


class ChangedAtRead:
    """The view of a store in which something is changed before one read."""

    def __init__(self, store: Store, turn: int, change: Callable[[], None]) -> None:
        self._turn, self._change = turn, change
        self.reads = 0
        self.records = _Counted(store.records, self.count)
        self.bytes = _Counted(store.bytes, self.count)

    def count(self) -> None:
        self.reads += 1
        if self.reads == self._turn:
            self._change()


class _Counted:
    def __init__(self, part: Any, count: Callable[[], None]) -> None:
        self._part, self._count = part, count

    def __getattr__(self, name: str) -> Any:
        self._count()
        return getattr(self._part, name)
