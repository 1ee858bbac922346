"""What a path showed is shown again only while nothing that it rests on has changed, whoever changed it."""

from collections.abc import Callable

import pytest

from oci_spec.digest import Digest
from oci_spec.manifest import parse_manifest
from registry.api import kept
from registry.api.routes import Route, Routes
from registry.content import blobs, catalog, manifests, tags
from registry.content.reads import Reads
from registry.content.records import Author
from registry.content.steps import drive
from storage_backends.base import HasStamp, Store
from storage_backends.filesystem import FilesystemStore
from tests.api.client import Client, sha256, wait_until
from tests.api.conftest import Connect, Serve
from tests.api.running import Running

LAYER = f"/v2/a/blobs/{sha256(b'layer')}"
TAG = "/v2/a/manifests/1"


def _kept(server: Running, path: str) -> bool:
    routes: Routes = server.service._routes
    return routes.of(path).kept is not None


@pytest.fixture
def both(serve: Serve, connect: Connect, disk: FilesystemStore) -> tuple[Running, Client, Store]:
    """A server that keeps what two paths show, its client, and the same folder in other hands."""
    server = serve(disk)
    client = connect(server)
    client.image("a", "1", b"layer")

    def all_kept() -> bool:  # once the records are too old to be changed without a new stamp
        for path in (TAG, LAYER):
            client.head(path)
        return _kept(server, TAG) and _kept(server, LAYER)

    wait_until("both are kept", all_kept)
    other = FilesystemStore(str(disk.name))
    other.open()
    return server, client, other


def _author() -> Author:
    return Author("", "2026-01-01T00:00:00Z")


def test_what_is_kept_is_shown_as_before(both: tuple[Running, Client, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    server, client, _ = both
    before = [client.get(path).body for path in (TAG, LAYER)]

    def never(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(server.service.registry.reads, "noting", never)
    assert [client.get(path).body for path in (TAG, LAYER)] == before
    assert client.head(LAYER).status == client.head(TAG).status == 200


def test_another_process_moves_a_tag(both: tuple[Running, Client, Store]) -> None:
    _, client, other = both
    document = client.get(TAG).body + b"\n"
    digest = Digest.of(document)
    drive(manifests.put("a", digest, parse_manifest(document, None), ["1"], _author()), other)
    assert client.head(TAG).header("Docker-Content-Digest") == str(digest)


CHANGES: dict[str, tuple[Callable[[Client, Store], object], str]] = {
    "the tag goes": (lambda client, store: drive(tags.delete("a", "1"), store), TAG),
    "the manifest goes": (
        lambda client, store: drive(
            manifests.delete("a", Digest.parse(client.head(TAG).header("Docker-Content-Digest"))), store
        ),
        TAG,
    ),
    "the repository goes": (lambda client, store: drive(catalog.delete("a"), store), TAG),
    "the blob's repository goes": (lambda client, store: drive(catalog.delete("a"), store), LAYER),
    "the bytes are found bad": (
        lambda client, store: drive(
            blobs.quarantine(Digest.of(b"layer"), Reads(store).blob("a", Digest.of(b"layer")).data or ""), store
        ),
        LAYER,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_another_process_takes_away_is_unknown_at_once(both: tuple[Running, Client, Store], change: str) -> None:
    _, client, other = both
    work, path = CHANGES[change]
    assert client.head(path).status == 200
    work(client, other)
    for method in ("HEAD", "GET"):
        assert client.ask(method, path).status == 404


def test_a_repository_that_comes_again_shows_nothing_of_its_former_life(
    both: tuple[Running, Client, Store],
) -> None:
    _, client, other = both
    drive(catalog.delete("a"), other)
    client.blob("a", b"something else")
    assert client.get(TAG).code == "MANIFEST_UNKNOWN"
    assert client.get(LAYER).code == "BLOB_UNKNOWN"


@pytest.mark.parametrize("store", ["memory", "filesystem"], indirect=True)
def test_routes_let_go_of_what_they_hold_when_it_gets_too_much(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(store, HasStamp)
    monkeypatch.setattr(kept, "LIMIT", 10 * (kept.ROUTE_BYTES + 1000))
    monkeypatch.setattr(store, "settled", lambda stamp: True)
    reads = Reads(store)
    life = drive(catalog.enter("a", ""), store)
    routes = [Route("base", "a") for _ in range(35)]
    holder = kept.Kept(store, reads, lambda reads, route: reads.life("a"), lambda found: 1000)
    for number, route in enumerate(routes):
        assert holder.find(route) == life
        assert route.kept is not None
        assert sum(route.kept is not None for route in routes) <= 10, number


def test_what_is_absent_is_never_kept(serve: Serve, connect: Connect, store: Store) -> None:
    server = serve(store)
    client = connect(server)
    client.blob("a", b"x")
    for _ in range(3):
        assert client.get(TAG).status == client.head(LAYER).status == 404
    assert not _kept(server, TAG) and not _kept(server, LAYER)
    client.image("a", "1", b"layer")
    assert client.get(TAG).status == client.get(LAYER).status == 200
