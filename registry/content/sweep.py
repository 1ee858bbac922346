"""The collector's steps: one function for each level, in the order in which they are to be called.

Tags, then manifests (indexes first), referrer entries, links, blob records, sessions, orphaned bytes, trash. A level is
durable before the next is deleted from (`lifecycle.collect` syncs it). What is given to these functions is chosen by
age elsewhere; they are right for any choice.
"""

from __future__ import annotations

from collections.abc import Sequence

from registry.content import layout
from registry.content.layout import BlobKey, DataKey, Key, LinkKey, ManifestKey, ReferrerKey, SessionKey, TrashKey
from registry.content.lifecycle import Outcome, collect, look_at_blobs, look_at_links
from registry.content.manifests import LOOKS
from registry.content.records import Record, new_trash
from registry.content.steps import ABSENT, ANY, BytesDelete, BytesSize, BytesSync, Delete, Get, Page, Put, Steps, Sync


def manifests(keys: Sequence[ManifestKey], *, untagged: bool, first: bool = True) -> Steps[dict[Key, Outcome]]:
    """Manifests of one repository: those never accepted; with `untagged` also those that nothing holds.

    `first`, here and below: look once before anything is condemned (see `lifecycle.collect`).
    """
    indexes: list[Key] = []
    images: list[Key] = []
    for key in keys:
        record: Record | None = yield Get(key)
        if record is not None:
            (indexes if record.manifest.is_index else images).append(key)
    outcome = yield from collect(indexes, LOOKS[untagged], first=first)
    outcome.update((yield from collect(images, LOOKS[untagged], first=first)))
    return outcome


def referrer(key: ReferrerKey) -> Steps[bool]:
    """A referrers entry whose manifest is gone, at the version read before the manifest was found absent."""
    entry: Record | None = yield Get(key)
    if entry is None:
        return False
    manifest: Record | None = yield Get(ManifestKey(key.repository, key.digest))
    if manifest is not None:
        return False
    yield Sync(ManifestKey(key.repository, key.digest))
    gone: bool = yield Delete(key, entry.version, sync=True)
    return gone


def links(keys: Sequence[LinkKey], *, first: bool = True) -> Steps[dict[Key, Outcome]]:
    """Links of one repository."""
    return (yield from collect(keys, look_at_links, first=first))


def blobs(keys: Sequence[BlobKey], *, first: bool = True) -> Steps[dict[Key, Outcome]]:
    """Blob records; their bytes become trash."""
    return (yield from collect(keys, look_at_blobs, first=first))


def session(key: SessionKey) -> Steps[bool]:
    """An expired session: its bytes are trash, unless the blob record of its digest has them."""
    record: Record | None = yield Get(key)
    if record is None:
        return False
    blob: Record | None = None
    if record.digest is not None:
        blob = yield Get(BlobKey(record.digest))
    if blob is None or blob.data != key.uuid:
        yield Put(TrashKey(key.uuid), ANY, new_trash(record.digest), sync=True)
    gone: bool = yield Delete(key, record.version)
    return gone


def orphans(keys: Sequence[DataKey]) -> Steps[int]:
    """Bytes that nothing names, after a power cut took their session or trash: they become trash. Returns how many.

    Looks in this order: bytes, sessions, trash, blob records.
    """
    unnamed: list[DataKey] = []
    for key in keys:
        size: int | None = yield BytesSize(key)
        if size is None:
            continue
        session: Record | None = yield Get(SessionKey(key.uuid))
        if session is not None:
            continue
        doomed: Record | None = yield Get(TrashKey(key.uuid))
        if doomed is None:
            unnamed.append(key)
    owned = yield from owners([key.uuid for key in unnamed])
    unnamed = [key for key in unnamed if key.uuid not in owned]
    for key in unnamed:
        yield Put(TrashKey(key.uuid), ABSENT, new_trash(None), sync=True)
    return len(unnamed)


def trash(keys: Sequence[TrashKey]) -> Steps[tuple[int, int]]:
    """Trash that is due: its bytes go unless a blob record has them. Returns (how many went, bytes freed)."""
    due: list[tuple[TrashKey, Record]] = []
    for key in keys:
        record: Record | None = yield Get(key)
        session: Record | None = yield Get(SessionKey(key.uuid))
        if record is not None and session is None:
            due.append((key, record))
    unknown = [key.uuid for key, record in due if record.digest is None]
    owned = yield from owners(unknown)
    if unknown:
        yield Sync(layout.Below(layout.BLOBS))
    gone, freed = 0, 0
    for key, record in due:
        owner = owned.get(key.uuid)
        if record.digest is not None:
            owner = yield Get(BlobKey(record.digest))
            if owner is not None and owner.data != key.uuid:
                owner = None
        if owner is not None:
            if owner.firm and not owner.condemned:
                yield Delete(key, record.version)
            continue
        if record.digest is not None:
            yield Sync(BlobKey(record.digest))
        data = DataKey(key.uuid)
        size: int | None = yield BytesSize(data)
        yield BytesDelete(data)
        yield BytesSync(data)
        yield Delete(key, record.version)
        gone, freed = gone + 1, freed + (size or 0)
    return gone, freed


def owners(uuids: Sequence[str]) -> Steps[dict[str, Record]]:
    """The blob records that own bytes of these UUIDs, by UUID. Reads all blob records, keeps only what was asked."""
    found: dict[str, Record] = {}
    wanted = dict.fromkeys(uuids)
    after = ""
    while wanted:
        page: list[tuple[str, float]] = yield Page(layout.BLOBS, after)
        if not page:
            break
        for path, _ in page:
            record: Record | None = yield Get(layout.parse(path))
            if record is not None and record.data in wanted:
                found[record.data] = record
        after = page[-1][0]
    return found
