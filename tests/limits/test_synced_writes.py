"""How many fsyncs a push costs: each one is a wait for the disk, so their number is held."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from oci_spec import media_type
from oci_spec.digest import Digest
from oci_spec.manifest import parse_manifest
from registry.content import manifests, uploads
from registry.content.layout import DataKey
from registry.content.records import Author
from registry.content.steps import drive
from storage_backends.filesystem import FilesystemStore
from storage_backends.syscalls import Syscalls

AUTHOR = Author("ann", "2026-01-01T00:00:00Z")


class Counting(Syscalls):
    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def fsync(self, fd: int) -> None:
        self.calls["fsync"] += 1
        super().fsync(fd)


def push_blob(store: FilesystemStore, data: bytes) -> None:
    uuid = Digest.of(data).hex[:32]
    session = drive(uploads.begin("team/app", uuid, AUTHOR), store)
    with store.bytes.write(DataKey(uuid).path, 0) as writer:
        writer.write(data)
        state = writer.close()
    drive(uploads.complete(uuid, session, Digest.of(data), len(data), state), store)


def put(store: FilesystemStore, blobs: list[bytes], tag: str) -> None:
    config, *layers = [
        {"mediaType": media_type.OCI_LAYER, "digest": str(Digest.of(blob)), "size": len(blob)} for blob in blobs
    ]
    body = json.dumps(
        {"schemaVersion": 2, "mediaType": media_type.OCI_MANIFEST, "config": config, "layers": layers}
    ).encode()
    drive(manifests.put("team/app", Digest.of(body), parse_manifest(body, None), [tag], AUTHOR), store)


def test_a_push_waits_for_the_disk_so_often_and_no_more(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    counting = Counting()
    store = FilesystemStore(str(tmp_path / "store"), syscalls=counting)
    store.open()
    warm = [b"warm"]
    push_blob(store, warm[0])
    put(store, warm, "warm")
    blobs = [b"%d" % n for n in range(11)]
    counting.calls.clear()
    push_blob(store, blobs[0])
    a_blob = counting.calls["fsync"]
    for blob in blobs[1:]:
        push_blob(store, blob)
    all_blobs = counting.calls["fsync"]
    put(store, blobs, "v1")
    whole = counting.calls["fsync"]
    put(store, blobs, "v1")
    again = counting.calls["fsync"] - whole
    store.close()
    record_property("fsyncs", whole)
    print(
        f"fsyncs: {a_blob} a new blob, {all_blobs} for 11, {whole - all_blobs} the manifest and its tag, "
        f"{whole} in all; {again} for the same manifest again"
    )
    assert a_blob <= 20
    assert whole <= 11 * 20 + 40
    assert again <= 40
