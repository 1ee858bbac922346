"""Random operations on the file system's store and on the model in memory give the same answers."""

from __future__ import annotations

import shutil
import tempfile
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from storage_backends.base import ABSENT, ANY, Expected, Store, seal
from storage_backends.errors import BytesGone, BytesShort, StoreError
from storage_backends.filesystem import FilesystemStore
from storage_backends.memory import MemoryStore

RECORDS = [
    "catalog/a",
    "catalog/a!b",
    "catalog/a-b",
    "format.json",
    "gc/probe",
    "links/sha256/1a/1a0/a",
    "links/sha256/1a/1a0/a!b",
    "links/sha256/1a/1a1/a",
    "links/sha256/1b/1b0/a",
    "repos/a!b/tags/1",
    "repos/a-b/tags/1",
    "repos/a/manifests/sha256/3c/3c0",
    "repos/a/referrers/sha256/3c/3c0/sha256/3d/3d0",
    "repos/a/tags/1",
    "repos/a/tags/1.0",
    "repos/a/tags/latest",
    "repos/a0/tags/1",
]
FOLDERS = sorted({key[: end + 1] for key in RECORDS for end, letter in enumerate(key) if letter == "/"})
BYTES = ["data/d1/d1a", "data/d1/d1b", "data/d2/d2a"]
records = st.sampled_from(RECORDS)
blobs = st.sampled_from(BYTES)
afters = st.just("") | st.sampled_from(RECORDS + BYTES + FOLDERS) | st.text(alphabet="acrl!-/0.", max_size=10)


class Stores(RuleBasedStateMachine):
    """Each rule does one thing to both stores and compares what they answer."""

    @initialize()
    def make(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.model = MemoryStore()
        self.versions: dict[str, list[str]] = {key: [] for key in RECORDS}
        self.real = self.opened()

    def opened(self) -> FilesystemStore:
        store = FilesystemStore(self.folder)
        store.open()
        return store

    def teardown(self) -> None:
        self.real.close()
        shutil.rmtree(self.folder)

    def both(self, what: Any) -> Any:
        """What both stores answer, an error standing for itself."""

        def ask(store: Store) -> Any:
            try:
                return what(store)
            except StoreError as error:
                return type(error)

        expected, found = ask(self.model), ask(self.real)
        assert found == expected
        return found

    def expected(self, key: str, which: int) -> Expected:
        """A condition: ABSENT, ANY, or one of the versions that the key has had, the newest first."""
        versions = self.versions[key]
        return (ABSENT, ANY, "0" * 32)[which] if which < 3 or not versions else versions[-1 - which % len(versions)]

    @rule(key=records, which=st.integers(0, 5), tail=st.binary(max_size=20), sync=st.booleans())
    def put(self, key: str, which: int, tail: bytes, sync: bool) -> None:
        value, nonce = seal({}, tail)
        expected = self.expected(key, min(which, 2 + len(self.versions[key])))
        if self.both(lambda store: store.records.put(key, value, expected, sync=sync)):
            self.versions[key].append(nonce)

    @rule(key=records, which=st.integers(0, 5), sync=st.booleans())
    def delete(self, key: str, which: int, sync: bool) -> None:
        expected = self.expected(key, min(which, 2 + len(self.versions[key])))
        self.both(lambda store: store.records.delete(key, expected, sync=sync))

    @rule(keys=st.lists(records | st.sampled_from(FOLDERS), max_size=4))
    def sync(self, keys: list[str]) -> None:
        self.both(lambda store: store.records.sync(keys))

    @rule(prefix=st.just("") | st.sampled_from(FOLDERS), after=afters, limit=st.integers(0, 6) | st.just(1000))
    def list(self, prefix: str, after: str, limit: int) -> None:
        if prefix:
            self.both(lambda store: [each.key for each in store.records.list(prefix, after, limit)])

    @rule(after=afters, limit=st.integers(0, 4))
    def list_bytes(self, after: str, limit: int) -> None:
        self.both(lambda store: [each.key for each in store.bytes.list("data/", after, limit)])

    @rule(key=blobs, offset=st.integers(0, 12) | st.just(0), data=st.binary(max_size=8))
    def write(self, key: str, offset: int, data: bytes) -> None:
        def write(store: Store) -> object:
            with store.bytes.write(key, offset) as writer:
                writer.write(data)
            return store.bytes.size(key)

        assert self.both(write) in (offset + len(data), BytesShort)

    @rule(key=blobs, size=st.integers(0, 20))
    def finish(self, key: str, size: int) -> None:
        assert self.both(lambda store: store.bytes.finish(key, size)) in (None, BytesShort, BytesGone)

    @rule(key=blobs)
    def delete_bytes(self, key: str) -> None:
        self.both(lambda store: store.bytes.delete(key))
        self.both(lambda store: store.bytes.sync(key))

    @rule(key=blobs, start=st.integers(0, 20), count=st.integers(0, 20))
    def read(self, key: str, start: int, count: int) -> None:
        self.both(lambda store: store.bytes.read(key, start, count))

    @rule()
    def restart(self) -> None:
        self.real.close()
        self.real = self.opened()

    @invariant()
    def the_same_is_visible(self) -> None:
        if hasattr(self, "real"):
            for key in RECORDS:
                self.both(lambda store, key=key: (found := store.records.get(key)) and (found.value, found.version))
                self.both(lambda store, key=key: store.stamp(key) is None)
            for key in BYTES:
                self.both(lambda store, key=key: store.bytes.size(key))


TestStores = Stores.TestCase
TestStores.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
