"""What a client does to a store, by the registry's own steps: no server between."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from oci_spec import media_type
from oci_spec.digest import Digest
from oci_spec.manifest import parse_manifest
from registry.content import blobs, manifests, tags, uploads
from registry.content.layout import DataKey
from registry.content.reads import Reads
from registry.content.records import Author, Record
from registry.content.steps import Steps, drive
from storage_backends.base import Store

EMPTY = b"{}"


class WriteBytes:
    """The one operation that the registry does beside its steps: a body arrives."""

    def __init__(self, uuid: str, data: bytes) -> None:
        self.key, self.data = DataKey(uuid), data

    def do(self, store: Store) -> None:
        with store.bytes.write(self.key.path, 0) as writer:
            writer.write(self.data)


def push_blob(repository: str, data: bytes, author: Author, algorithm: str = "sha256") -> Steps[Record]:
    """An upload in one session, up to the answer 201: the link."""
    uuid = secrets.token_hex(16)
    session = yield from uploads.begin(repository, uuid, author)
    yield WriteBytes(uuid, data)
    return (yield from uploads.complete(uuid, session, Digest.of(data, algorithm), len(data), None))


def descriptor(data: bytes, type_: str = media_type.OCI_LAYER) -> dict[str, Any]:
    return {"mediaType": type_, "digest": str(Digest.of(data)), "size": len(data)}


def image(layers: Sequence[bytes | dict[str, Any]], subject: bytes | None = None, note: str = "") -> bytes:
    """An image manifest; layers are their bytes, or descriptors as they should stand there."""
    body: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media_type.OCI_MANIFEST,
        "config": descriptor(EMPTY, media_type.OCI_EMPTY),
        "layers": [layer if isinstance(layer, dict) else descriptor(layer) for layer in layers],
        "annotations": {"note": note},
    }
    if subject is not None:
        body["subject"] = descriptor(subject, media_type.OCI_MANIFEST)
    return json.dumps(body).encode()


def index(entries: Sequence[bytes | dict[str, Any]], note: str = "") -> bytes:
    """An index; entries are manifests' bytes, or descriptors."""
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": media_type.OCI_INDEX,
            "manifests": [
                entry if isinstance(entry, dict) else descriptor(entry, json.loads(entry)["mediaType"])
                for entry in entries
            ],
            "annotations": {"note": note},
        }
    ).encode()


class Client:
    """Pushes, deletes and reads, each to its end."""

    def __init__(self, store: Store, at: float | None = None) -> None:
        self.store = store
        self.at = at
        """When it says it does things, seconds since 1970; None: now."""

    @property
    def author(self) -> Author:
        now = datetime.now(UTC) if self.at is None else datetime.fromtimestamp(self.at, UTC)
        return Author("ann", now.isoformat())

    def push(self, repository: str, *datas: bytes) -> None:
        for data in datas:
            drive(push_blob(repository, data, self.author), self.store)

    def begin(self, repository: str, data: bytes = b"") -> str:
        """An upload that is not closed: its UUID."""
        uuid = secrets.token_hex(16)
        drive(uploads.begin(repository, uuid, self.author), self.store)
        if data:
            WriteBytes(uuid, data).do(self.store)
        return uuid

    def put(self, repository: str, body: bytes, *names: str, sparse: bool = False) -> Digest:
        digest = Digest.of(body)
        steps = manifests.put(repository, digest, parse_manifest(body, None), names, self.author, sparse=sparse)
        drive(steps, self.store)
        return digest

    def image(self, repository: str, layers: Sequence[bytes], *names: str, subject: bytes | None = None) -> bytes:
        """Pushes the layers and the manifest, whose bytes it returns."""
        self.push(repository, EMPTY, *layers)
        body = image(layers, subject)
        self.put(repository, body, *names)
        return body

    def index(self, repository: str, entries: Sequence[bytes | dict[str, Any]], *names: str) -> bytes:
        body = index(entries)
        self.put(repository, body, *names)
        return body

    def delete(self, repository: str, body: bytes) -> None:
        drive(manifests.delete(repository, Digest.of(body)), self.store)

    def delete_tag(self, repository: str, name: str) -> None:
        drive(tags.delete(repository, name), self.store)

    def delete_blob(self, repository: str, data: bytes) -> None:
        drive(blobs.delete(repository, Digest.of(data)), self.store)

    def mount(self, source: str, repository: str, data: bytes) -> bool:
        return drive(blobs.mount(source, repository, Digest.of(data), self.author), self.store) is not None

    def read(self, repository: str, data: bytes) -> bytes:
        """The blob's bytes as a reader gets them. Raises BlobUnknown, NameUnknown, BytesGone."""
        record = Reads(self.store).blob(repository, Digest.of(data))
        assert record.data is not None
        return self.store.bytes.read(DataKey(record.data).path, 0, record.size + 1)

    def pull(self, repository: str, body: bytes) -> None:
        """Reads a manifest and all that it names, comparing bytes. Raises what a reader would get."""
        reads = Reads(self.store)
        record = reads.manifest(repository, Digest.of(body))
        assert record.tail == body
        parts = record.manifest
        for digest in parts.links:
            blob = reads.blob(repository, digest)
            assert blob.data is not None
            assert Digest.of(self.store.bytes.read(DataKey(blob.data).path, 0, blob.size + 1)) == digest
        for digest in parts.children:
            self.pull(repository, reads.manifest(repository, digest).tail)


def keys(store: Store, prefix: str = "") -> list[str]:
    """Every key that is there, of records and of bytes, but the format and what collectors keep."""
    found = {listed.key for where in (store.records, store.bytes) for listed in where.list(prefix, "", 1_000_000)}
    return sorted(key for key in found if not key.startswith(("gc/", "format.json")))
