"""Reads interleaved with writes at every store operation."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oci_spec import media_type
from oci_spec.digest import Digest
from oci_spec.manifest import parse_manifest
from registry.content import layout, manifests, sweep, tags, uploads
from registry.content.errors import ManifestUnknown, PartsUnknown
from registry.content.layout import DataKey, LinkKey, ManifestKey, TagKey
from registry.content.reads import Reads
from registry.content.records import Author
from registry.content.steps import Steps, drive
from storage_backends.base import HasStamp
from storage_backends.memory import MemoryStore
from tests.content.beside import StoreBeside, Writers

AUTHOR = Author("ann", "2026-01-01T00:00:00Z")
LAYER = b"layer"
BODIES = [
    (
        f'{{"schemaVersion":2,"mediaType":"{media_type.OCI_MANIFEST}","config":{{"mediaType":"{media_type.OCI_CONFIG}",'
        f'"digest":"{Digest.of(LAYER)}","size":{len(LAYER)}}},"layers":[],"annotations":{{"n":"{n}"}}}}'
    ).encode()
    for n in range(3)
]
DIGESTS = [Digest.of(body) for body in BODIES]
SEEDS = st.integers(0, 2**32)


def push_layer(store: MemoryStore) -> None:
    uuid = "1" * 32
    session = drive(uploads.begin("app", uuid, AUTHOR), store)
    with store.bytes.write(DataKey(uuid).path, 0) as writer:
        writer.write(LAYER)
    drive(uploads.complete(uuid, session, Digest.of(LAYER), len(LAYER), None), store)


def put(n: int, *names: str) -> Steps[Any]:
    return manifests.put("app", DIGESTS[n], parse_manifest(BODIES[n], None), names, AUTHOR)


def loaded() -> MemoryStore:
    store = MemoryStore(power_cuts=False)
    store.open()
    push_layer(store)
    drive(put(0, "latest"), store)
    return store


def movers(random: Random) -> list[Any]:
    """Moves of one tag, and a collector that takes what is untagged at once."""
    return [
        lambda: put(random.randrange(3), "latest"),
        lambda: put(random.randrange(3), "latest"),
        lambda: sweep.manifests([ManifestKey("app", digest) for digest in DIGESTS], untagged=True),
        lambda: sweep.links([LinkKey("app", Digest.of(LAYER))]),
    ]


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_a_tag_that_moves_is_never_unknown_and_what_it_shows_is_whole(seed: int) -> None:
    random, store = Random(seed), loaded()
    writers = Writers(store, random, movers(random))
    reads = Reads(StoreBeside(store, writers))  # type: ignore[arg-type]  # the reader's half of a store
    for _ in range(30):
        digest, record = reads.tagged("app", "latest")
        assert Digest.of(record.tail) == digest
    assert writers.operations > 100


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_a_kept_record_is_what_the_store_says_now(seed: int) -> None:
    random, store = Random(seed), loaded()
    writers = Writers(store, random, movers(random))
    kept = Reads(store)
    assert isinstance(store, HasStamp)
    for _ in range(40):
        writers.advance(30)
        for key in (TagKey("app", "latest"), *(ManifestKey("app", digest) for digest in DIGESTS)):
            assert kept.records.get(key) == Reads(store).records.get(key)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, size=st.integers(1, 7))
def test_pages_of_tags_hold_each_lasting_tag_once_and_in_order(seed: int, size: int) -> None:
    random, store = Random(seed), loaded()
    lasting = sorted(f"v{n}" for n in range(12))
    for name in lasting:
        drive(put(0, name), store)
    passing = [f"v{n}-rc" for n in range(12)]
    writers = Writers(
        store,
        random,
        [lambda: put(random.randrange(3), random.choice(passing)), lambda: tags.delete("app", random.choice(passing))],
    )
    reads = Reads(StoreBeside(store, writers, most=10))  # type: ignore[arg-type]  # the reader's half of a store
    found: list[str] = []
    more, last = True, ""
    while more:
        names, more = reads.tags("app", last, size)
        assert len(names) <= size
        found += names
        last = names[-1] if names else last
        assert names or not more
    assert found == sorted(set(found))
    assert [name for name in found if name in {*lasting, "latest"}] == ["latest", *lasting]
    assert set(found) <= {*lasting, *passing, "latest"}


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_a_layer_that_a_lasting_manifest_names_is_always_readable(seed: int) -> None:
    random, store = Random(seed), loaded()
    drive(put(1, "lasting"), store)
    writers = Writers(store, random, movers(random))
    reads = Reads(StoreBeside(store, writers))  # type: ignore[arg-type]  # the reader's half of a store
    for _ in range(30):
        record = reads.blob("app", Digest.of(LAYER))
        assert record.data is not None
        assert store.bytes.read(DataKey(record.data).path, 0, 100) == LAYER


def test_a_deleted_digest_pushed_again_does_not_bring_its_tags_back() -> None:
    store = loaded()
    drive(manifests.delete("app", DIGESTS[0]), store)
    drive(put(0, "other"), store)
    reads = Reads(store)
    with pytest.raises(ManifestUnknown):
        reads.tagged("app", "latest")
    assert reads.tags("app") == (["other"], False)


def test_what_a_strict_push_left_pending_a_sparse_push_may_finish() -> None:
    store = MemoryStore(power_cuts=False)
    store.open()
    with pytest.raises(PartsUnknown):
        drive(put(0, "latest"), store)
    drive(manifests.put("app", DIGESTS[0], parse_manifest(BODIES[0], None), ["latest"], AUTHOR, sparse=True), store)
    assert Reads(store).tagged("app", "latest")[0] == DIGESTS[0]


def test_repositories_come_in_the_order_of_their_components() -> None:
    store = MemoryStore(power_cuts=False)
    store.open()
    for name in ("a-b", "a", "a/b", "a.b", "a/b/c", "a0"):
        drive(uploads.begin(name, Digest.of(name.encode()).hex[:32], AUTHOR), store)
    found, more = Reads(store).repositories(lambda _: True)
    assert found == ["a", "a/b", "a/b/c", "a-b", "a.b", "a0"]
    assert not more
    page, more = Reads(store).repositories(lambda _: True, "a/b", 2)
    assert (page, more) == (["a/b/c", "a-b"], True)


def test_every_key_is_read_as_it_is_spelled() -> None:
    digest = DIGESTS[0]
    keys = [
        layout.CatalogKey("a/b"),
        layout.BlobKey(digest),
        LinkKey("a/b", digest),
        ManifestKey("a/b", digest),
        TagKey("a/b", "t"),
        layout.ReferrerKey("a/b", digest, DIGESTS[1]),
        layout.SessionKey("1" * 32),
        layout.TrashKey("1" * 32),
        DataKey("1" * 32),
    ]
    for key in keys:
        assert layout.parse(key.path) == key
        assert type(layout.parse(key.path)) is type(key)
    for stray in ("catalog/a/b", "blobs/sha256/aa/bb", "links/x", "repos/a/tags/t/u", "lost+found"):
        with pytest.raises(layout.StrayKey):
            layout.parse(stray)
