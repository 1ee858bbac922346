"""Manifests: put with tags, delete (distribution-spec, Pushing Manifests, Deleting Manifests, tag parameters).

The order of a put: manifest pending > tags announced > links, blob records, children firm > manifest firm > tags shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from oci_spec.digest import Digest
from oci_spec.manifest import Manifest
from registry.content import catalog, tags
from registry.content.errors import Immutable, ManifestUnknown, NameUnknown, PartsUnknown, StillReferenced
from registry.content.layout import CatalogKey, Key, LinkKey, ManifestKey, TagKey
from registry.content.lifecycle import (
    NOTHING,
    Look,
    Outcome,
    collect,
    ended,
    ensure,
    look_at_manifests,
    tagged,
    targets,
)
from registry.content.records import Author, Record, new_manifest
from registry.content.steps import ABSENT, Get, Put, Steps
from registry.content.tags import Check


def put(
    repository: str,
    digest: Digest,
    manifest: Manifest,
    names: Sequence[str],
    author: Author,
    *,
    check: Check | None = None,
    sparse: bool = False,
) -> Steps[Record]:
    """Accepts a manifest under its digest, whose bytes the caller has checked, and moves the tags `names` to it.

    `check` is asked of every tag before the first moves, and again of the state that is swapped. `sparse`: its parts
    may be absent. Raises PartsUnknown, NameUnknown, and what `check` raises; not atomic over several tags: repeat it.
    """
    if check is not None:
        for name in names:
            shown = yield from tags.read(repository, name)
            check(name, tags.shown_by(shown), str(digest))
    life = yield from catalog.enter(repository, author.at)
    key = ManifestKey(repository, digest)
    template = new_manifest(manifest, life, author, sparse=sparse)
    while True:
        record: Record | None = yield Get(key)
        if record is None or record.life != life:
            if (yield from ended(repository, life)):
                raise NameUnknown(repository)
            record = yield Put(key, record.version if record is not None else ABSENT, template)
            if record is None:
                continue
        if sparse and not record.firm and not record.fields.get("sparse", False):  # pending since a stricter push
            record = yield Put(key, record.version, record.but(sparse=True))
            if record is None:
                continue
        value = {"digest": str(digest), "id": record.id}
        for name in names:
            if not (yield from tags.announce(TagKey(repository, name), life, value)):
                raise NameUnknown(repository)
        firm = yield from ensure(key, life, {key: template})
        if firm is None:
            yield from _explain(key, record, life)
            continue
        if names and firm.id != value["id"]:
            continue
        for name in names:
            if not (yield from tags.show(TagKey(repository, name), life, value, author, check)):
                break
        else:
            yield from catalog.settle(repository, life)
            return firm
        if (yield from ended(repository, life)):
            raise NameUnknown(repository)


def _explain(key: ManifestKey, record: Record, life: str) -> Steps[None]:
    """Raises for what made a manifest unknown; returns where it was only a lost race."""
    if (yield from ended(key.repository, life)):
        raise NameUnknown(key.repository)
    required, _ = targets(key, record)
    missing: list[Key] = []
    for target in required:
        if (yield from ensure(target, life, NOTHING)) is None:
            missing.append(target)
    if missing:
        raise PartsUnknown(
            key.repository,
            [part.digest for part in missing if isinstance(part, LinkKey)],
            [part.digest for part in missing if isinstance(part, ManifestKey)],
        )


def delete(repository: str, digest: Digest, immutable: Callable[[str], bool] | None = None) -> Steps[None]:
    """Deletes a manifest and, at once, what its tags show; durable. `immutable`: whether a tag never goes.

    Raises NameUnknown, ManifestUnknown, StillReferenced where an index of the repository names it, and Immutable where
    such a tag shows it, or is about to.
    """
    key = ManifestKey(repository, digest)

    def look(keys: Sequence[tuple[Key, Record]]) -> Steps[set[Key]]:
        held = yield from whatever_tags_say(keys)
        if immutable is not None:
            held |= yield from tagged(keys, immutable)
        return held

    while True:
        now: Record | None = yield Get(CatalogKey(repository))
        if now is None:
            raise NameUnknown(repository)
        record: Record | None = yield Get(key)
        if record is None or not record.firm or record.life != now.id:
            raise ManifestUnknown(repository, str(digest))
        outcome = (yield from collect([key], look, withdrawn=True))[key]
        if outcome is Outcome.DELETED:
            return
        if outcome is Outcome.KEPT:
            if immutable is not None and (yield from tagged([(key, record)], immutable)):
                raise Immutable(f"manifest {digest} has an immutable tag in repository {repository!r}: it never goes")
            raise StillReferenced(f"manifest {digest}", f"an index of repository {repository!r}")


def whatever_tags_say(keys: Sequence[tuple[Key, Record]]) -> Steps[set[Key]]:
    return look_at_manifests(keys, tags=False)


def unless_accepted(keys: Sequence[tuple[Key, Record]]) -> Steps[set[Key]]:
    """What keeps manifests where untagged ones stay: whatever was accepted, and what the rest refers to."""
    held = yield from look_at_manifests(keys)
    return held | {key for key, record in keys if record.firm}


LOOKS: dict[bool, Look] = {True: look_at_manifests, False: unless_accepted}
"""By whether untagged manifests are to go."""
