"""One online collection over a store, as step functions: what to look at, and in which order.

What may go is decided by `registry.content` alone, which is right for any choice; pushes go on meanwhile. Levels come
from the top down (tags, manifests, referrer entries, links, blob records, then bytes), so that what one level lets go
of is seen by the next. Ages are those of the store's own times, `<=`, so that 0 means everything.

It fails closed: a probe is put first and must be found again by a listing, and whatever is wrong with the store (an
error, a key or a record that is none of ours) ends the collection there, with nothing more deleted.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from oci_spec.digest import Digest
from oci_spec.media_type import INDEX_TYPES
from registry.content import catalog, layout, sweep, tags
from registry.content.layout import (
    BlobKey,
    CatalogKey,
    DataKey,
    Key,
    LinkKey,
    ManifestKey,
    ProbeKey,
    ReferrerKey,
    SessionKey,
    TagKey,
    TrashKey,
)
from registry.content.lifecycle import Outcome
from registry.content.records import Record
from registry.content.steps import ABSENT, BytesSize, Delete, Get, Page, Put, Steps
from registry.upkeep.ages import Ages
from registry.upkeep.paging import Pages, kept_below_repos, lives
from storage_backends.errors import CorruptRecord, StoreFailed

PROBE: Final = "probe-"
LINKS_AT_ONCE: Final = 200_000
"""Links held in memory, as digests, until their repositories' manifests are asked."""
BYTES_AT_ONCE: Final = 200_000
"""UUIDs held in memory until all blob records are asked."""
KEYS_AT_ONCE: Final = 2_000
"""Keys condemned together, their records in memory; each such group costs a look at all that may refer to them."""
MANIFEST_BYTES_AT_ONCE: Final = 16 << 20
PASSES: Final = 16
"""How often one repository's manifests are gone through: an index lets go of indexes, a subject of referrers."""

_T = TypeVar("_T")


class Tally:
    """What has been done so far, counted while it is done. Bytes: `trashed` became trash, `freed` are gone."""

    __slots__ = (
        "blobs",
        "freed",
        "links",
        "manifests",
        "orphans",
        "referrers",
        "repositories",
        "tags",
        "trash",
        "trashed",
        "uploads",
    )

    def __init__(self) -> None:
        self.tags = self.manifests = self.referrers = self.links = self.blobs = 0
        self.uploads = self.orphans = self.trash = self.repositories = 0
        self.trashed = self.freed = 0


class Collector:
    """One collection. `clock` gives seconds since 1970, by which the store's times are judged."""

    def __init__(self, ages: Ages, clock: Callable[[], float], tally: Tally) -> None:
        self._ages = ages
        self._clock = clock
        self._tally = tally
        self._lives: dict[str, str] = {}

    def steps(self) -> Steps[None]:
        """Raises StoreError, StrayKey; KeyError, TypeError, ValueError for fields that no record of ours has."""
        yield from self._probe()
        self._lives = yield from lives()
        below = yield from kept_below_repos()
        for repository in sorted({*self._lives, *below}, key=layout.folded):
            yield from self._tags(repository)
            yield from self._manifests(repository)
            yield from self._referrers(repository)
        yield from self._links()
        yield from self._blobs()
        yield from self._uploads()
        yield from self._orphans()
        yield from self._trash()
        yield from self._repositories()

    def _before(self, age: float) -> float:
        return self._clock() - age

    def _is_over(self, repository: str, life: str) -> Steps[bool]:
        """Whether that life is over; asks again where another was known, which may be an older one."""
        if self._lives.get(repository) == life:
            return False
        now: Record | None = yield Get(CatalogKey(repository))
        if now is None:
            return True
        self._lives[repository] = now.id
        return now.id != life

    def _probe(self) -> Steps[None]:
        """A listing that does not show what was just put shows nothing that may be believed."""
        probe = ProbeKey(PROBE + secrets.token_hex(16))
        put: Record | None = yield Put(probe, ABSENT, Record({}))
        listed: dict[Key, float] = {}
        pages = Pages(layout.GC)
        while page := (yield from pages.next()):
            listed.update(page)
        if put is not None:
            yield Delete(probe, put.version)
        if probe not in listed:
            raise StoreFailed(
                f"{probe} was put and is not in the listing of {layout.GC}: listings of this store cannot be trusted, "
                "nothing was deleted; look at the disk"
            )
        for top in (layout.CATALOG, layout.REPOS, layout.LINKS, layout.BLOBS, layout.SESSIONS, layout.TRASH):
            yield Page(top, limit=1)  # raises where the folder is gone, before anything is deleted that hangs on it
        yield Page(layout.DATA, limit=1, of_bytes=True)
        for key, mtime in listed.items():  # of collectors that died
            if key.path.startswith(layout.GC + PROBE) and key != probe and mtime <= self._before(3600):
                record: Record | None = yield Get(key)
                if record is not None:
                    yield Delete(key, record.version)

    def _tags(self, repository: str) -> Steps[None]:
        pages = Pages(layout.tags_of(repository))
        while page := (yield from pages.next()):
            for key, mtime in page:
                if not isinstance(key, TagKey) or mtime > self._before(self._ages.grace):
                    continue
                readable = yield from tags.read(repository, key.tag)
                if readable is None or readable.fields["announced"]:
                    self._tally.tags += yield from tags.tidy(key)

    def _manifests(self, repository: str) -> Steps[None]:
        for _ in range(PASSES):
            deleted = 0
            loose, untagged = yield from self._manifests_to_ask(repository)
            for whether, found in ((False, loose), (True, untagged)):
                for keys in _groups(sorted(found, key=lambda each: (not found[each][1], each)), found):
                    outcome = yield from sweep.manifests(keys, untagged=whether, first=not whether)
                    deleted += _deleted(outcome)
            self._tally.manifests += deleted
            if not deleted:
                return

    def _manifests_to_ask(
        self, repository: str
    ) -> Steps[tuple[dict[ManifestKey, tuple[int, bool]], dict[ManifestKey, tuple[int, bool]]]]:
        """(never accepted, of an ended life, or condemned; untagged and old enough), each (bytes, whether an index)."""
        loose: dict[ManifestKey, tuple[int, bool]] = {}
        untagged: dict[ManifestKey, tuple[int, bool]] = {}
        present: dict[Digest, None] = {}
        pages = Pages(layout.manifests_of(repository))
        while page := (yield from pages.next()):
            for key, mtime in page:
                record: Record | None = yield Get(key)
                if record is None or not isinstance(key, ManifestKey):
                    continue
                size = len(record.tail), record.fields["type"] in INDEX_TYPES
                present[key.digest] = None
                old = mtime <= self._before(self._ages.grace)
                over = yield from self._is_over(repository, record.life)
                if record.condemned or (old and (over or not record.firm)):
                    loose[key] = size
                if record.firm and not over and self._is_untagged_age(key, record, old=old):
                    untagged[key] = size
        if untagged:
            yield from self._without_held(repository, untagged, present)
        return loose, untagged

    def _is_untagged_age(self, key: ManifestKey, record: Record, *, old: bool) -> bool:
        if not self._ages.delete_untagged or not old:
            return False
        at = record.fields["at"]
        try:
            return datetime.fromisoformat(at).timestamp() <= self._before(self._ages.older_than)
        except (TypeError, ValueError):
            raise CorruptRecord(f"{key}: at is {at!r}, not a time of RFC 3339") from None

    def _without_held(
        self, repository: str, untagged: dict[ManifestKey, tuple[int, bool]], present: dict[Digest, None]
    ) -> Steps[None]:
        """Takes out what a tag, an index or a subject holds. Only saves work: `sweep.manifests` looks by itself."""
        pages = Pages(layout.tags_of(repository))
        while page := (yield from pages.next()):
            for tag, _ in page:
                record: Record | None = yield Get(tag)
                if record is not None:
                    shown = record.fields["shown"]
                    for value in [*([shown] if shown else []), *record.fields["announced"]]:
                        untagged.pop(ManifestKey(repository, Digest.parse(value["digest"])), None)
        pages = Pages(layout.manifests_of(repository))
        while page := (yield from pages.next()):
            for key, _ in page:
                record = yield Get(key)
                if record is None or not isinstance(key, ManifestKey):
                    continue
                parts = record.manifest
                for digest in (*parts.children, *parts.links, *parts.optional_links):
                    untagged.pop(ManifestKey(repository, digest), None)
                if parts.subject is not None and parts.subject.digest in present:
                    untagged.pop(key, None)

    def _referrers(self, repository: str) -> Steps[None]:
        pages = Pages(layout.referrers_in(repository))
        while page := (yield from pages.next()):
            for key, mtime in page:
                if isinstance(key, ReferrerKey) and mtime <= self._before(self._ages.grace):
                    self._tally.referrers += yield from sweep.referrer(key)

    def _links(self) -> Steps[None]:
        """All links, some 200,000 at a time, by repository: each asks its manifests once."""
        found: dict[str, dict[Digest, bool]] = {}
        count = 0
        pages = Pages(layout.LINKS)
        while page := (yield from pages.next()):
            for key, mtime in page:
                record: Record | None = yield Get(key)
                if record is None or not isinstance(key, LinkKey):
                    continue
                over = yield from self._is_over(key.repository, record.life)
                if record.condemned or mtime <= self._before(self._ages.grace):
                    found.setdefault(key.repository, {})[key.digest] = record.condemned or over
                    count += 1
            if count >= LINKS_AT_ONCE:
                yield from self._links_of(found)
                count = 0
        yield from self._links_of(found)

    def _links_of(self, found: dict[str, dict[Digest, bool]]) -> Steps[None]:
        """Empties `found`: digests by repository, and whether they are to be asked for though a manifest names them."""
        while found:
            repository, digests = found.popitem()
            pages = Pages(layout.manifests_of(repository))
            while page := (yield from pages.next()):
                for key, _ in page:
                    record: Record | None = yield Get(key)
                    if record is None:
                        continue
                    parts = record.manifest
                    for digest in (*parts.links, *parts.optional_links, *parts.children):
                        if digests.get(digest) is False:
                            del digests[digest]
            for group in _chunks([LinkKey(repository, digest) for digest in digests]):
                self._tally.links += _deleted((yield from sweep.links(group, first=False)))

    def _blobs(self) -> Steps[None]:
        pages = Pages(layout.BLOBS)
        while page := (yield from pages.next()):
            sizes: dict[BlobKey, int] = {}
            for key, mtime in page:
                record: Record | None = yield Get(key)
                if record is None or not isinstance(key, BlobKey):
                    continue
                if not record.condemned:
                    if mtime > self._before(self._ages.grace):
                        continue
                    linked: list[tuple[str, float]] = yield Page(layout.links_to(key.digest), limit=1)
                    if linked:
                        continue
                sizes[key] = record.size if record.data is not None else 0
            outcome = yield from sweep.blobs(list(sizes), first=False)
            self._tally.blobs += _deleted(outcome)
            self._tally.trashed += sum(sizes[key] for key in sizes if outcome.get(key) is Outcome.DELETED)

    def _uploads(self) -> Steps[None]:
        pages = Pages(layout.SESSIONS)
        while page := (yield from pages.next()):
            for key, mtime in page:
                if isinstance(key, SessionKey) and mtime <= self._before(self._ages.session_time):
                    size: int | None = yield BytesSize(DataKey(key.uuid))
                    if (yield from sweep.session(key)):
                        self._tally.uploads += 1
                        self._tally.trashed += size or 0

    def _orphans(self) -> Steps[None]:
        found: list[DataKey] = []
        pages = Pages(layout.DATA, of_bytes=True)
        while page := (yield from pages.next()):
            before = self._before(self._ages.grace)
            found += [key for key, mtime in page if isinstance(key, DataKey) and mtime <= before]
            if len(found) >= BYTES_AT_ONCE:
                yield from self._orphans_among(found)
                found = []
        yield from self._orphans_among(found)

    def _orphans_among(self, found: list[DataKey]) -> Steps[None]:
        """Nearly all bytes have a blob record: asking those first leaves few for which more is asked."""
        owned = yield from sweep.owners([key.uuid for key in found])
        for group in _chunks([key for key in found if key.uuid not in owned]):
            self._tally.orphans += yield from sweep.orphans(group)

    def _trash(self) -> Steps[None]:
        unknown: list[TrashKey] = []
        pages = Pages(layout.TRASH)
        while page := (yield from pages.next()):
            known: list[TrashKey] = []
            for key, mtime in page:
                if isinstance(key, TrashKey) and mtime <= self._before(self._ages.trash_time):
                    record: Record | None = yield Get(key)
                    if record is not None:
                        (known if record.digest is not None else unknown).append(key)
            yield from self._empty(known)
            if len(unknown) >= KEYS_AT_ONCE:  # each of these groups costs a look at all blob records
                yield from self._empty(unknown)
                unknown = []
        yield from self._empty(unknown)

    def _empty(self, keys: Sequence[TrashKey]) -> Steps[None]:
        gone, freed = yield from sweep.trash(keys)
        self._tally.trash += gone
        self._tally.freed += freed

    def _repositories(self) -> Steps[None]:
        found: list[str] = []
        pages = Pages(layout.CATALOG)
        while page := (yield from pages.next()):
            for key, mtime in page:
                if not isinstance(key, CatalogKey):
                    continue
                old = mtime <= self._before(self._ages.grace)
                record: Record | None = None if old else (yield Get(key))
                if old or (record is not None and record.condemned):
                    found.append(key.repository)
        for group in _chunks(found):
            outcome = yield from catalog.drop_if_empty(*group)
            self._tally.repositories += _deleted(outcome)


def _deleted(outcome: dict[_T, Outcome]) -> int:
    return sum(each is Outcome.DELETED for each in outcome.values())


def _chunks(keys: Sequence[_T]) -> Iterable[Sequence[_T]]:
    return (keys[start : start + KEYS_AT_ONCE] for start in range(0, len(keys), KEYS_AT_ONCE))


def _groups(keys: Sequence[ManifestKey], sizes: dict[ManifestKey, tuple[int, bool]]) -> Iterable[Sequence[ManifestKey]]:
    """In order, so many at a time that their bytes can be held in memory together."""
    group: list[ManifestKey] = []
    held = 0
    for key in keys:
        if group and (held + sizes[key][0] > MANIFEST_BYTES_AT_ONCE or len(group) >= KEYS_AT_ONCE):
            yield group
            group, held = [], 0
        group.append(key)
        held += sizes[key][0]
    if group:
        yield group
