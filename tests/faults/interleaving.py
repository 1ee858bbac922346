"""Clients, collectors and operators on one memory store, one operation of any of them at a time, as a seed says."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from oci_spec import media_type
from oci_spec.digest import Digest
from oci_spec.manifest import parse_manifest
from registry.content import blobs, catalog, manifests, tags, uploads
from registry.content.errors import BlobUnknown, ContentError, ManifestUnknown, NameUnknown
from registry.content.reads import Reads
from registry.content.records import Author
from registry.content.steps import Operation, Steps
from registry.upkeep.ages import Ages
from registry.upkeep.collector import collect
from registry.upkeep.fsck import fsck
from registry.upkeep.levels import Collector, Tally
from storage_backends.errors import BytesGone, BytesShort
from storage_backends.memory import MemoryStore
from tests.faults.ledger import Ledger, Name
from tests.upkeep.pushing import EMPTY, Client, WriteBytes, descriptor, image, index

REPOSITORIES = ("a", "b")
TAGS = ("1", "2")
LAYERS = (EMPTY, b"layer x", b"layer y")
X, Y = LAYERS[1:]
M, N = image([X], note="m"), image([X, Y], note="n")
FOREIGN = {**descriptor(Y), "mediaType": media_type.OCI_NONDISTRIBUTABLE_LAYER}
BODIES = {
    "m": M,
    "n": N,
    "i": index([M, N]),
    "j": index([M, descriptor(Y)], note="j"),
    "r": image([Y], M, note="r"),
    "f": image([X, FOREIGN], note="f"),
}
NEEDS = {"m": (), "n": (), "i": ("m", "n"), "j": ("m",), "r": (), "f": ()}
PARSED = {name: parse_manifest(body, None) for name, body in BODIES.items()}
DIGESTS = {name: Digest.of(body) for name, body in BODIES.items()}
BLOBS = {Digest.of(data): data for data in LAYERS}
AUTHOR = Author("ann", "2026-01-01T00:00:00Z")
REFUSALS = (ContentError, BytesGone, BytesShort)
"""What a client is told with a clear no; bytes that are cut or gone under an upload are one."""


class Interleaving:
    """`untagged`: collectors take untagged manifests as well. `wrong` gives what is done in an operation's place."""

    def __init__(
        self,
        store: MemoryStore,
        random: Random,
        *,
        untagged: bool,
        wrong: Callable[[Operation], Operation] = lambda operation: operation,
    ) -> None:
        self.store, self.random, self.untagged, self.wrong = store, random, untagged, wrong
        self.ages = Ages(grace=0, trash_time=0, session_time=0, delete_untagged=untagged, older_than=0)
        self.ledger = Ledger()
        roles = [self._client] * random.randint(1, 3) + [self._collector] * random.randint(0, 2)
        self.running: list[Iterator[Any]] = [role() for role in roles]
        self.results: list[Any] = [None] * len(roles)

    def step(self) -> None:
        """One operation of one of them."""
        n = self.random.randrange(len(self.running))
        steps: Any = self.running[n]
        self.ledger.now += 1
        try:
            self.results[n] = self.wrong(steps.send(self.results[n])).do(self.store)
        except REFUSALS as error:
            self.results[n] = self.wrong(steps.throw(error)).do(self.store)

    def cut(self) -> None:
        """The power goes: everybody is dead."""
        self.store.power_cut(self.random)
        self.running.clear()

    # ------------------------------------------------------------------------------------------------ what they do
    def _client(self) -> Steps[None]:
        """One request after another, for ever."""
        while True:
            repository = self.random.choice(REPOSITORIES)
            match self.random.randrange(20):
                case 0:
                    yield from self._delete_repository(repository)
                case 1 | 2 | 3:
                    yield from self._delete_manifest(repository, self.random.choice(list(BODIES)))
                case 4:
                    yield from self._delete_tag(repository, self.random.choice(TAGS))
                case 5:
                    yield from self._delete_blob(repository, self.random.choice(LAYERS))
                case 6:
                    yield from self._give_up_upload(repository)
                case 7 | 8 | 9:
                    yield from self._put(repository, self.random.choice(list(BODIES)), self._some_tags())
                case _:
                    yield from self._push(repository, self.random.choice(list(BODIES)), self._some_tags())

    def _some_tags(self) -> list[str]:
        return self.random.choice([[], ["1"], ["1"], ["2"], ["1", "2"]])

    def _uuid(self) -> str:
        return f"{self.random.getrandbits(128):032x}"

    def _collector(self) -> Steps[None]:
        while True:
            self.ledger.collected = self.ledger.now
            steps = Collector(self.ages, self.store._medium.clock, Tally()).steps()
            operation: Any = next(steps)
            while True:
                self.ledger.collected = self.ledger.now
                try:
                    operation = steps.send((yield operation))
                except StopIteration:
                    break

    def _push(self, repository: str, name: str, names: list[str]) -> Steps[None]:
        """All that a client does for an image: parts mounted or pushed, children, then the manifest."""
        for digest in PARSED[name].links:
            other = self.random.choice(REPOSITORIES)
            mounted = other != repository and (yield from self._mount(other, repository, digest))
            if not mounted:
                yield from self._push_blob(repository, digest)
        for child in NEEDS[name]:
            yield from self._push(repository, child, [])
        yield from self._put(repository, name, names)

    def _push_blob(self, repository: str, digest: Digest) -> Steps[None]:
        request = self.ledger.begin(self.ledger.blobs, (repository, str(digest)), str(digest))
        uuid, data = self._uuid(), BLOBS[digest]
        try:
            session = yield from uploads.begin(repository, uuid, AUTHOR)
            yield WriteBytes(uuid, data)
            yield from uploads.complete(uuid, session, digest, len(data), None)
        except REFUSALS:
            self.ledger.refuse(request)
        else:
            self.ledger.accept(request)

    def _give_up_upload(self, repository: str) -> Steps[None]:
        uuid = self._uuid()
        with contextlib.suppress(*REFUSALS):
            session = yield from uploads.begin(repository, uuid, AUTHOR)
            yield WriteBytes(uuid, b"half of it")
            session = yield from uploads.advance(uuid, session, 10, None)
            if self.random.random() < 0.5:
                yield from uploads.cancel(uuid, session)

    def _mount(self, source: str, repository: str, digest: Digest) -> Steps[bool]:
        request = self.ledger.begin(self.ledger.blobs, (repository, str(digest)), str(digest))
        with contextlib.suppress(*REFUSALS):
            if (yield from blobs.mount(source, repository, digest, AUTHOR)) is not None:
                self.ledger.accept(request)
                return True
        self.ledger.refuse(request)
        return False

    def _put(self, repository: str, name: str, names: list[str]) -> Steps[None]:
        digest = DIGESTS[name]
        requests = [self.ledger.begin(self.ledger.manifests, (repository, str(digest)), str(digest))]
        requests += [self.ledger.begin(self.ledger.tags, (repository, tag), str(digest)) for tag in names]
        try:
            yield from manifests.put(repository, digest, PARSED[name], names, AUTHOR)
        except REFUSALS:
            self.ledger.refuse(*requests)
        else:
            self.ledger.accept(*requests)

    def _delete_manifest(self, repository: str, name: str) -> Steps[None]:
        key = repository, str(DIGESTS[name])
        request = self.ledger.begin(self.ledger.manifests, key, None)
        beside = [self.ledger.begin(self.ledger.tags, (repository, tag), None) for tag in TAGS]
        try:
            yield from manifests.delete(repository, DIGESTS[name])
        except REFUSALS:
            self.ledger.refuse(request)
        else:
            self.ledger.accept(request)
        self.ledger.refuse(*beside)  # a tag that showed another manifest still does

    def _delete_tag(self, repository: str, tag: str) -> Steps[None]:
        request = self.ledger.begin(self.ledger.tags, (repository, tag), None)
        try:
            yield from tags.delete(repository, tag)
        except REFUSALS:
            self.ledger.refuse(request)
        else:
            self.ledger.accept(request)

    def _delete_blob(self, repository: str, data: bytes) -> Steps[None]:
        digest = Digest.of(data)
        request = self.ledger.begin(self.ledger.blobs, (repository, str(digest)), None)
        try:
            yield from blobs.delete(repository, digest)
        except REFUSALS:
            self.ledger.refuse(request)
        else:
            self.ledger.accept(request)

    def _delete_repository(self, repository: str) -> Steps[None]:
        request = self.ledger.begin_repository(repository)
        yield from catalog.delete(repository)
        self.ledger.accept(request)

    # ------------------------------------------------------------------------------------------------ what must hold
    def broken(self) -> Iterator[str]:
        """Every promise that is not kept, everything that a reader should never see."""
        reads, client = Reads(self.store), Client(self.store)
        for finding in fsck(self.store, threads=1).broken:
            yield f"{finding.kind}: {finding.key}: {finding.text}"
        if not self.untagged:
            for name, value in self.ledger.readable_manifests():
                yield from _unreadable(client, name, value)
        for name, value in self.ledger.readable_blobs():
            data = BLOBS[Digest.parse(value)]
            try:
                if client.read(name[0], data) != data:
                    yield f"blob {name}: other bytes"
            except (BlobUnknown, NameUnknown, BytesGone) as error:
                yield f"accepted blob {name} is lost: {error}"
        for repository, digest in self.ledger.gone_manifests():
            with contextlib.suppress(NameUnknown, ManifestUnknown):
                reads.manifest(repository, Digest.parse(digest))
                yield f"deleted manifest {digest} is in {repository!r} again"
        for repository in REPOSITORIES:
            for tag in TAGS:
                shown: str | None = None
                with contextlib.suppress(NameUnknown, ManifestUnknown):
                    shown = str(reads.tagged(repository, tag)[0])
                if shown is not None:
                    yield from _unreadable(client, (repository, tag), shown)
                if shown not in (allowed := self.ledger.values_of_tag((repository, tag))):
                    yield f"tag {repository}:{tag} shows {shown}, not one of {allowed}"

    def after(self) -> Iterator[str]:
        """An operator comes back: two collections leave nothing over, a fresh push succeeds."""
        self.ledger.collected = self.ledger.now
        for _ in range(2):
            error = collect(self.store, self.ages, force=True, clock=self.store._medium.clock).error
            if error is not None:
                yield f"the collector stopped: {error}"
        yield from self.broken()
        if unreferenced := fsck(self.store, threads=1).unreferenced:
            yield f"left over after two collections: {unreferenced}"
        client = Client(self.store)
        for repository in REPOSITORIES:
            client.push(repository, *LAYERS)
            for name in ("m", "n", "i", "j", "r", "f"):
                client.put(repository, BODIES[name], "1")
                client.pull(repository, BODIES[name])


def _unreadable(client: Client, name: Name, digest: str) -> Iterator[str]:
    body = next(body for body in BODIES.values() if str(Digest.of(body)) == digest)
    try:
        client.pull(name[0], body)
    except (ContentError, BytesGone, AssertionError) as error:
        yield f"accepted {name} ({digest}) cannot be read whole: {error!r}"


def run(
    store: MemoryStore, seed: int, wrong: Callable[[Operation], Operation] = lambda operation: operation
) -> Interleaving:
    """Some hundred operations, then the power cut."""
    random = Random(seed)
    interleaving = Interleaving(store, random, untagged=seed % 3 == 0, wrong=wrong)
    for _ in range(random.randint(1, 400)):
        interleaving.step()
    interleaving.cut()
    return interleaving
