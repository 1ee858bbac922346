"""A store small enough to be a value: cells in a fixed universe of keys, what was promised, and what must hold.

A cell is (value, older values that a power cut may bring back, how often it was written). The ghost is the set of
answers that were given, and of what was deleted on request; the rules for both are in `apply`.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from oci_spec.digest import Digest
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
from registry.content.lifecycle import targets
from registry.content.records import FRESH, Record
from registry.content.steps import (
    ABSENT,
    ANY,
    BytesDelete,
    BytesFinish,
    BytesSize,
    BytesSync,
    Delete,
    Get,
    Page,
    Put,
    Sync,
)
from storage_backends.errors import BytesGone

Cell = tuple[Any, tuple[Any, ...], int]
Cells = tuple[Cell, ...]
Ghost = frozenset[tuple[Any, ...]]
GIVEN = Record({"bytes": True})


class WriteBytes:
    """What a client sends arrives: the bytes are there, not yet durable."""

    def __init__(self, key: DataKey) -> None:
        self.key = key


class Answered:
    """201 was sent. `creation` of a manifest: a requested deletion of just that one meanwhile ends the promise."""

    def __init__(self, key: Key, life: str, born: str, creation: tuple[Any, ...] | None = None) -> None:
        self.promise = (key.path, life, born)
        self.creation = creation


class World:
    def __init__(self, keys: list[Key], *, power: bool, scrubbed: bool, untagged: bool, immutable: bool) -> None:
        self.keys = sorted(keys)
        self.at = {key.path: n for n, key in enumerate(self.keys)}
        self.verdicts: dict[Any, str | None] = {}
        self.power, self.scrubbed, self.untagged = power, scrubbed, untagged
        self.immutable = immutable

    # ------------------------------------------------------------------------------------------ one operation
    def silent(self, op: object) -> bool:
        """Changes nothing and tells nothing: no reason to let others go first."""
        return isinstance(op, (Sync, BytesSync)) and not self.power

    def apply(self, op: Any, cells: Cells, ghost: Ghost, withdraws: str) -> tuple[Any, Cells, Ghost]:
        """-> (result, cells, ghost). `withdraws`: '' | 'untagged' | 'asked', what the thread's deletions mean."""
        match op:
            case Get():
                n = self.at.get(op.key.path)
                return None if n is None else cells[n][0], cells, ghost
            case Page():
                at = op.after or op.prefix
                for key, cell in zip(self.keys, cells, strict=True):
                    if key.path.startswith(op.prefix) and key.path > at and cell[0] is not None:
                        if (key.kind == "data") == op.of_bytes:
                            return [(key.path, 0.0)], cells, ghost
                return [], cells, ghost
            case BytesSize():
                return None if cells[self.at[op.key.path]][0] is None else 1, cells, ghost
            case Answered():
                if ("withdrawn", op.creation) in ghost or ("withdrawn", op.promise[0]) in ghost:
                    return None, cells, ghost
                return None, cells, ghost | {op.promise}
            case Sync():
                return None, self._synced(cells, [key.path for key in op.keys]), ghost
            case BytesSync():
                return None, self._synced(cells, [op.key.path]), ghost
            case BytesFinish():
                if cells[self.at[op.key.path]][0] is None:
                    raise BytesGone(op.key.path)
                return None, self._synced(cells, [op.key.path]), ghost
            case WriteBytes():
                return None, self._write(cells, self.at[op.key.path], GIVEN), ghost
            case BytesDelete():
                n = self.at[op.key.path]
                return None, self._write(cells, n, None) if cells[n][0] is not None else cells, ghost
            case Put():
                return self._put(op, cells, ghost)
            case Delete():
                return self._delete(op, cells, ghost, withdraws)
        raise AssertionError(f"unknown operation {op!r}")

    def _synced(self, cells: Cells, paths: list[str]) -> Cells:
        if not self.power:
            return cells
        prefixes = tuple(path for path in paths if path.endswith("/"))
        return tuple(
            (cell[0], (), cell[2]) if cell[1] and (key.path in paths or key.path.startswith(prefixes)) else cell
            for key, cell in zip(self.keys, cells, strict=True)
        )

    def _write(self, cells: Cells, n: int, value: Any) -> Cells:
        old, older, count = cells[n]
        kept = tuple(dict.fromkeys((old, *older))) if self.power else ()
        return (*cells[:n], (value, kept, count + (value is not None)), *cells[n + 1 :])

    @staticmethod
    def _refused(value: Record | None, expected: Any) -> bool:
        if expected is ABSENT:
            return value is not None
        return expected is not ANY and (value is None or value.version != expected)

    def _put(self, op: Put, cells: Cells, ghost: Ghost) -> tuple[Any, Cells, Ghost]:
        n = self.at[op.key.path]
        value, _, count = cells[n]
        if self._refused(value, op.expected):
            return None, cells, ghost
        version, fields = str(count + 1), op.record.fields
        if fields.get("id") == FRESH:
            fields = {**fields, "id": version}
        if isinstance(op.key, LinkKey) and "born" not in fields:
            fields = {**fields, "born": version}  # a field that the code does not know: swaps keep it
        record = Record(fields, op.record.tail, version)
        cells = self._write(cells, n, record)
        return record, self._synced(cells, [op.key.path]) if op.sync else cells, ghost

    def _delete(self, op: Delete, cells: Cells, ghost: Ghost, withdraws: str) -> tuple[Any, Cells, Ghost]:
        n = self.at[op.key.path]
        value, _, _ = cells[n]
        if self._refused(value, op.expected):
            return False, cells, ghost
        if value is not None:
            ghost = self._forget(op.key, value, cells, ghost, withdraws)
            cells = self._write(cells, n, None)
        return value is not None, self._synced(cells, [op.key.path]) if op.sync else cells, ghost

    def _forget(self, key: Key, value: Record, cells: Cells, ghost: Ghost, withdraws: str) -> Ghost:
        """A promise ends when its subject is deleted on request, or was never more than a link."""
        path = key.path
        if isinstance(key, LinkKey) or (withdraws and isinstance(key, ManifestKey)):
            ghost = frozenset(g for g in ghost if g[0] != path)
        if isinstance(key, ManifestKey) and withdraws:
            ghost |= {("withdrawn", (path, value.id, tagged)) for tagged in {False, withdraws == "asked"}}
        if isinstance(key, TagKey) and withdraws == "asked":
            ghost = frozenset(g for g in ghost if g[0] != path) | {("withdrawn", path)}
        if isinstance(key, CatalogKey) and withdraws == "asked":
            ghost = frozenset(g for g in ghost if g[0] != path) | {("over", path, value.id)}
        if isinstance(key, ManifestKey) and withdraws == "asked":
            for tag in self.keys:
                record = cells[self.at[tag.path]][0]
                if isinstance(tag, TagKey) and record and _shown(record) == str(key.digest):
                    ghost = frozenset(g for g in ghost if g[0] != tag.path)
                    ghost |= {("gone", tag.path, record.version, value.id)}
        return ghost

    # ------------------------------------------------------------------------------------------ what must hold
    def judge(self, cells: Cells, ghost: Ghost) -> str | None:
        """None, or what is broken."""
        key = (tuple(c[0] for c in cells), ghost)
        if key not in self.verdicts:
            self.verdicts[key] = _Judge(self, cells, ghost).verdict()
        return self.verdicts[key]

    def garbage(self, cells: Cells) -> str | None:
        """What two collections should have removed."""
        have = {key.path: (key, cell[0]) for key, cell in zip(self.keys, cells, strict=True) if cell[0] is not None}
        named: set[str] = set()
        for key, record in have.values():
            named |= {target.path for group in targets(key, record) for target in group}
            if isinstance(key, BlobKey) and record.data is not None:
                named.add(DataKey(record.data).path)
            if isinstance(key, TagKey) and record.fields["shown"]:
                named.add(ManifestKey(key.repository, Digest.parse(record.fields["shown"]["digest"])).path)
            if isinstance(key, ManifestKey) and record.firm and record.manifest.subject is not None:
                if ManifestKey(key.repository, record.manifest.subject.digest).path in have:
                    named.add(key.path)
        for path, (key, record) in have.items():
            if isinstance(key, (ManifestKey, LinkKey, TagKey)):
                life = have.get(CatalogKey(key.repository).path)
                if life is None or life[1].id != record.life:
                    return f"{path} of a life that is over, left over"
            if isinstance(key, SessionKey):
                return f"{path} left over"
            if isinstance(key, TrashKey) and not (self.scrubbed and DataKey(key.uuid).path in named):
                return f"{path} left over"
            if isinstance(key, ReferrerKey) and ManifestKey(key.repository, key.digest).path not in have:
                return f"{path} left over"
            if isinstance(key, TagKey) and record.fields["announced"]:
                return f"{path} announces, left over"
            if record.condemned:
                return f"{path} condemned, left over"
            loose = isinstance(key, (LinkKey, BlobKey, DataKey)) or (
                isinstance(key, ManifestKey) and (self.untagged or not record.firm)
            )
            if loose and path not in named:
                return f"{path} left over"
        return None

    def cuts(self, cells: Cells) -> Any:
        """The values that a power cut may leave: of each cell the newest, or any older one since its last sync."""
        return product(*((c[0], *c[1]) for c in cells)) if self.power else [tuple(c[0] for c in cells)]


def _shown(tag: Record) -> str | None:
    return tag.fields["shown"]["digest"] if tag.fields["shown"] else None


class _Judge:
    def __init__(self, world: World, cells: Cells, ghost: Ghost) -> None:
        self.world, self.cells, self.ghost = world, cells, ghost

    def get(self, key: Key) -> Any:
        n = self.world.at.get(key.path)
        return None if n is None else self.cells[n][0]

    def blob(self, repository: str, digest: Digest, life: str) -> bool:
        link, record = self.get(LinkKey(repository, digest)), self.get(BlobKey(digest))
        if record and self.world.scrubbed and not record.firm:
            return True  # quarantined: unreadable by intent
        return bool(link and link.life == life and record and record.firm and self.get(DataKey(record.data)))

    def readable(self, repository: str, digest: Digest) -> Any:
        record, now = self.get(ManifestKey(repository, digest)), self.get(CatalogKey(repository))
        return record if record and record.firm and now and record.life == now.id else None

    def tagged(self, tag: Any, repository: str) -> Any:
        """The readable manifest of the id that a tag record shows."""
        if not tag or not tag.fields["shown"]:
            return None
        shown = tag.fields["shown"]
        record = self.readable(repository, Digest.parse(shown["digest"]))
        return record if record and shown["id"] in (record.id, "0") else None

    def verdict(self) -> str | None:
        for key in self.world.keys:
            if isinstance(key, BlobKey):
                record = self.get(key)
                if record and record.firm and not self.get(DataKey(record.data)):
                    return f"{key} firm without bytes"
            if isinstance(key, ManifestKey) and (record := self.readable(key.repository, key.digest)):
                required, _ = targets(key, record)
                for part in required:
                    if isinstance(part, LinkKey) and not self.blob(part.repository, part.digest, record.life):
                        return f"{key} readable, lacks {part}"
                    if isinstance(part, ManifestKey) and not self.readable(part.repository, part.digest):
                        return f"{key} readable, lacks {part}"
                subject = record.manifest.subject
                if subject and not self.get(ReferrerKey(key.repository, subject.digest, key.digest)):
                    return f"{key} readable, its subject does not list it"
        for promise in self.ghost:
            if bad := self._broken(promise):
                return bad
        return None

    def _broken(self, promise: tuple[Any, ...]) -> str | None:
        kind, *rest = promise
        if kind in ("over", "withdrawn"):
            return None
        if kind == "gone":
            path, version, creation = rest
            key = layout.parse(path)
            assert isinstance(key, TagKey)
            tag = self.get(key)
            if tag and tag.version == version and (shown := self.tagged(tag, key.repository)):
                if shown.id != creation:
                    return f"{path}: came back with a digest pushed again"
            return None
        life, born = rest
        key = layout.parse(kind)
        assert isinstance(key, (LinkKey, ManifestKey, TagKey))
        if ("over", CatalogKey(key.repository).path, life) in self.ghost:
            return None
        if isinstance(key, LinkKey):
            link = self.get(key)
            if not link or link.fields["born"] != born:
                return None  # collected, as nothing named it, and with it all that was promised
            if not self.blob(key.repository, key.digest, life):
                return f"accepted {key} unreadable"
        now = self.get(CatalogKey(key.repository))
        if not now or now.id != life:
            return f"accepted {key}: its repository is lost"
        if isinstance(key, ManifestKey) and not self.readable(key.repository, key.digest):
            return f"accepted {key} unreadable"
        if isinstance(key, TagKey):
            tag = self.get(key)
            if not (tag and tag.life == life and self.tagged(tag, key.repository)):
                return f"accepted {key} shows nothing"
            if self.world.immutable and _shown(tag) != born:
                return f"accepted {key} was to stay at {born}, shows {_shown(tag)}"
        return None
