"""Records as values: what every kind of record shares, and how each kind begins.

A record is read, changed with `but` and swapped back; fields that this version does not know stay as they are.

====================  ==========================================================================
kind                  fields
====================  ==========================================================================
catalog               id, created, settings, condemned (a collector looks whether it is empty)
blob                  firm, condemned, data (UUID of its bytes or null), size
link                  condemned, life
manifest              firm, condemned, life, id, type, at, by, sparse (its parts may be absent)
tag                   life, shown {digest, id, seq, prev, at, by} or null, announced [{digest, id}]
referrer entry        mediaType, size, artifactType, annotations
session               repo, life, user, offset, digest (null until closed), state, at
trash                 digest or null
====================  ==========================================================================
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from oci_spec.digest import Digest
from oci_spec.manifest import Manifest, parse_manifest
from storage_backends.base import Stored, unseal
from storage_backends.errors import CorruptRecord

FRESH: Final = "\0fresh"
"""As the value of `id`: the nonce of the write that creates the record takes its place."""


class Author(NamedTuple):
    """Who does it, and when (RFC 3339, UTC): what records say of a change."""

    by: str
    at: str


class Record:
    """Immutable. `version` and `mtime` are the store's; a record not yet written has version ""."""

    __slots__ = ("_manifest", "_text", "answer", "fields", "mtime", "tail", "version")

    def __init__(self, fields: dict[str, Any], tail: bytes = b"", version: str = "", mtime: float = 0.0) -> None:
        self.fields = fields
        self.tail = tail
        self.version = version
        self.mtime = mtime
        self._manifest: Manifest | None = None
        self._text = ""
        self.answer: Any = None  # what a server prepared to say of this very version

    @classmethod
    def read(cls, stored: Stored, key: str) -> Record:
        """Raises CorruptRecord for what is none, or says something unknown of its own state."""
        fields, tail = unseal(stored.value, key)
        for mark in ("firm", "condemned"):
            if not isinstance(fields.get(mark, False), bool):
                raise CorruptRecord(f"{key}: {mark} is {fields[mark]!r}, not true or false")
        return cls(fields, tail, stored.version, stored.mtime)

    def but(self, **changes: Any) -> Record:
        return Record({**self.fields, **changes}, self.tail, self.version, self.mtime)

    @property
    def firm(self) -> bool:
        """Its targets were checked. Kinds without the mark are as firm as they are there."""
        return bool(self.fields.get("firm", True))

    @property
    def condemned(self) -> bool:
        return bool(self.fields.get("condemned", False))

    @property
    def life(self) -> str:
        return str(self.fields.get("life", ""))

    @property
    def id(self) -> str:
        return str(self.fields["id"])

    @property
    def data(self) -> str | None:
        """UUID of the bytes of a blob record."""
        value = self.fields["data"]
        return None if value is None else str(value)

    @property
    def size(self) -> int:
        return int(self.fields["size"])

    @property
    def digest(self) -> Digest | None:
        """Of a session: what it was closed with. Of trash: whose bytes these are or were."""
        value = self.fields.get("digest")
        return None if value is None else Digest.parse(value)

    @property
    def manifest(self) -> Manifest:
        """The parsed bytes of a manifest record. They were checked when they were put: an error is corruption."""
        if self._manifest is None:
            try:
                self._manifest = parse_manifest(self.tail, self.fields["type"])
            except (ValueError, KeyError) as error:
                raise CorruptRecord(f"manifest record {self.version}: {error}") from None
        return self._manifest

    def __repr__(self) -> str:
        if not self._text:
            tail = str(Digest.of(self.tail)) if self.tail else ""
            self._text = f"Record({self.version!r}, {sorted(self.fields.items())!r}, {tail!r})"
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))


def new_catalog(created: str) -> Record:
    return Record({"id": FRESH, "created": created, "settings": {}, "condemned": False})


def new_blob(data: str, size: int) -> Record:
    return Record({"firm": False, "condemned": False, "data": data, "size": size})


def new_link(life: str) -> Record:
    return Record({"condemned": False, "life": life})


def new_manifest(manifest: Manifest, life: str, author: Author, *, sparse: bool = False) -> Record:
    fields: dict[str, Any] = {
        "firm": False,
        "condemned": False,
        "life": life,
        "id": FRESH,
        "type": manifest.media_type,
        "at": author.at,
        "by": author.by,
    }
    if sparse:
        fields["sparse"] = True
    return Record(fields, manifest.raw)


def new_session(repository: str, life: str, author: Author) -> Record:
    return Record(
        {
            "repo": repository,
            "life": life,
            "user": author.by,
            "offset": 0,
            "digest": None,
            "state": None,
            "at": author.at,
        }
    )


def new_trash(digest: Digest | None) -> Record:
    """Due when the record itself is old enough: every put makes it new again."""
    return Record({"digest": None if digest is None else str(digest)})
