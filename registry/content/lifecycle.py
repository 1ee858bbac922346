"""The rule, written once: how a reference becomes firm, and how what nothing refers to goes.

Targets: a manifest names its children (manifests) and links; a link names the blob record of its digest; a blob
record owns bytes. Two marks: `firm` (the targets were checked; only quarantine undoes it) and `condemned` (a collector
is looking for referrers).

Why an accepted push stays readable, in every interleaving and after a crash between any two operations:

1. *Reference first, then check.* `ensure` puts the reference, pending, before it asks for its targets. So at any time
   either the collector's look, which comes after its mark, sees the reference, or the reference is checked after
   the mark was set.
2. Who checks a condemned target swaps the mark off before resting on it. The collector deletes the very version that
   it condemned, so one of the two loses its swap: a target is never both rested on and deleted.
3. References count in every state and of every life; readers see firm ones of the present life alone. So nothing is
   visible before all it needs is firm, and what is pending after a crash is tidied like any garbage.
4. What is rested on is synced first, bottom up, so a power cut takes references before targets.
5. A repository's records carry its life, the id of its catalog record. A record of another life reads as absent, and
   is replaced only after the catalog, read again AFTER it, says that ours is the life that goes on.

There is no clock and no lock in this argument: ages only decide what the collector bothers to look at.
`tests/search` walks the interleavings of these very functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Final

from registry.content import layout
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
from registry.content.steps import ABSENT, ANY, BytesSize, Delete, Get, Page, Put, Steps, Sync

Mine = Mapping[Key, Record]
"""What the caller has in hand and may create: records to put where there are none."""

NOTHING: Final[Mine] = {}


class Outcome(Enum):
    """What `collect` did with a key."""

    ABSENT = "absent"
    KEPT = "kept"
    LOST = "lost"
    DELETED = "deleted"


def targets(key: Key, record: Record) -> tuple[list[Key], list[Key]]:
    """(must be there, may be there) of a manifest or link; the second are foreign layers, or all in a sparse place."""
    if isinstance(key, LinkKey):
        return [BlobKey(key.digest)], []
    if not isinstance(key, ManifestKey):
        return [], []
    manifest = record.manifest
    children: list[Key] = [ManifestKey(key.repository, digest) for digest in manifest.children]
    links: list[Key] = [LinkKey(key.repository, digest) for digest in manifest.links]
    foreign: list[Key] = [LinkKey(key.repository, digest) for digest in manifest.optional_links]
    if record.fields.get("sparse", False):
        return [], children + links + foreign
    return children + links, foreign


def ended(repository: str, life: str) -> Steps[bool]:
    """Whether this life of the repository is over."""
    now: Record | None = yield Get(CatalogKey(repository))
    return now is None or now.id != life


def ensure(key: Key, life: str, mine: Mine) -> Steps[Record | None]:
    """Makes a reference firm, and durable, with all that it rests on.

    `life` is the repository's as the caller read it; `mine` what the caller may create. None: it is unknown, or some
    target is, or the repository's life is over.
    """
    gate = not isinstance(key, LinkKey)  # a link has no mark of its own: its blob record is always asked
    while True:
        record: Record | None = yield Get(key)
        expected = record.version if record is not None else ABSENT
        if record is not None and not isinstance(key, BlobKey) and record.life != life:
            if (yield from ended(_repository(key), life)):  # read AFTER the record: which of the two lives is over?
                return None
            record = None
        if record is None:
            if key not in mine:
                return None
            record = yield Put(key, expected, mine[key])
        if record is not None and record.condemned:
            record = yield Put(key, record.version, record.but(condemned=False))
        if record is None:
            continue
        if record.firm and gate:
            yield Sync(key)
            return record
        good = True
        if isinstance(key, BlobKey):
            good = yield from claim(record)
        required, optional = targets(key, record)
        for target in required:
            if (yield from ensure(target, life, mine)) is None:
                good = False
                break
        if good:
            for target in optional:
                yield from ensure(target, life, mine)
        if not good and isinstance(key, BlobKey) and key in mine and record.data != mine[key].data:
            if record.data is not None:
                yield Put(TrashKey(record.data), ANY, new_trash(key.digest))
            yield Put(key, record.version, record.but(data=mine[key].data, size=mine[key].size))  # no bytes there: ours
            continue
        if not good:
            return None
        if gate:
            if isinstance(key, ManifestKey) and record.manifest.subject is not None:
                entry = ReferrerKey(key.repository, record.manifest.subject.digest, key.digest)
                yield Put(entry, ANY, referrer_entry(record), sync=True)
            record = yield Put(key, record.version, record.but(firm=True))
            if record is None:
                continue
        yield Sync(key)
        return record


def claim(record: Record) -> Steps[bool]:
    """A pending blob record takes its bytes. Whoever removes the session decides; collectors name the trash first."""
    if record.data is None:
        return False
    while True:
        session: Record | None = yield Get(SessionKey(record.data))
        if session is None:
            break
        if (yield Delete(SessionKey(record.data), session.version)):
            return True
    doomed: Record | None = yield Get(TrashKey(record.data))  # in this order: session, trash, bytes
    if doomed is not None:
        return False
    size: int | None = yield BytesSize(DataKey(record.data))
    return size is not None


def referrer_entry(record: Record) -> Record:
    """What the referrers list says of a manifest (distribution-spec, Listing Referrers)."""
    manifest = record.manifest
    fields: dict[str, object] = {"mediaType": manifest.media_type, "size": len(record.tail)}
    if manifest.artifact_type is not None:
        fields["artifactType"] = manifest.artifact_type
    if manifest.annotations:
        fields["annotations"] = dict(manifest.annotations)
    return Record(fields)


Look = Callable[[Sequence[tuple[Key, Record]]], Steps[set[Key]]]
"""Which of these keys something refers to; asked after they were condemned."""


def collect(
    keys: Sequence[Key], look: Look, *, withdrawn: bool = False, first: bool = True
) -> Steps[dict[Key, Outcome]]:
    """Condemns, looks, and deletes that very version of each key that nothing refers to.

    `look` finds the referrers of all keys of one level at once. `withdrawn`: a client asked for it, so the deletion
    is durable before this returns. `first`: look once before anything is condemned, which saves two swaps for each
    key that is in use.
    """
    outcome: dict[Key, Outcome] = {}
    found: list[tuple[Key, Record]] = []
    for key in keys:
        record: Record | None = yield Get(key)
        if record is None:
            outcome[key] = Outcome.ABSENT
            continue
        if isinstance(key, (ManifestKey, LinkKey)) and (yield from ended(key.repository, record.life)):
            yield Sync(CatalogKey(key.repository))  # of a life that is over, for good
            gone: bool = yield Delete(key, record.version, sync=withdrawn)
            outcome[key] = Outcome.DELETED if gone else Outcome.LOST
            continue
        found.append((key, record))
    if first:
        used = yield from look(found)
        fresh = [(key, record) for key, record in found if key in used and not record.condemned]
        outcome.update((key, Outcome.KEPT) for key, _ in fresh)
        found = [(key, record) for key, record in found if key not in used or record.condemned]
    condemned: list[tuple[Key, Record]] = []
    for key, record in found:
        marked: Record | None = record
        if not record.condemned:
            marked = yield Put(key, record.version, record.but(condemned=True))
        if marked is None:
            outcome[key] = Outcome.LOST
        else:
            condemned.append((key, marked))
    if not condemned:
        return outcome
    used = yield from look(condemned)
    unused = [(key, record) for key, record in condemned if key not in used]
    for key, record in condemned:
        if key in used:
            yield Put(key, record.version, record.but(condemned=False))
            outcome[key] = Outcome.KEPT
    for key, record in unused:
        if isinstance(key, BlobKey) and record.data is not None:
            yield Put(TrashKey(record.data), ANY, new_trash(key.digest), sync=True)
    if unused:
        yield Sync(*sorted({level for key, _ in unused for level in _referring(key)}))
    for key, record in unused:
        gone = yield Delete(key, record.version, sync=withdrawn)
        outcome[key] = Outcome.DELETED if gone else Outcome.LOST
    return outcome


def look_at_links(keys: Sequence[tuple[Key, Record]]) -> Steps[set[Key]]:
    """Links of one repository that a manifest of it names, in any state, of any life, also as a foreign layer."""
    named: set[Key] = set()
    for manifest in (yield from _manifests_beside(keys)):
        record: Record | None = yield Get(manifest)
        if record is not None:
            parts = record.manifest
            for digest in (*parts.links, *parts.optional_links, *parts.children):
                named.add(LinkKey(manifest.repository, digest))
    return {key for key, _ in keys if key in named}


def look_at_manifests(keys: Sequence[tuple[Key, Record]], *, tags: bool = True) -> Steps[set[Key]]:
    """Manifests of one repository that a tag (shown or announced), an index, or their own subject holds."""
    held: set[Key] = set()
    for other in (yield from _manifests_beside(keys)):
        record: Record | None = yield Get(other)
        if record is not None:
            for digest in (*record.manifest.children, *record.manifest.links, *record.manifest.optional_links):
                held.add(ManifestKey(other.repository, digest))
    if tags:
        for key, record in keys:
            assert isinstance(key, ManifestKey)
            subject = record.manifest.subject
            if subject is not None and record.firm:  # one that was never accepted is nobody's referrer
                if (yield Get(ManifestKey(key.repository, subject.digest))) is not None:
                    held.add(key)
        held |= yield from tagged(keys)
    return {key for key, _ in keys if key in held}


def look_at_blobs(keys: Sequence[tuple[Key, Record]]) -> Steps[set[Key]]:
    """Blob records that a link of any repository and any life names."""
    used: set[Key] = set()
    for key, _ in keys:
        assert isinstance(key, BlobKey)
        page: list[tuple[str, float]] = yield Page(layout.links_to(key.digest), limit=1)
        if page:
            used.add(key)
    return used


def tagged(keys: Sequence[tuple[Key, Record]], counts: Callable[[str], bool] | None = None) -> Steps[set[Key]]:
    """Those that a tag names by digest and by the id of their creation; of all tags, or of those that count."""
    by_value = {(str(key.digest), record.id): key for key, record in keys if isinstance(key, ManifestKey)}
    held: set[Key] = set()
    if not by_value:
        return held
    repository = next(key.repository for key, _ in keys if isinstance(key, ManifestKey))
    after = ""
    while True:
        page: list[tuple[str, float]] = yield Page(layout.tags_of(repository), after)
        if not page:
            return held
        for path, _ in page:
            key = layout.parse(path)
            assert isinstance(key, TagKey)
            if counts is not None and not counts(key.tag):
                continue
            tag: Record | None = yield Get(key)
            if tag is not None:
                shown = tag.fields["shown"]
                for value in [*([shown] if shown else []), *tag.fields["announced"]]:
                    if (value["digest"], value["id"]) in by_value:
                        held.add(by_value[value["digest"], value["id"]])
        after = page[-1][0]


def _manifests_beside(keys: Sequence[tuple[Key, Record]]) -> Steps[list[ManifestKey]]:
    """Keys of all manifests in the repository that these keys belong to."""
    repositories = {key.repository for key, _ in keys if isinstance(key, (ManifestKey, LinkKey))}
    assert len(repositories) <= 1, "one repository at a time"
    found: list[ManifestKey] = []
    for repository in repositories:
        after = ""
        while True:
            page: list[tuple[str, float]] = yield Page(layout.manifests_of(repository), after)
            if not page:
                break
            found.extend(key for key in (layout.parse(path) for path, _ in page) if isinstance(key, ManifestKey))
            after = page[-1][0]
    return found


def _referring(key: Key) -> list[Key]:
    """The level above a key: where its referrers are or were. Durable before the key goes."""
    if isinstance(key, BlobKey):
        return [layout.Below(layout.links_to(key.digest))]
    if isinstance(key, ManifestKey):
        return [
            layout.Below(layout.manifests_of(key.repository)),
            layout.Below(layout.tags_of(key.repository)),
        ]
    assert isinstance(key, LinkKey)
    return [layout.Below(layout.manifests_of(key.repository))]


def _repository(key: Key) -> str:
    assert isinstance(key, (ManifestKey, LinkKey))
    return key.repository
