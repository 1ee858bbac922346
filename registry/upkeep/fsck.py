"""The check of everything: all bytes are hashed again, all that the rule promises is looked up.

Works beside a running server: what is found is looked at again, and told only where it holds a second time for the very
same version of the record. Two kinds of things are told. *Broken* is what the rule says cannot be; *unreferenced* is
what pushes, deletions and crashes leave behind for the collector, also what a push that is under way has just put. A
tag whose manifest is gone is of the second kind: deleting a manifest leaves it so.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, Final

from oci_spec.digest import Digest
from registry.content import blobs, layout
from registry.content.layout import (
    BlobKey,
    CatalogKey,
    DataKey,
    Key,
    LinkKey,
    ManifestKey,
    ReferrerKey,
    SessionKey,
    StrayKey,
    TagKey,
    TrashKey,
)
from registry.content.lifecycle import referrer_entry, targets
from registry.content.records import Record
from registry.content.steps import drive
from registry.upkeep import shapes
from registry.upkeep.findings import Finding, FsckReport
from storage_backends.base import Listed, Store
from storage_backends.errors import BytesGone, CorruptRecord

PIECE: Final = 4 << 20
LINKS_AT_ONCE: Final = 200_000
BYTES_AT_ONCE: Final = 200_000
TOPS: Final = (
    *(layout.CATALOG, layout.BLOBS, layout.REPOS, layout.LINKS, layout.SESSIONS, layout.TRASH, layout.GC),
    layout.DATA,
)


Problems = list[tuple[str, str]]
"""(kind, text) of what is wrong with one record."""


def fsck(
    store: Store,
    *,
    quarantine: bool = False,
    threads: int = 4,
    progress: Callable[[str], None] = lambda text: None,
) -> FsckReport:
    """Checks an open store. `quarantine` takes bad bytes out of use, so that the next push heals the blob.

    Blobs are hashed in `threads` threads. Raises StoreError where the store fails.
    """
    begun = time.monotonic()
    check = _Fsck(store, quarantine=quarantine, progress=progress)
    with ThreadPoolExecutor(threads, "fsck") as pool:
        check.run(pool)
    return FsckReport(
        dict(check.checked),
        check.hashed,
        sorted(check.broken),
        {kind: count for kind, count in sorted(check.unreferenced.items()) if count},
        check.quarantined,
        time.monotonic() - begun,
    )


class _Fsck:
    def __init__(self, store: Store, *, quarantine: bool, progress: Callable[[str], None]) -> None:
        self._store = store
        self._quarantine = quarantine
        self._progress = progress
        self._lives: dict[str, str | None] = {}
        self.checked: Counter[str] = Counter()
        self.unreferenced: Counter[str] = Counter()
        self.broken: list[Finding] = []
        self.hashed = 0
        self._lock = Lock()
        self.quarantined = 0

    def run(self, pool: ThreadPoolExecutor) -> None:
        self._strange_tops()
        for key in self._keys(layout.CATALOG):
            self._look(key)
        self._blobs(pool)
        for key in self._keys(layout.REPOS):
            if isinstance(key, ManifestKey):
                self._loose_manifest(key, self._look(key, self._manifest))
            elif isinstance(key, TagKey):
                self._loose_tag(key, self._look(key, self._tag))
            elif isinstance(key, ReferrerKey):
                self._loose_referrer(key, self._look(key))
        self._links()
        for key in self._keys(layout.SESSIONS):
            if self._look(key) is not None:
                self.unreferenced["uploads"] += 1
        self._trash()
        self._bytes()
        for key in self._keys(layout.GC):
            self._look(key)

    # ------------------------------------------------------------------------------------------ one key at a time
    def _keys(self, prefix: str, *, of_bytes: bool = False) -> Iterator[Key]:
        for listed in self._listed(prefix, of_bytes=of_bytes):
            try:
                key = layout.parse(listed.key)
            except StrayKey:
                self._tell("stray", listed.key, "nothing of ours has this name; the collector stops here: take it away")
                continue
            self.checked[_PLURAL[key.kind]] += 1
            if self.checked.total() % 100 == 0:
                self._say(prefix)
            yield key

    def _listed(self, prefix: str, after: str = "", *, of_bytes: bool = False) -> Iterator[Listed]:
        where = self._store.bytes if of_bytes else self._store.records
        while page := where.list(prefix, after):
            yield from page
            after = page[-1].key

    def _read(self, key: Key) -> Record | None:
        """Raises CorruptRecord."""
        stored = self._store.records.get(key.path)
        if stored is None:
            return None
        record = Record.read(stored, key.path)
        shapes.check(key, record)
        return record

    def _look(self, key: Key, check: Callable[[Any, Record], Problems] = lambda key, record: []) -> Record | None:
        """The record, where it is one; what is wrong with it, if it is wrong twice, is told."""
        record, first = self._problems(key, check)
        if first:
            again, second = self._problems(key, check)
            if again is None or record is None or again.version == record.version:
                for kind, text in first:
                    if (kind, text) in second:
                        self._tell(kind, key.path, text)
            record = again
        if record is not None and record.condemned:
            self.unreferenced["marks"] += 1
        return record

    def _problems(self, key: Key, check: Callable[[Any, Record], Problems]) -> tuple[Record | None, Problems]:
        try:
            record = self._read(key)
            if record is None:
                return None, []
            found = check(key, record)
            if found:
                again = self._read(key)
                if again is None or again.version != record.version:
                    found = []
        except CorruptRecord as error:
            return None, [("record", str(error))]
        return record, found

    def _tell(self, kind: str, key: str, text: str) -> None:
        self.broken.append(Finding(kind, key, text))

    def _say(self, prefix: str) -> None:
        self._progress(f"{prefix} {self.checked.total()} looked at, {self.hashed >> 20} MiB hashed")

    def _life(self, repository: str) -> str | None:
        record = self._read(CatalogKey(repository))
        return None if record is None else record.id

    # ------------------------------------------------------------------------------------------------------ blobs
    def _blobs(self, pool: ThreadPoolExecutor) -> None:
        for keys in _groups(self._keys(layout.BLOBS), 256):
            for key, record in zip(keys, pool.map(lambda key: self._look(key, self._blob), keys), strict=True):
                assert isinstance(key, BlobKey)
                if record is not None and not self._store.records.list(layout.links_to(key.digest), limit=1):
                    self.unreferenced["blobs"] += 1

    def _blob(self, key: BlobKey, record: Record) -> Problems:
        if not record.firm:
            return []
        if record.data is None:
            return [("bytes-missing", "readers are to get it, and it names no bytes")]
        problems = self._compare(key, record, DataKey(record.data))
        if problems and self._quarantine and drive(blobs.quarantine(key.digest, record.data), self._store):
            self.quarantined += 1
            kind, text = problems[0]
            self._tell(kind, key.path, f"{text}; quarantined: the next push of it heals it")
            return []
        return problems

    def _compare(self, key: BlobKey, record: Record, data: DataKey) -> Problems:
        size = self._store.bytes.size(data.path)
        if size is None:
            return [("bytes-missing", f"its bytes {data} are not there")]
        if size != record.size:
            return [("bytes-size", f"its bytes {data} are {size} long, not {record.size}")]
        hasher = key.digest.hasher()
        try:
            for start in range(0, size, PIECE):
                piece = self._store.bytes.read(data.path, start, PIECE)
                hasher.update(piece)
                with self._lock:
                    self.hashed += len(piece)
        except BytesGone:
            return [("bytes-missing", f"its bytes {data} are not there")]
        if hasher.hexdigest() != key.digest.hex:
            return [("bytes-digest", f"its bytes {data} have digest {key.digest.algorithm}:{hasher.hexdigest()}")]
        return []

    # -------------------------------------------------------------------------------------- what a repository has
    def _manifest(self, key: ManifestKey, record: Record) -> Problems:
        digest = Digest.of(record.tail, key.digest.algorithm)
        if digest != key.digest:
            return [("manifest-digest", f"its bytes have digest {digest}")]
        subject = record.manifest.subject
        life = self._life(key.repository)
        if not record.firm or record.life != life:
            return []
        problems: Problems = []
        required, _ = targets(key, record)
        for target in required:
            lacks = self._lacks(target, life)
            if lacks is not None:
                problems.append(("part", f"readers get it, but not {_named(target)}: {lacks}"))
        if subject is not None:
            problems += self._entry(ReferrerKey(key.repository, subject.digest, key.digest), record)
        return problems if self._life(key.repository) == life else []

    def _lacks(self, target: Key, life: str) -> str | None:
        try:
            found = self._read(target)
            if found is None:
                return f"{target} is not there"
            if found.life != life:
                return f"{target} is of an earlier life of the repository"
            if isinstance(target, LinkKey):
                target = BlobKey(target.digest)
                found = self._read(target)
                if found is None:
                    return f"{target} is not there"
            if not found.firm:
                quarantined = isinstance(target, BlobKey) and found.data is None
                return f"{target} is {'quarantined: push it again' if quarantined else 'not accepted'}"
        except CorruptRecord as error:
            return str(error)
        return None

    def _entry(self, key: ReferrerKey, record: Record) -> Problems:
        try:
            entry = self._read(key)
        except CorruptRecord:
            return []  # told where all entries are looked at
        if entry is None:
            return [("referrer", f"its subject does not list it: {key} is not there")]
        wrong = [name for name, value in referrer_entry(record).fields.items() if entry.fields.get(name) != value]
        return [("referrer", f"its subject lists it with another {', '.join(wrong)}: {key}")] if wrong else []

    def _loose_manifest(self, key: ManifestKey, record: Record | None) -> None:
        if record is not None and (not record.firm or self._is_over(key.repository, record.life)):
            self.unreferenced["manifests"] += 1

    def _tag(self, key: TagKey, record: Record) -> Problems:
        shown = record.fields["shown"]
        if not shown:
            return []
        manifest = self._read(ManifestKey(key.repository, Digest.parse(shown["digest"])))
        if manifest is not None and not manifest.firm and manifest.life == record.life and manifest.id == shown["id"]:
            return [("tag", f"it shows {shown['digest']}, which is not accepted")]
        return []

    def _loose_tag(self, key: TagKey, record: Record | None) -> None:
        if record is None:
            return
        shown = record.fields["shown"]
        self.unreferenced["announcements"] += len(record.fields["announced"])
        manifest: Record | None = None
        if shown:
            try:
                manifest = self._read(ManifestKey(key.repository, Digest.parse(shown["digest"])))
            except CorruptRecord:
                return
        shows = manifest is not None and manifest.life == record.life and manifest.id == shown["id"]
        if not shows or self._is_over(key.repository, record.life):
            self.unreferenced["tags"] += 1

    def _loose_referrer(self, key: ReferrerKey, record: Record | None) -> None:
        if record is not None and self._store.records.get(ManifestKey(key.repository, key.digest).path) is None:
            self.unreferenced["referrers"] += 1

    def _is_over(self, repository: str, life: str) -> bool:
        """Whether that life is over; asks again where another was known. True where the catalog's record is hurt."""
        if self._lives.get(repository) != life:
            try:
                self._lives[repository] = self._life(repository)
            except CorruptRecord:
                return True
        return self._lives[repository] != life

    # ------------------------------------------------------------------------------------------------------ links
    def _links(self) -> None:
        found: dict[str, dict[Digest, None]] = {}
        for keys in _groups(self._keys(layout.LINKS), LINKS_AT_ONCE):
            for key in keys:
                record = self._look(key)
                if record is not None and isinstance(key, LinkKey):
                    if self._is_over(key.repository, record.life):
                        self.unreferenced["links"] += 1
                    else:
                        found.setdefault(key.repository, {})[key.digest] = None
            while found:
                repository, digests = found.popitem()
                self._without_named(repository, digests)
                self.unreferenced["links"] += len(digests)

    def _without_named(self, repository: str, digests: dict[Digest, None]) -> None:
        for listed in self._listed(layout.manifests_of(repository)):
            try:
                record = self._read(layout.parse(listed.key))
                if record is None:
                    continue
                parts = record.manifest
            except (StrayKey, CorruptRecord):
                continue
            for digest in (*parts.links, *parts.optional_links, *parts.children):
                digests.pop(digest, None)

    # ------------------------------------------------------------------------------------------------------ bytes
    def _trash(self) -> None:
        """Trash whose bytes a blob record names waits for what becomes of that record, and is no leftover."""
        of_no_digest: dict[str, None] = {}
        for key in self._keys(layout.TRASH):
            record = self._look(key)
            if record is None or not isinstance(key, TrashKey):
                continue
            if record.digest is None:
                of_no_digest[key.uuid] = None
                continue
            try:
                blob = self._read(BlobKey(record.digest))
            except CorruptRecord:
                continue
            if blob is None or blob.data != key.uuid:
                self.unreferenced["trash"] += 1
        self._without_owned(of_no_digest)
        self.unreferenced["trash"] += len(of_no_digest)

    def _bytes(self) -> None:
        """Bytes that no session, trash or blob record names; asked in this order, as the collector does."""
        for keys in _groups(self._keys(layout.DATA, of_bytes=True), BYTES_AT_ONCE):
            unnamed: dict[str, None] = {}
            for key in keys:
                if not isinstance(key, DataKey):
                    continue
                if self._store.bytes.size(key.path) is not None and not any(
                    self._store.records.get(other.path) for other in (SessionKey(key.uuid), TrashKey(key.uuid))
                ):
                    unnamed[key.uuid] = None
            self._without_owned(unnamed)
            self.unreferenced["bytes"] += len(unnamed)

    def _without_owned(self, uuids: dict[str, None]) -> None:
        for listed in self._listed(layout.BLOBS) if uuids else ():
            try:
                blob = self._read(layout.parse(listed.key))
            except (StrayKey, CorruptRecord):
                continue
            if blob is not None and blob.data is not None:
                uuids.pop(blob.data, None)

    def _strange_tops(self) -> None:
        for of_bytes in (False, True):
            after = ""
            where = self._store.bytes if of_bytes else self._store.records
            while page := where.list("", after, 1):
                path = page[0].key
                top, slash, _ = path.partition("/")
                if path != layout.FORMAT and top + slash not in TOPS:
                    self._tell("stray", path, "nothing of ours has this name; take it away")
                after = f"{top}/~" if slash else path  # `~` is above every character of a key


def _groups(keys: Iterable[Key], count: int) -> Iterator[list[Key]]:
    group: list[Key] = []
    for key in keys:
        group.append(key)
        if len(group) == count:
            yield group
            group = []
    if group:
        yield group


def _named(target: Key) -> str:
    if isinstance(target, LinkKey):
        return f"blob {target.digest}"
    assert isinstance(target, ManifestKey)
    return f"manifest {target.digest}"


_PLURAL: Final = {
    "catalog": "repositories",
    "blob": "blobs",
    "link": "links",
    "manifest": "manifests",
    "tag": "tags",
    "referrer": "referrers",
    "session": "uploads",
    "trash": "trash",
    "data": "bytes",
    "probe": "collector",
}
