"""Tags: what a tag shows, and what it is about to show.

A push announces its value first; an announced value is a reference like any other, readers see the old one. When the
manifest is firm the value is swapped into `shown`. The value is a digest AND the id of the manifest's creation, so a
digest that is deleted and pushed again does not revive the tags it once had.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oci_spec.digest import Digest
from registry.content.errors import ManifestUnknown
from registry.content.layout import CatalogKey, ManifestKey, TagKey
from registry.content.lifecycle import ended
from registry.content.records import Author, Record
from registry.content.steps import ABSENT, Delete, Get, Put, Steps, Sync

Check = Callable[[str, str | None, str | None], None]
"""Given a tag, the digest it shows (None: nothing) and the one it is to show (None: it is to go), raises where that
must not be: Immutable, ConditionFailed."""


def read(repository: str, tag: str) -> Steps[Record | None]:
    """The tag's record if it shows a manifest that can be read now."""
    now: Record | None = yield Get(CatalogKey(repository))
    if now is None:
        return None
    record: Record | None = yield Get(TagKey(repository, tag))
    if record is None or record.life != now.id or not record.fields["shown"]:
        return None
    shown = record.fields["shown"]
    manifest: Record | None = yield Get(ManifestKey(repository, Digest.parse(shown["digest"])))
    if manifest is None or not manifest.firm or manifest.life != now.id or manifest.id != shown["id"]:
        return None
    return record


def shown_by(record: Record | None) -> str | None:
    """The digest, as text, of what a tag that `read` found shows."""
    return None if record is None else str(record.fields["shown"]["digest"])


def announce(key: TagKey, life: str, value: dict[str, str]) -> Steps[bool]:
    """Holds the value for a tag that is about to show it. False: the repository's life is over."""
    while True:
        record: Record | None = yield Get(key)
        if record is not None and record.life != life:
            if (yield from ended(key.repository, life)):
                return False
        old = record if record is not None and record.life == life else _blank(life)
        announced = old.fields["announced"]
        if record is old and value in announced:
            return True
        new = old.but(announced=sorted([*announced, value], key=_order))
        if (yield Put(key, record.version if record is not None else ABSENT, new)) is not None:
            return True


def show(key: TagKey, life: str, value: dict[str, str], author: Author, check: Check | None) -> Steps[bool]:
    """Moves an announced value to `shown`, durable. False: it is no longer announced; begin again.

    `check` is asked about the very state that is swapped.
    """
    while True:
        record: Record | None = yield Get(key)
        if record is None or record.life != life or value not in record.fields["announced"]:
            return False
        if check is not None:
            readable = yield from read(key.repository, key.tag)
            check(key.tag, shown_by(readable), value["digest"])
        old = record.fields["shown"] or {"seq": 0, "digest": None}
        new = record.but(
            shown={
                **value,
                "seq": old["seq"] + (old["digest"] != value["digest"]),
                "prev": old["digest"] if old["digest"] != value["digest"] else old.get("prev"),
                "at": author.at,
                "by": author.by,
            },
            announced=[other for other in record.fields["announced"] if other != value],
        )
        if (yield Put(key, record.version, new)) is not None:
            yield Sync(key)
            return True


def delete(repository: str, tag: str, check: Check | None = None) -> Steps[None]:
    """Removes a tag; durable. Raises ManifestUnknown where it shows nothing, and what `check` raises."""
    key = TagKey(repository, tag)
    while True:
        record: Record | None = yield Get(key)
        readable = yield from read(repository, tag)
        if record is None or readable is None:
            now: Record | None = yield Get(key)
            if record is not None and now is not None and now.version != record.version:
                continue  # moved between two reads: not unknown
            raise ManifestUnknown(repository, f"tagged {tag!r}")
        if check is not None:
            check(tag, shown_by(readable), None)
        if readable.version == record.version and (yield Delete(key, record.version, sync=True)):
            return


def tidy(key: TagKey) -> Steps[bool]:
    """For the collector: announcements of dead pushes go; a tag that shows nothing goes. True: it went."""
    record: Record | None = yield Get(key)
    if record is not None and record.fields["announced"]:
        record = yield Put(key, record.version, record.but(announced=[]))
    if record is None:
        return False
    now: Record | None = yield Get(CatalogKey(key.repository))
    yield Sync(CatalogKey(key.repository))
    shown: dict[str, Any] | None = record.fields["shown"]
    if shown:
        digest = Digest.parse(shown["digest"])
        manifest: Record | None = yield Get(ManifestKey(key.repository, digest))
        if now is not None and manifest is not None and manifest.firm:
            if manifest.life == now.id == record.life and manifest.id == shown["id"]:
                return False
    gone: bool = yield Delete(key, record.version)
    return gone


def _blank(life: str) -> Record:
    return Record({"life": life, "shown": None, "announced": []})


def _order(value: dict[str, str]) -> tuple[str, str]:
    return value["digest"], value["id"]
