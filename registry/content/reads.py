"""What readers see: firm records of the repository's present life. Nothing here is synced, nothing written.

Records are read in the order catalog, then the rest. Parsed records are kept in memory where the store gives stamps
(`HasStamp`): each use asks for the stamp again, so a change by any process is seen at once. Absence is never kept.
All methods block for as long as the store takes to give a small record.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Any

from oci_spec import media_type
from oci_spec.digest import Digest
from registry.content import layout
from registry.content.errors import BlobUnknown, ManifestUnknown, NameUnknown
from registry.content.layout import BlobKey, CatalogKey, Key, LinkKey, ManifestKey, ReferrerKey, TagKey
from registry.content.records import Record
from storage_backends.base import HasStamp, HasUnchanged, Store


class Records:
    """Parsed records by key: at most `limit` of them, manifests among them at most `limit_bytes` long in all."""

    def __init__(self, store: Store, limit: int = 20_000, limit_bytes: int = 16 << 20) -> None:
        self._store = store
        self._stamped = store if isinstance(store, HasStamp) else None
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[tuple[int, ...], Record]] = OrderedDict()

    def get(self, key: Key) -> Record | None:
        path = key.path
        if self._stamped is None:
            return self._read(path)
        stamp = self._stamped.stamp(path)
        if stamp is None:
            return None
        kept = self._kept.get(path)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        record = self._read(path)
        if record is not None and self._stamped.settled(stamp) and self._stamped.stamp(path) == stamp:
            self._keep(path, stamp, record)
        return record

    def stamp_of(self, key: Key, record: Record | None) -> tuple[int, ...] | None:
        """The stamp under which this very record is kept, None where it is not."""
        kept = self._kept.get(key.path)
        return kept[0] if kept is not None and kept[1] is record else None

    def _read(self, path: str) -> Record | None:
        stored = self._store.records.get(path)
        return None if stored is None else Record.read(stored, path)

    def _keep(self, path: str, stamp: tuple[int, ...], record: Record) -> None:
        with self._lock:
            old = self._kept.pop(path, None)
            if old is not None:
                self._bytes -= len(old[1].tail)
            self._kept[path] = (stamp, record)
            self._bytes += len(record.tail)
            while self._kept and (len(self._kept) > self._limit or self._bytes > self._limit_bytes):
                _, (_, oldest) = self._kept.popitem(last=False)
                self._bytes -= len(oldest.tail)


class Witness:
    """What an answer rests on: records and their stamps. While they are the same, so is the answer."""

    __slots__ = ("_stamps",)

    def __init__(self, stamps: Sequence[tuple[str, tuple[int, ...]]]) -> None:
        self._stamps = tuple(stamps)

    def holds(self, store: HasStamp) -> bool:
        """Whether none of the records has changed since."""
        return all(store.stamp(path) == then for path, then in self._stamps)

    def quickly_holds(self, store: HasUnchanged) -> bool:
        """As `holds`, of a store that can tell at once."""
        return store.unchanged(self._stamps)


class Noting:
    """Records that note what is read of them, as long as each is kept under a stamp."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._stamps: list[tuple[str, tuple[int, ...]]] = []
        self._complete = True

    def get(self, key: Key) -> Record | None:
        record = self._records.get(key)
        stamp = self._records.stamp_of(key, record)
        if stamp is None:
            self._complete = False
        else:
            self._stamps.append((key.path, stamp))
        return record

    def witness(self) -> Witness | None:
        """Of everything that was read; None where something was absent, or too new to be kept."""
        return Witness(self._stamps) if self._complete else None


class Reads:
    """The reading half of a registry over one store."""

    def __init__(self, store: Store, records: Records | Noting | None = None) -> None:
        self.store = store
        self.records = Records(store) if records is None else records

    def noting(self) -> tuple[Reads, Noting]:
        """These reads, and what notes on which records their answers rest."""
        assert isinstance(self.records, Records)
        noting = Noting(self.records)
        return Reads(self.store, noting), noting

    def life(self, repository: str) -> str:
        """The id of the repository's life. Raises NameUnknown."""
        record = self.records.get(CatalogKey(repository))
        if record is None:
            raise NameUnknown(repository)
        return record.id

    def manifest(self, repository: str, digest: Digest) -> Record:
        """The manifest's record; `tail` is its exact bytes. Raises NameUnknown, ManifestUnknown."""
        life = self.life(repository)
        record = self.records.get(ManifestKey(repository, digest))
        if record is None or not record.firm or record.life != life:
            raise ManifestUnknown(repository, str(digest))
        return record

    def tagged(self, repository: str, tag: str) -> tuple[Digest, Record]:
        """What a tag shows: the manifest's digest and record. Raises NameUnknown, ManifestUnknown."""
        life = self.life(repository)
        key = TagKey(repository, tag)
        record = self.records.get(key)
        while True:
            shown = self._shown(repository, life, record)
            if shown is not None:
                return shown
            again = self.records.get(key)  # moved between the two reads, and the old manifest gone: not unknown
            if again is None or record is None or again.version == record.version:
                raise ManifestUnknown(repository, f"tagged {tag!r}")
            record = again

    def _shown(self, repository: str, life: str, tag: Record | None) -> tuple[Digest, Record] | None:
        if tag is None or tag.life != life:
            return None
        shown = tag.fields["shown"]
        if not shown:
            return None
        if tag.answer is None:
            tag.answer = Digest.parse(shown["digest"])
        digest: Digest = tag.answer
        record = self.records.get(ManifestKey(repository, digest))
        if record is None or not record.firm or record.life != life or record.id != shown["id"]:
            return None
        return digest, record

    def blob(self, repository: str, digest: Digest) -> Record:
        """The blob's record: `data` names its bytes, `size` counts them. Raises NameUnknown, BlobUnknown.

        The bytes may be gone at open, after a deletion or a quarantine: ask again then.
        """
        return self.held(repository, digest)[1]

    def held(self, repository: str, digest: Digest) -> tuple[Record, Record]:
        """The repository's link to a blob, and the blob's record; as `blob`."""
        life = self.life(repository)
        link = self.records.get(LinkKey(repository, digest))
        if link is None or link.life != life:
            raise BlobUnknown(repository, digest)
        record = self.records.get(BlobKey(digest))
        if record is None or not record.firm or record.data is None:
            raise BlobUnknown(repository, digest)
        return link, record

    def tags(self, repository: str, after: str = "", limit: int | None = None) -> tuple[list[str], bool]:
        """(tags above `after` in byte order, whether more follow). Raises NameUnknown."""
        life = self.life(repository)
        names: list[str] = []
        for path in self._paths(layout.tags_of(repository), after, limit):
            key = layout.parse(path)
            assert isinstance(key, TagKey)
            if self._shown(repository, life, self.records.get(key)) is not None:
                if limit is not None and len(names) == limit:
                    return names, True
                names.append(key.tag)
        return names, False

    def repositories(
        self, may_pull: Callable[[str], bool], after: str = "", limit: int | None = None
    ) -> tuple[list[str], bool]:
        """(repositories above `after` in the order of their components, whether more follow)."""
        names: list[str] = []
        for path in self._paths(layout.CATALOG, layout.folded(after), limit):
            key = layout.parse(path)
            assert isinstance(key, CatalogKey)
            if may_pull(key.repository):
                if limit is not None and len(names) == limit:
                    return names, True
                names.append(key.repository)
        return names, False

    def referrers(self, repository: str, subject: Digest) -> list[dict[str, Any]]:
        """Descriptors of the manifests whose subject is this digest, in the order of their digests, as JSON objects.

        Those of the fallback tag's index, put there by clients of registries without this list, are merged in
        (distribution-spec, Referrers Tag Schema). Empty for what is not known here.
        """
        try:
            life = self.life(repository)
        except NameUnknown:
            return []
        found: dict[str, dict[str, Any]] = {}
        for path in self._paths(layout.referrers_of(repository, subject), "", None):
            key = layout.parse(path)
            assert isinstance(key, ReferrerKey)
            entry = self.records.get(key)
            manifest = self.records.get(ManifestKey(repository, key.digest))
            if entry is None or manifest is None or not manifest.firm or manifest.life != life:
                continue
            found[str(key.digest)] = _descriptor(entry, key.digest)
        for descriptor in self._fallback(repository, life, subject):
            found.setdefault(descriptor["digest"], descriptor)
        return [found[digest] for digest in sorted(found)]

    def _fallback(self, repository: str, life: str, subject: Digest) -> Iterator[dict[str, Any]]:
        tag = self.records.get(TagKey(repository, f"{subject.algorithm}-{subject.hex}"))
        shown = self._shown(repository, life, tag)
        if shown is None or not shown[1].manifest.is_index:
            return
        for entry in shown[1].manifest.manifests:
            listed = self.records.get(ManifestKey(repository, entry.digest))
            if listed is None or not listed.firm or listed.life != life:
                continue
            parsed = listed.manifest
            if parsed.subject is not None and parsed.subject.digest != subject:
                continue
            descriptor: dict[str, Any] = {
                "mediaType": parsed.media_type,
                "digest": str(entry.digest),
                "size": len(listed.tail),
            }
            artifact_type = entry.artifact_type or parsed.artifact_type
            if artifact_type is not None:
                descriptor["artifactType"] = artifact_type
            annotations = {**entry.annotations, **parsed.annotations}
            if annotations:
                descriptor["annotations"] = annotations
            yield descriptor

    def _paths(self, prefix: str, after: str, limit: int | None) -> Iterator[str]:
        last = f"{prefix}{after}" if after else ""
        count = 1000 if limit is None else min(1000, limit + 1)
        while True:
            page: Sequence[Any] = self.store.records.list(prefix, last, max(count, 1))
            if not page:
                return
            for listed in page:
                yield listed.key
            last = page[-1].key


def _descriptor(entry: Record, digest: Digest) -> dict[str, Any]:
    fields = entry.fields
    descriptor: dict[str, Any] = {
        "mediaType": fields.get("mediaType", media_type.OCI_MANIFEST),
        "digest": str(digest),
        "size": fields["size"],
    }
    for name in ("artifactType", "annotations"):
        if name in fields:
            descriptor[name] = fields[name]
    return descriptor
